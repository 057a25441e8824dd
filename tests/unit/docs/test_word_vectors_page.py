"""docs/word-vectors.md runs: its code from top to bottom."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[3] / "docs" / "word-vectors.md"
TEXT = PAGE.read_text(encoding="utf-8")


def test_its_code_runs_in_order_and_its_claims_hold() -> None:
    names: dict[str, object] = {"__name__": "page"}
    blocks = list(re.finditer(r"^```python\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE))
    assert len(blocks) == 6
    for block in blocks:
        line = TEXT.count("\n", 0, block.start(1))
        code = "\n" * line + block[1]  # so that an error names the page's own line
        exec(compile(code, str(PAGE), "exec"), names)


def test_the_table_says_what_the_text_says_of_it() -> None:
    """The softmax grows with V, the others hardly; the order at the largest vocabulary is the one the text explains."""
    rows = dict(re.findall(r"^\| ((?:n-gram|skip-gram),[^|]*?) \|((?: [\d.e+]+ \|){4})$", TEXT, re.MULTILINE))
    costs = {name: [float(cell) for cell in cells.split("|")[:-1]] for name, cells in rows.items()}
    assert len(costs) == 5
    assert costs["skip-gram, softmax"][-1] > 30 * costs["skip-gram, softmax"][0]
    for name in ("skip-gram, hierarchical", "skip-gram, negatives"):
        assert costs[name][-1] < 4 * costs[name][0]
        assert costs[name][-1] < costs["skip-gram, softmax"][-1] / 100
