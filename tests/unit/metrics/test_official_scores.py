"""GLUE's figures as sums over rows: equal to scikit-learn's, and to the plain formulas, on resamples too."""

import numpy as np
import pytest
from sklearn.metrics import f1_score, matthews_corrcoef

from headway.ladder.benchmarks import official_metric
from headway.metrics.classification import f1, matthews


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_matthews(classes: int) -> None:
    random = np.random.default_rng(classes)
    for _ in range(20):
        true, said = random.integers(0, classes, (2, 60))
        found = official_metric("matthews", classes).value(true, said)
        assert (
            found
            == pytest.approx(matthews_corrcoef(true, said))
            == pytest.approx(matthews(true, said, classes))
        )
    assert official_metric("matthews", classes).value(true, np.zeros(60, int)) == 0
    interval = official_metric("matthews", classes).interval(
        true, np.where(random.random(60) < 0.8, true, 0), 0
    )
    assert -1 <= interval.low < interval.value < interval.high <= 1


def test_f1_is_that_of_the_second_class() -> None:
    random = np.random.default_rng(0)
    for share in (0.1, 0.5, 0.9):
        true, said = (random.random((2, 80)) < share).astype(int)
        found = official_metric("f1", 2).value(true, said)
        assert found == pytest.approx(f1_score(true, said)) == pytest.approx(f1(true, said))
    assert official_metric("f1", 2).value(np.zeros(5, int), np.zeros(5, int)) == 0
