"""Accuracy, macro-F1, Matthews' correlation, the confusion matrix, and precision, recall and F1 of each class.

Each score is a function of three counts per class (`Tally`): rows of the class, rows predicted as it, rows of
both. One formula therefore serves a score, its thousands of resamples and its permutations.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from headway.core.errors import UsageError

Labels = npt.NDArray[np.integer]
Counts = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Tally:
    """Rows per class, each [..., C]: of the class, predicted as the class, and both (right)."""

    true: Counts
    predicted: Counts
    right: Counts

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            true=self.true + other.true,
            predicted=self.predicted + other.predicted,
            right=self.right + other.right,
        )


@dataclass(frozen=True, kw_only=True)
class PerClass:
    """Precision, recall and F1 of each class, [C] each; 0 where the denominator is 0."""

    rows: Counts
    precision: Floats
    recall: Floats
    f1: Floats


def accuracy(true: Labels, predicted: Labels) -> float:
    """Return the share of rows whose label was predicted."""
    _check(true, predicted)
    return float(np.mean(true == predicted))


def macro_f1(true: Labels, predicted: Labels, classes: int) -> float:
    """Return the unweighted mean of F1 over the classes that occur in ``true``.

    Equal to scikit-learn's ``f1_score(average="macro", labels=np.unique(true), zero_division=0)``. A class of
    which no row was held out has no F1 to speak of, so it is left out of the mean; a row wrongly predicted as
    such a class still counts against the class that it belongs to.
    """
    return float(METRICS["macro_f1"](tally(confusion(true, predicted, classes))))


def f1(true: Labels, predicted: Labels, positive: int = 1) -> float:
    """Return F1 of one class, 0 where it neither occurs nor is predicted: what MRPC and QQP are scored by in GLUE."""
    classes = 1 + max(positive, int(np.max(true, initial=0)), int(np.max(predicted, initial=0)))
    return float(_f1(tally(confusion(true, predicted, classes)))[positive])


def matthews(true: Labels, predicted: Labels, classes: int) -> float:
    """Return Matthews' correlation of true and predicted labels, of two classes or more (Gorodkin 2004).

    0 where it is not defined: all rows of one class, or all predicted as one. What CoLA is scored by in GLUE.
    """
    counts = tally(confusion(true, predicted, classes))
    rows, right = counts.true.sum(), counts.right.sum()
    together = right * rows - counts.true @ counts.predicted
    spread = float(rows**2 - counts.true @ counts.true) * float(rows**2 - counts.predicted @ counts.predicted)
    return float(together / np.sqrt(spread)) if spread else 0.0


def f1_counts(positive: int) -> Callable[[Labels, Labels], Counts]:
    """Return what makes each row's counts of F1 of one class: of it, said to be of it, and both; [B, 3]."""

    def counts(true: Labels, said: Labels) -> Counts:
        of, named = np.asarray(true) == positive, np.asarray(said) == positive
        return np.stack([of, named, of & named], axis=1).astype(np.int64)

    return counts


def matthews_counts(classes: int) -> Callable[[Labels, Labels], Counts]:
    """Return what makes each row's counts of Matthews' correlation: its class, what was said, right; [B, 2C + 1]."""

    def counts(true: Labels, said: Labels) -> Counts:
        ones = np.eye(classes, dtype=np.int64)
        right = (np.asarray(true) == np.asarray(said)).astype(np.int64)
        return np.concatenate([ones[true], ones[said], right[:, None]], axis=1)

    return counts


def from_matthews_counts(sums: npt.NDArray[np.float64]) -> Floats:
    """Return Matthews' correlation from sums of `matthews_counts`, [..., 2C + 1] -> [...]; 0 where it is undefined."""
    classes = (sums.shape[-1] - 1) // 2
    true, said, right = sums[..., :classes], sums[..., classes:-1], sums[..., -1]
    rows = true.sum(axis=-1)
    together = right * rows - (true * said).sum(axis=-1)
    spread = (rows**2 - (true**2).sum(axis=-1)) * (rows**2 - (said**2).sum(axis=-1))
    return np.where(spread > 0, together / np.sqrt(np.where(spread > 0, spread, 1.0)), 0.0)


def score(metric: str, true: Labels, predicted: Labels, classes: int) -> float:
    """Return the metric of this name, a key of `METRICS`."""
    return float(METRICS[metric](tally(confusion(true, predicted, classes))))


def confusion(true: Labels, predicted: Labels, classes: int) -> Counts:
    """Return the [C, C] count of rows, true label by predicted label."""
    _check(true, predicted)
    cells = np.asarray(true, dtype=np.int64) * classes + np.asarray(predicted, dtype=np.int64)
    return np.bincount(cells, minlength=classes * classes).reshape(classes, classes).astype(np.int64)


def per_class(true: Labels, predicted: Labels, classes: int) -> PerClass:
    """Return rows, precision, recall and F1 of each of the classes."""
    counts = tally(confusion(true, predicted, classes))
    return PerClass(
        rows=counts.true,
        precision=_ratio(counts.right, counts.predicted),
        recall=_ratio(counts.right, counts.true),
        f1=_f1(counts),
    )


def tally(matrix: Counts) -> Tally:
    """Return the tally of a confusion matrix [C, C]."""
    return Tally(true=matrix.sum(axis=1), predicted=matrix.sum(axis=0), right=np.diagonal(matrix))


def _tally_accuracy(counts: Tally) -> Floats:
    return _ratio(counts.right.sum(axis=-1), counts.true.sum(axis=-1))


def _tally_macro_f1(counts: Tally) -> Floats:
    occurring = counts.true > 0
    return _ratio((_f1(counts) * occurring).sum(axis=-1), occurring.sum(axis=-1))


METRICS: dict[str, Callable[[Tally], Floats]] = {"accuracy": _tally_accuracy, "macro_f1": _tally_macro_f1}


def _f1(counts: Tally) -> Floats:
    return _ratio(2 * counts.right, counts.true + counts.predicted)


def _ratio(part: npt.NDArray[np.number], whole: npt.NDArray[np.number]) -> Floats:
    return np.asarray(part / np.maximum(whole, 1), dtype=np.float64)


def _check(true: Labels, predicted: Labels) -> None:
    if len(true) != len(predicted):
        raise UsageError(f"{len(true)} true labels but {len(predicted)} predicted ones", where="metrics")
    if len(true) == 0:
        raise UsageError("no rows to score", where="metrics", remedy="Hold out at least one row.")
