"""A few of the kills of `kill_matrix.py`, which does fifty."""

from pathlib import Path

from kill_matrix import matrix


def test_killed_and_resumed_it_ends_in_the_same_bytes(tmp_path: Path) -> None:
    fell, wrong = matrix(tmp_path, kills=2, rungs="finetuned")
    assert sum(fell.values()) == 2
    assert wrong == []
