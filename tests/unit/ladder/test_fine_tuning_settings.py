"""The recipe of fine-tuning that nobody has to choose: how long, by rows and classes."""

import pytest

from headway.ladder.encoder_training import settings_for


@pytest.mark.parametrize(
    ("rows", "classes", "epochs"),
    [
        (100, 2, 40),  # 240 steps would be 77 epochs
        (500, 6, 15),
        (2_000, 2, 4),
        (2_000, 77, 25),  # 20 steps a class
        (10_003, 77, 5),
        (1_000_000, 3, 3),
        (1, 1, 40),
    ],
)
def test_few_rows_and_many_classes_take_more_epochs(rows: int, classes: int, epochs: int) -> None:
    assert settings_for(rows, classes).epochs == epochs


def test_a_fresh_head_learns_faster_than_the_encoder() -> None:
    assert settings_for(500, 2).head_factor > 1
