"""A few of the kills of `kill_matrix.py`, which does fifty, and some of a reader's training."""

from pathlib import Path

import pytest
from kill_matrix import make_model, matrix, texts

from asked_questions import squad, write


@pytest.mark.parametrize("rung", ["finetuned", "ulmfit"])
def test_killed_and_resumed_it_ends_in_the_same_bytes(rung: str, tmp_path: Path) -> None:
    fell, wrong = matrix(tmp_path, 2, *texts(tmp_path, rung))
    assert sum(fell.values()) == 2
    assert wrong == []


def test_a_killed_reader_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    data, test = (write(tmp_path / f"questions-{seed}.json", squad(60, seed)) for seed in (1, 2))
    recipe = {"epochs": 3, "learning_rate": 5e-3, "window": 16, "stride": 4, "thaw": 1}
    model = make_model(tmp_path / "model")
    options = {"model": str(model), "test": str(test), "rungs": "lexical,finetuned", "recipe": recipe}
    fell, wrong = matrix(tmp_path, 2, data, options)
    assert sum(fell.values()) == 2
    assert wrong == []
