"""A few of the kills of `kill_matrix.py`, which does fifty."""

from pathlib import Path

import pytest
from kill_matrix import matrix


@pytest.mark.parametrize("rung", ["finetuned", "ulmfit"])
def test_killed_and_resumed_it_ends_in_the_same_bytes(rung: str, tmp_path: Path) -> None:
    fell, wrong = matrix(tmp_path, kills=2, rungs=rung)
    assert sum(fell.values()) == 2
    assert wrong == []
