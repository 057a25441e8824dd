"""Our scores against scikit-learn's, on random labels and on degenerate ones."""

import numpy as np
import pytest
from sklearn import metrics as reference

from headway.core.errors import UsageError
from headway.metrics.classification import accuracy, confusion, macro_f1, per_class

RANDOM = np.random.default_rng(7)
CASES = {
    "two classes": (RANDOM.integers(0, 2, 200), RANDOM.integers(0, 2, 200), 2),
    "many classes": (RANDOM.integers(0, 40, 300), RANDOM.integers(0, 40, 300), 40),
    "one row": (np.array([1]), np.array([0]), 2),
    "all right": (np.array([0, 1, 2, 1]), np.array([0, 1, 2, 1]), 3),
    "all wrong": (np.array([0, 1, 0]), np.array([1, 0, 1]), 2),
    "one class held out": (np.zeros(5, dtype=int), np.array([0, 0, 1, 2, 0]), 3),
    "always the same": (RANDOM.integers(0, 3, 50), np.zeros(50, dtype=int), 3),
}


@pytest.mark.parametrize("name", CASES)
def test_scores_equal_scikit_learn(name: str) -> None:
    true, predicted, classes = CASES[name]
    labels = np.arange(classes)
    assert accuracy(true, predicted) == reference.accuracy_score(true, predicted)
    expected = reference.f1_score(true, predicted, average="macro", labels=np.unique(true), zero_division=0)
    assert macro_f1(true, predicted, classes) == pytest.approx(expected, abs=1e-12)
    matrix = reference.confusion_matrix(true, predicted, labels=labels)
    np.testing.assert_array_equal(confusion(true, predicted, classes), matrix)
    ours = per_class(true, predicted, classes)
    theirs = reference.precision_recall_fscore_support(true, predicted, labels=labels, zero_division=0)
    for mine, its in zip((ours.precision, ours.recall, ours.f1, ours.rows), theirs, strict=True):
        np.testing.assert_allclose(mine, its, atol=1e-12)


def test_scores_refuse_no_rows_and_unequal_lengths() -> None:
    none = np.zeros(0, dtype=int)
    with pytest.raises(UsageError, match="no rows"):
        accuracy(none, none)
    with pytest.raises(UsageError, match="3 true labels but 2 predicted"):
        macro_f1(np.zeros(3, dtype=int), np.zeros(2, dtype=int), 2)
