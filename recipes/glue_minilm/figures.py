"""What the cells come to: each metric's mean over the seeds with its interval, and the paired difference of the arms.

Rows are resampled, the same for every seed and arm, and in each resample the metric is the mean over the seeds.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from headway.data.examples import Examples
from headway.metrics.metric import OfRows
from headway.metrics.row_bootstrap import Score, Statistics, row_interval, row_paired

SEED = 0  # of the resampling


def lines(metric: OfRows, scored: Examples, said: dict[str, Sequence[Any]]) -> list[str]:
    """Return a line for each arm, the answers of whose seeds ``said`` holds, and one for the first less the second."""
    found, written = [], []
    for arm, of_seeds in said.items():
        statistics, score = over_seeds(metric, scored, of_seeds)
        whole = row_interval(statistics, score, SEED)
        seeds = " ".join(f"{100 * metric.value(scored.targets, np.array(one)):.2f}" for one in of_seeds)
        written.append(f"{arm:13} {_percent(whole.value, whole.low, whole.high)}   seeds {seeds}")
        found.append(statistics)
    if len(found) == 2 and found[0].shape == found[1].shape:
        paired = row_paired(found[0], found[1], score, SEED)
        written.append(f"{'difference':13} {_percent(paired.difference, paired.low, paired.high, sign='+')}")
    return written


def over_seeds(metric: OfRows, scored: Examples, said: Sequence[Any]) -> tuple[Statistics, Score]:
    """Return the statistics of all seeds' answers side by side, [rows, seeds k], and the mean of the seeds' scores."""
    each = [metric.statistics(scored.targets, np.array(one)) for one in said]

    def score(sums: np.ndarray) -> np.ndarray:
        return metric.score(sums.reshape(*sums.shape[:-1], len(said), -1)).mean(axis=-1)

    return np.concatenate(each, axis=1), score


def _percent(value: float, low: float, high: float, sign: str = "") -> str:
    return f"{100 * value:{sign}.2f} (95 % {100 * low:{sign}.2f} to {100 * high:{sign}.2f})"
