"""docs/attention.md runs: its code from top to bottom, over the functions that the models use."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from headway.blocks import attention

PAGE = Path(__file__).parents[3] / "docs" / "attention.md"
TEXT = PAGE.read_text(encoding="utf-8")


@pytest.fixture
def default_dtype() -> Iterator[None]:
    before = torch.get_default_dtype()
    yield
    torch.set_default_dtype(before)


@pytest.mark.usefixtures("default_dtype")
def test_its_code_runs_in_order_and_its_claims_hold() -> None:
    names: dict[str, object] = {"__name__": "page"}
    blocks = list(re.finditer(r"^```python\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE))
    assert len(blocks) >= 10
    with torch.random.fork_rng(devices=[]):
        for block in blocks:
            line = TEXT.count("\n", 0, block.start(1))
            code = "\n" * line + block[1]  # so that an error names the page's own line
            exec(compile(code, str(PAGE), "exec"), names)
    for name in ("attend", "attend_with_weights", "attend_ragged", "SelfAttention"):
        assert names[name] is getattr(attention, name)


def test_the_table_of_sizes_states_what_the_code_measures() -> None:
    """The figures of the table are those that the page's code compares with what it measures."""
    rows = re.findall(r"^\| ((?:none|post|pre)[^|]*?) \|((?: [\d.]+ \|)+)$", TEXT, re.MULTILINE)
    table = {name: [float(cell) for cell in cells.split("|")[:-1]] for name, cells in rows}
    stated = re.findall(r'^    "([^"]+)": \(.*\[([\d., ]+)\]\),$', TEXT, re.MULTILINE)
    assert table == {name: [float(cell) for cell in cells.split(",")] for name, cells in stated}
    assert len(table) == 4


def test_the_files_it_names_are_there() -> None:
    files = re.findall(r"`(models/\w+\.py)`", TEXT)
    assert len(files) == 7
    root = Path(attention.__file__).parents[1]
    assert all((root / file).is_file() for file in files)
