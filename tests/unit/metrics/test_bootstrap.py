"""Intervals and paired tests against the same thing done row by row, and where few rows could deceive."""

import time

import numpy as np
import pytest
from scipy import stats

from headway.metrics.bootstrap import interval, paired
from headway.metrics.classification import METRICS, confusion, macro_f1, tally

NAMES = ["accuracy", "macro_f1"]


def rows(n: int, classes: int, right: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    true = random.integers(0, classes, n)
    return true, np.where(random.random(n) < right, true, random.integers(0, classes, n))


def by_row(metric: str, true: np.ndarray, predicted: np.ndarray, classes: int) -> float:
    return float(METRICS[metric](tally(confusion(true, predicted, classes))))


@pytest.mark.parametrize("metric", NAMES)
def test_interval_is_the_percentile_bootstrap_of_rows(metric: str) -> None:
    true, predicted = rows(600, 4, 0.8, 1)
    random = np.random.default_rng(2)
    drawn = []
    for _ in range(4000):
        chosen = random.integers(0, 600, 600)
        drawn.append(by_row(metric, true[chosen], predicted[chosen], 4))
    found = interval(metric, true, predicted, 4, seed=0)
    assert found.value == by_row(metric, true, predicted, 4)
    assert [found.low, found.high] == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=0.004)


@pytest.mark.parametrize("metric", NAMES)
def test_paired_is_the_paired_bootstrap_and_the_randomisation_test_of_rows(metric: str) -> None:
    true, first = rows(400, 3, 0.85, 3)
    second = np.where(np.random.default_rng(4).random(400) < 0.9, first, 0)
    random = np.random.default_rng(5)
    drawn, swapped = [], []
    for _ in range(4000):
        i = random.integers(0, 400, 400)
        drawn.append(by_row(metric, true[i], first[i], 3) - by_row(metric, true[i], second[i], 3))
        swap = random.random(400) < 0.5
        one, two = np.where(swap, second, first), np.where(swap, first, second)
        swapped.append(by_row(metric, true, one, 3) - by_row(metric, true, two, 3))
    found = paired(metric, true, first, second, 3, seed=0)
    assert found.difference == pytest.approx(drawn_mean(metric, true, first, second))
    assert [found.low, found.high] == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=0.006)
    assert found.p == pytest.approx(np.mean(np.abs(swapped) >= found.difference - 1e-12), abs=0.02)
    back = paired(metric, true, second, first, 3, seed=0)
    assert back.difference == -found.difference
    assert back.p == pytest.approx(found.p, abs=0.02)


def drawn_mean(metric: str, true: np.ndarray, first: np.ndarray, second: np.ndarray) -> float:
    return by_row(metric, true, first, 3) - by_row(metric, true, second, 3)


def test_p_of_accuracy_is_mcnemars_exact_test() -> None:
    for only_first, only_second in [(9, 2), (0, 5), (4, 4), (0, 0), (700, 560)]:
        n = only_first + only_second + 20
        true = np.zeros(n, dtype=int)
        first, second = true.copy(), true.copy()
        second[:only_first] = 1
        first[only_first : only_first + only_second] = 1
        m = only_first + only_second
        expected = stats.binomtest(only_first, m).pvalue if m else 1.0
        assert paired("accuracy", true, first, second, 2, seed=0).p == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("metric", NAMES)
def test_few_errors_never_give_an_empty_interval(metric: str) -> None:
    true = np.arange(50) % 2
    perfect = interval(metric, true, true, 2, seed=0)
    assert perfect.high == 1.0
    assert 0.88 < perfect.low < 0.94  # the exact (Clopper-Pearson) bound is 0.929
    nothing = interval(metric, true, 1 - true, 2, seed=0)
    assert nothing.low == 0.0
    assert 0.06 < nothing.high < 0.12
    same = paired(metric, true, true, true, 2, seed=0)
    assert (same.difference, same.p) == (0.0, 1.0)
    assert 0.04 < same.high == -same.low < 0.07  # about 2.8 / n


def test_a_small_class_without_errors_is_not_taken_for_certain() -> None:
    true = np.repeat([0, 1], [2000, 20])
    predicted = true.copy()
    predicted[:60] = 1 - predicted[:60]  # many errors, all in the large class
    same_but = predicted.copy()
    same_but[60:90] = 1
    assert paired("macro_f1", true, predicted, same_but, 2, seed=0).high > 0.03


@pytest.mark.parametrize("right", [0.5, 0.9, 0.98])
def test_intervals_cover_the_truth(right: float) -> None:
    random = np.random.default_rng(11)
    covered = 0
    for trial in range(400):
        wrong = (random.random(150) > right).astype(int)
        found = interval("accuracy", np.zeros(150, dtype=int), wrong, 2, seed=trial, resamples=400)
        covered += found.low <= right <= found.high
    assert covered / 400 > 0.93


def test_large_and_repeatable() -> None:
    true, first = rows(20_000, 150, 0.9, 6)
    second = np.where(np.random.default_rng(7).random(20_000) < 0.95, first, 3)
    started = time.perf_counter()
    found = paired("macro_f1", true, first, second, 150, seed=1)
    assert time.perf_counter() - started < 20  # about two seconds on an idle laptop
    assert found.low < macro_f1(true, first, 150) - macro_f1(true, second, 150) < found.high
    assert interval("macro_f1", true, first, 150, seed=1) == interval("macro_f1", true, first, 150, seed=1)
