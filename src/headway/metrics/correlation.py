"""Correlations of two series of numbers: what similarity and other regression is scored by (STS-B in GLUE)."""

import numpy as np
import numpy.typing as npt

from headway.core.errors import UsageError

Numbers = npt.NDArray[np.floating]


def pearson(true: Numbers, predicted: Numbers) -> float:
    """Return Pearson's correlation; not a number where either series is constant, as in scipy."""
    x, y = _centred(true, predicted)
    with np.errstate(invalid="ignore", divide="ignore"):
        return float(np.clip(x @ y / (np.linalg.norm(x) * np.linalg.norm(y)), -1.0, 1.0))


def spearman(true: Numbers, predicted: Numbers) -> float:
    """Return Spearman's: Pearson's of the ranks, equal numbers sharing the mean of theirs."""
    _check(true, predicted)
    return pearson(ranks(true), ranks(predicted))


def ranks(numbers: Numbers) -> npt.NDArray[np.float64]:
    """Return each number's rank from 1; equal ones share the mean of their ranks."""
    _, inverse, counts = np.unique(numbers, return_inverse=True, return_counts=True)
    last: npt.NDArray[np.float64] = counts.cumsum() - (counts - 1) / 2
    return last[inverse]


def moments(true: Numbers, predicted: Numbers) -> npt.NDArray[np.float64]:
    """Return what Pearson's correlation needs of each row, [B, 6]: 1, x, y, xx, yy, xy, both series standardised."""
    x, y = (series / (series.std() or 1.0) for series in _centred(true, predicted))
    return np.stack([np.ones(len(x)), x, y, x * x, y * y, x * y], axis=1)


def rank_moments(true: Numbers, predicted: Numbers) -> npt.NDArray[np.float64]:
    """Return the `moments` of the ranks, which give Spearman's correlation.

    Resampled rows keep the ranks that they have among all.
    """
    return moments(ranks(true), ranks(predicted))


def from_moments(sums: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return Pearson's correlation from sums of `moments`, [..., 6] -> [...]; 0 where a series is constant."""
    n, x, y, xx, yy, xy = np.moveaxis(sums, -1, 0)
    spread = np.sqrt(np.maximum(n * xx - x * x, 0.0) * np.maximum(n * yy - y * y, 0.0))
    return np.where(spread > 0, (n * xy - x * y) / np.where(spread > 0, spread, 1.0), 0.0)


def _centred(true: Numbers, predicted: Numbers) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    _check(true, predicted)
    x, y = np.asarray(true, np.float64), np.asarray(predicted, np.float64)
    constant = np.ptp(x) == 0, np.ptp(y) == 0  # rounding must not make a constant vary
    return (
        np.zeros_like(x) if constant[0] else x - x.mean(),
        np.zeros_like(y) if constant[1] else y - y.mean(),
    )


def _check(true: Numbers, predicted: Numbers) -> None:
    if len(true) != len(predicted):
        raise UsageError(f"{len(true)} true numbers but {len(predicted)} predicted ones", where="metrics")
    if len(true) < 2:
        raise UsageError(
            f"{len(true)} rows have no correlation", where="metrics", remedy="Give at least two."
        )
    if not (np.isfinite(true).all() and np.isfinite(predicted).all()):
        raise UsageError("a number to score is not finite", where="metrics")
