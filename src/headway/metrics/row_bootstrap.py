"""Intervals of any score that is a function of sums over rows: correlations, span F1, means of scores per row.

Resampling rows is drawing how often each row counts, so every resample is a weighted sum of the rows' statistics.
Scores of labels have a faster and, where errors are few, more careful way of their own: `metrics.bootstrap`.
"""

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from headway.core.errors import UsageError
from headway.core.seeding import generator
from headway.metrics.bootstrap import Interval, PairedDifference

Statistics = npt.NDArray[np.integer] | npt.NDArray[np.floating]  # [rows, k]
Score = Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]]  # sums over rows [..., k] -> [...]

_CHUNK = 4_000_000  # numbers held at once: 32 MB


def mean(sums: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the mean of a score per row from sums of (1, score), [..., 2] -> [...]."""
    average: npt.NDArray[np.float64] = sums[..., 1] / np.maximum(sums[..., 0], 1)
    return average


def row_interval(statistics: Statistics, score: Score, seed: int, resamples: int = 2000) -> Interval:
    """Return score(sum of the statistics) with its 95 % percentile bootstrap interval. A pure function."""
    drawn = np.concatenate([score(sums) for (sums,) in _resampled([statistics], seed, resamples)])
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Interval(value=_whole(statistics, score), low=float(low), high=float(high))


def row_paired(
    first: Statistics, second: Statistics, score: Score, seed: int, resamples: int = 2000
) -> PairedDifference:
    """Return the first's score minus the second's on the same rows, its 95 % paired bootstrap interval, and p.

    p is twice the smaller share of resamples on either side of no difference, and at least 1 / (resamples + 1).
    Raises UsageError when they are not of the same rows.
    """
    if first.shape != second.shape:
        raise UsageError(f"{len(first)} rows against {len(second)}", where="metrics")
    drawn = np.concatenate([score(a) - score(b) for a, b in _resampled([first, second], seed, resamples)])
    low, high = np.quantile(drawn, [0.025, 0.975])
    beyond = min(int((drawn <= 0).sum()), int((drawn >= 0).sum()))
    return PairedDifference(
        difference=_whole(first, score) - _whole(second, score),
        low=float(low),
        high=float(high),
        p=min(1.0, 2 * (1 + beyond) / (1 + resamples)),
    )


def _whole(statistics: Statistics, score: Score) -> float:
    return float(score(np.asarray(statistics, np.float64).sum(axis=0)))


def _resampled(
    statistics: list[Statistics], seed: int, resamples: int
) -> Iterator[tuple[npt.NDArray[np.float64], ...]]:
    """Yield the sums of resampled rows, the same rows for each of the statistics: [chunk, k] each."""
    rows = len(statistics[0])
    if rows == 0:
        raise UsageError("no rows to score", where="metrics")
    random = generator(seed, "row bootstrap")
    size = max(1, _CHUNK // rows)
    for start in range(0, resamples, size):
        weights = random.multinomial(rows, np.full(rows, 1 / rows), size=min(size, resamples - start))
        yield tuple(weights.astype(np.float64) @ part for part in statistics)
