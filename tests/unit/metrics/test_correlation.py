"""Correlations and Matthews against scipy and scikit-learn, on random and on degenerate input."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as reference

from headway.core.errors import UsageError
from headway.metrics.classification import f1, matthews
from headway.metrics.correlation import from_moments, moments, pearson, ranks, spearman

PAIRS = st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), min_size=2, max_size=40)


@given(PAIRS)
@pytest.mark.filterwarnings("ignore:An input array is constant")
def test_equal_to_scipy(pairs: list[tuple[int, int]]) -> None:
    x, y = np.array(pairs, float).T * 0.1
    assert pearson(x, y) == pytest.approx(stats.pearsonr(x, y).statistic, abs=1e-12, nan_ok=True)
    assert spearman(x, y) == pytest.approx(stats.spearmanr(x, y).statistic, abs=1e-12, nan_ok=True)
    assert ranks(x).tolist() == stats.rankdata(x).tolist()
    constant = np.ptp(x) == 0 or np.ptp(y) == 0
    assert from_moments(moments(x, y).sum(axis=0)) == pytest.approx(
        0 if constant else pearson(x, y), abs=1e-9
    )


def test_numbers_that_cannot_be_scored_are_refused() -> None:
    one, two = np.ones(1), np.array([1.0, np.nan])
    for true, predicted, told in [(one, one, "1 rows"), (one, two, "1 true"), (two, two, "not finite")]:
        with pytest.raises(UsageError, match=told):
            pearson(true, predicted)


LABELS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=40)


@given(LABELS)
@pytest.mark.filterwarnings("ignore:A single label was found")
def test_matthews_and_f1_are_those_of_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    true, predicted = np.array(pairs).T
    assert matthews(true, predicted, 4) == pytest.approx(
        reference.matthews_corrcoef(true, predicted), abs=1e-12
    )
    expected = reference.f1_score(true == 1, predicted == 1, zero_division=0)
    assert f1(true, predicted, positive=1) == pytest.approx(expected)
