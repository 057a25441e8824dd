"""How far a score could be off: bootstrap intervals, and paired comparison of two predictions.

**Resampling.** A score depends on the rows only through the counts of (true, predicted) pairs, so drawing n
rows with replacement is drawing the counts of the observed pairs from a multinomial. That is exact, not an
approximation, and as fast as the number of *distinct* pairs is small.

**Few errors.** A bootstrap only knows the errors that occurred: no error in 50 rows would give the interval
100 % to 100 %, and two identical predictions the difference 0 to 0. So each end reaches at least as far as
the adjusted Wald interval, which adds a few imagined rows: Agresti and Coull (1998) for one score (two right,
two wrong), Bonett and Price (2012) for a paired difference (one each way; identical predictions of n rows
give +-2.8 / n). For macro-F1, a mean over classes, the variance is summed over the classes and the imagined
rows are shared by them, so that a small class without an error is not taken for certain. With dozens of
errors bootstrap and formula agree.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from headway.core.seeding import generator
from headway.metrics.classification import METRICS, Counts, Labels, Tally, confusion, tally

_Z = 1.959963984540054  # the normal distribution's 97.5 % point
_CHUNK = 2_000_000  # numbers held at once: 16 MB


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A score and its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class PairedDifference:
    """First minus second on the same rows: the 95 % interval and the two-sided p-value of "no difference"."""

    difference: float
    low: float
    high: float
    p: float


def interval(
    metric: str, true: Labels, predicted: Labels, classes: int, seed: int, resamples: int = 2000
) -> Interval:
    """Return the score and its 95 % percentile bootstrap interval, widened where errors are few.

    ``metric`` is a key of `METRICS`; labels are integers below ``classes``. A pure function of its arguments.
    """
    value = float(METRICS[metric](tally(confusion(true, predicted, classes))))
    cells = _Cells(classes, *_reduced(metric, true, predicted))
    random = generator(seed, "bootstrap", metric)
    drawn = [METRICS[metric](cells.tally(weights, 1)) for weights in cells.resampled(random, resamples)]
    low, high = np.quantile(np.concatenate(drawn), [0.025, 0.975])
    below, above = _adjusted_wald(metric, true, predicted)
    return Interval(
        value=value,
        low=max(0.0, min(float(low), value - below)),
        high=min(1.0, max(float(high), value + above)),
    )


def paired(
    metric: str,
    true: Labels,
    first: Labels,
    second: Labels,
    classes: int,
    seed: int,
    resamples: int = 2000,
) -> PairedDifference:
    """Return the score of ``first`` minus that of ``second``, its 95 % paired bootstrap interval, and p.

    p is from the paired randomisation test, which swaps the two predictions of each row at random: enumerated
    for accuracy (that is McNemar's exact test), ``resamples`` random swaps for macro-F1 (smallest p 1 in
    ``resamples`` + 1). Two-sided.
    """
    score = METRICS[metric]
    value = float(
        score(tally(confusion(true, first, classes))) - score(tally(confusion(true, second, classes)))
    )
    cells = _Cells(classes, *_reduced(metric, true, first, second))
    random = generator(seed, "bootstrap", metric)
    drawn = [
        score(cells.tally(weights, 1)) - score(cells.tally(weights, 2))
        for weights in cells.resampled(random, resamples)
    ]
    low, high = np.quantile(np.concatenate(drawn), [0.025, 0.975])
    margin = _paired_margin(metric, true, first, second)
    if metric == "accuracy":
        p = _mcnemar(
            int(np.sum((first == true) & (second != true))), int(np.sum((first != true) & (second == true)))
        )
    else:
        p = _randomisation(metric, cells, value, generator(seed, "randomisation", metric), resamples)
    return PairedDifference(
        difference=value,
        low=max(-1.0, min(float(low), value - margin)),
        high=min(1.0, max(float(high), value + margin)),
        p=p,
    )


class _Cells:
    """The distinct tuples of labels (true, predicted[, predicted by another]), and the rows of each."""

    def __init__(self, classes: int, *columns: Labels) -> None:
        self.classes = max(2, classes)  # right and wrong are two
        shape = (self.classes,) * len(columns)
        cells, self.counts = np.unique(np.ravel_multi_index(columns, shape), return_counts=True)
        self.labels = np.unravel_index(cells, shape)

    def resampled(self, random: np.random.Generator, resamples: int) -> Iterator[Counts]:
        """Yield the counts of resampled rows, [chunk, cells] at a time."""
        rows = int(self.counts.sum())
        for size in _chunks(resamples, len(self.counts)):
            yield random.multinomial(rows, self.counts / rows, size=size)

    def swapped(self, random: np.random.Generator, resamples: int) -> Iterator[Counts]:
        """Yield how many rows of each cell have their two predictions swapped, [chunk, cells] at a time."""
        for size in _chunks(resamples, len(self.counts)):
            yield random.binomial(self.counts, 0.5, size=(size, len(self.counts)))

    def tally(self, weights: Counts, column: int) -> Tally:
        """Return the tallies [R, C] of weighted cells [R, cells], by the predictions in ``column``."""
        true, predicted = self.labels[0], self.labels[column]
        return Tally(
            true=self._by_class(weights, true),
            predicted=self._by_class(weights, predicted),
            right=self._by_class(weights[:, true == predicted], true[true == predicted]),
        )

    def _by_class(self, weights: Counts, labels: Labels) -> Counts:
        """Sum the columns of ``weights`` [R, cells] that share a label, into [R, C]."""
        sums = np.zeros((len(weights), self.classes), dtype=np.int64)
        if len(labels):
            order = np.argsort(labels, kind="stable")
            found, starts = np.unique(labels[order], return_index=True)
            sums[:, found] = np.add.reduceat(weights[:, order], starts, axis=1)
        return sums


def _chunks(total: int, width: int) -> Iterator[int]:
    size = max(1, _CHUNK // width)
    for start in range(0, total, size):
        yield min(size, total - start)


def _reduced(metric: str, true: Labels, *predictions: Labels) -> tuple[Labels, ...]:
    """For accuracy only right (0) and wrong (1) matter, which leaves far fewer distinct cells."""
    if metric != "accuracy":
        return (true, *predictions)
    return (
        np.zeros(len(true), dtype=np.int64),
        *((predicted != true).astype(np.int64) for predicted in predictions),
    )


def _strata(metric: str, true: Labels) -> Labels:
    """The rows that are averaged before the mean is taken: all together, or class by class for macro-F1."""
    if metric == "accuracy":
        return np.zeros(len(true), dtype=np.int64)
    return np.unique(true, return_inverse=True)[1]


def _adjusted_wald(metric: str, true: Labels, predicted: Labels) -> tuple[float, float]:
    """How far below and above the score Agresti and Coull's interval reaches, with S strata

        sum_s p_s / S -+ z sqrt(sum_s p_s (1 - p_s) / (n_s + 4/S)) / S,   p_s = (right_s + 2/S) / (n_s + 4/S)

    For macro-F1 the reach is that of macro-recall.
    """
    strata = _strata(metric, true)
    rows = np.bincount(strata)
    right = np.bincount(strata, weights=true == predicted)
    total = len(rows)
    share = (right + 2 / total) / (rows + 4 / total)
    margin = _Z * math.sqrt(float(np.sum(share * (1 - share) / (rows + 4 / total)))) / total
    shift = float(np.mean(right / rows) - np.mean(share))
    return shift + margin, margin - shift


def _paired_margin(metric: str, true: Labels, first: Labels, second: Labels) -> float:
    """Half the width of Bonett and Price's interval of a paired difference, with S strata

        z sqrt(sum_s (b_s + c_s - (b_s - c_s)^2) / (n_s + 2/S)) / S

    where b_s is the share of rows that only ``first`` has right, (rows + 1/S) / (n_s + 2/S), and c_s that of
    ``second``.
    """
    strata = _strata(metric, true)
    rows = np.bincount(strata)
    total = len(rows)
    only_first = np.bincount(strata, weights=(first == true) & (second != true))
    only_second = np.bincount(strata, weights=(first != true) & (second == true))
    b = (only_first + 1 / total) / (rows + 2 / total)
    c = (only_second + 1 / total) / (rows + 2 / total)
    return _Z * math.sqrt(float(np.sum((b + c - (b - c) ** 2) / (rows + 2 / total)))) / total


def _mcnemar(only_first: int, only_second: int) -> float:
    """McNemar's exact test: P(|B - m/2| >= |b - m/2|), B binomial(m, 1/2), m rows where just one is right."""
    discordant = only_first + only_second
    fewer = min(only_first, only_second)
    if 2 * fewer == discordant:
        return 1.0
    log_choose = np.array(
        [
            math.lgamma(discordant + 1) - math.lgamma(k + 1) - math.lgamma(discordant - k + 1)
            for k in range(fewer + 1)
        ]
    )
    return float(min(1.0, 2 * np.exp(log_choose - discordant * math.log(2)).sum()))


def _randomisation(
    metric: str, cells: _Cells, value: float, random: np.random.Generator, resamples: int
) -> float:
    """The share of random swaps, the identity included, that differ at least as much as what was seen."""
    score = METRICS[metric]
    extreme = 0
    for swapped in cells.swapped(random, resamples):
        kept = cells.counts - swapped
        first = score(cells.tally(kept, 1) + cells.tally(swapped, 2))
        second = score(cells.tally(kept, 2) + cells.tally(swapped, 1))
        extreme += int(np.sum(np.abs(first - second) >= abs(value) - 1e-12))
    return (1 + extreme) / (1 + resamples)
