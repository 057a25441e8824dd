"""Intervals of scores that are sums over rows, against resampling row by row."""

import numpy as np
import pytest

from headway.core.errors import UsageError
from headway.metrics.correlation import from_moments, moments, pearson
from headway.metrics.row_bootstrap import mean, row_interval, row_paired

RANDOM = np.random.default_rng(0)
TRUE = RANDOM.normal(size=300)
GOOD, POOR = TRUE + 0.5 * RANDOM.normal(size=300), TRUE + RANDOM.normal(size=300)


def test_the_interval_is_the_percentile_bootstrap_of_rows() -> None:
    found = row_interval(moments(TRUE, GOOD), from_moments, seed=0)
    chosen = [RANDOM.integers(0, 300, 300) for _ in range(4000)]
    drawn = [pearson(TRUE[rows], GOOD[rows]) for rows in chosen]
    assert found.value == pytest.approx(pearson(TRUE, GOOD))
    assert [found.low, found.high] == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=0.006)
    assert found == row_interval(moments(TRUE, GOOD), from_moments, seed=0)


def test_pairing_sees_what_separate_intervals_do_not() -> None:
    found = row_paired(moments(TRUE, GOOD), moments(TRUE, POOR), from_moments, seed=0)
    assert found.difference == pytest.approx(pearson(TRUE, GOOD) - pearson(TRUE, POOR))
    assert 0 < found.low < found.difference < found.high and found.p < 0.01
    same = row_paired(moments(TRUE, GOOD), moments(TRUE, GOOD), from_moments, seed=0)
    assert (same.difference, same.low, same.high, same.p) == (0, 0, 0, 1)


def test_a_mean_of_scores_and_what_cannot_be_compared() -> None:
    rows = np.stack([np.ones(50), np.arange(50) % 2], axis=1)
    assert row_interval(rows, mean, seed=1).value == 0.5
    for first, second in [(rows, rows[:-1]), (rows[:0], rows[:0])]:
        with pytest.raises(UsageError):
            row_paired(first, second, mean, seed=0)
