"""Several trainings: the best is returned, and what all of them scored is told."""

from typing import Any

import pytest

from headway.data.examples import Examples
from headway.ladder.choosing import best_of
from headway.ladder.measured import mean_seed_scores
from headway.ladder.wording import seeds_words
from headway.training.settings import TrainingSettings

EXAMPLES = Examples.of_texts([f"text {number}" for number in range(40)], ["a", "b"] * 20, "test")


class Made:
    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.settings: dict[str, Any] = {}


@pytest.mark.parametrize("seeds", [1, 3])
def test_the_best_is_returned_with_the_scores_of_all(seeds: int) -> None:
    given: list[tuple[int, int | None, int]] = []
    scores = iter([0.5, 0.75, 0.25])

    def train(rows: Examples, kept_from: Examples | None, seed: int) -> tuple[Made, float]:
        given.append((len(rows), None if kept_from is None else len(kept_from), seed))
        return Made(seed), next(scores)

    settings = TrainingSettings(epochs=1, learning_rate=1e-3, seeds=seeds)
    best = best_of(train, EXAMPLES, settings, 7)
    assert len({seed for _, _, seed in given}) == seeds and given[0][2] == 7
    if seeds == 1:
        assert given == [(40, None, 7)] and best.settings == {}
    else:
        assert best.seed == given[1][2]
        assert best.settings == {"seed_scores": [0.5, 0.75, 0.25]}
        assert all((rows, kept) == (36, 4) for rows, kept, _ in given)


def test_parts_are_averaged_seed_by_seed() -> None:
    assert mean_seed_scores([[0.5, 1.0], [1.0, 0.75]]) == [0.75, 0.875]
    assert mean_seed_scores([None, None]) is None


def test_the_spread_in_words() -> None:
    told = "3 seeds 91.0, 94.0, 92.5 % on the rows kept to choose by (mean 92.5, deviation 1.5)"
    assert seeds_words([0.91, 0.94, 0.925]) == told
