"""All rungs on the same held-out rows: scores with intervals, and paired differences."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from headway.bundle.record import Difference, Score
from headway.core.errors import UsageError
from headway.metrics.metric import RESAMPLES, Metric


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What was measured. Every mapping is keyed by rung, cheapest first."""

    metric: str  # the deciding one
    rows: int  # held out, and predicted by every rung
    scores: dict[str, dict[str, Score]]  # rung -> metric -> score
    versus: dict[str, Difference | None]  # rung minus the best cheaper rung; None for the cheapest
    best: str  # the rung with the best score; of equal ones the cheapest
    shortfall: dict[str, Difference]  # best minus the rung, for each rung cheaper than the best


def compare(
    true: np.ndarray,
    said: Mapping[str, np.ndarray],
    metrics: Sequence[Metric],
    deciding: str,
    seed: int,
    resamples: int = RESAMPLES,
) -> Comparison:
    """Score what each rung (cheapest first) said of the rows whose targets are ``true``, and pair the rungs.

    ``deciding`` names one of the metrics. A pure function of its arguments. Raises UsageError when there is nothing
    to compare.
    """
    if not said:
        raise UsageError("no rung has predictions to compare", where="ladder")
    scores = {
        rung: {metric.name: _score(metric, true, answers, seed, resamples) for metric in metrics}
        for rung, answers in said.items()
    }
    decides = next(metric for metric in metrics if metric.name == deciding)

    @cache
    def difference(first: str, second: str) -> Difference:
        found = decides.paired(true, said[first], said[second], seed, resamples)
        return Difference(against=second, value=found.difference, low=found.low, high=found.high, p=found.p)

    def best_of(rungs: Sequence[str]) -> str:
        return max(rungs, key=lambda rung: scores[rung][deciding].value)  # max keeps the first of equals

    order = list(said)
    best = best_of(order)
    return Comparison(
        metric=deciding,
        rows=len(true),
        scores=scores,
        versus={
            rung: difference(rung, best_of(order[:place])) if place else None
            for place, rung in enumerate(order)
        },
        best=best,
        shortfall={rung: difference(best, rung) for rung in order[: order.index(best)]},
    )


def _score(metric: Metric, true: np.ndarray, said: np.ndarray, seed: int, resamples: int) -> Score:
    found = metric.interval(true, said, seed, resamples)
    return Score(value=found.value, low=found.low, high=found.high)
