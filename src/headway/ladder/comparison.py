"""All rungs on the same held-out rows: scores with intervals, and paired differences."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from headway.bundle.record import Difference, LabelFacts, Score
from headway.core.errors import UsageError
from headway.metrics.bootstrap import interval, paired
from headway.metrics.classification import METRICS, Labels

METRIC_TITLES = {"accuracy": "accuracy", "macro_f1": "macro-F1"}
IMBALANCE = 3.0  # largest class to smallest class, above which macro-F1 decides


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What was measured. Every mapping is keyed by rung, cheapest first."""

    metric: str  # the deciding one
    rows: int  # held out, and predicted by every rung
    scores: dict[str, dict[str, Score]]  # rung -> metric -> score
    versus: dict[str, Difference | None]  # rung minus the best cheaper rung; None for the cheapest
    best: str  # the rung with the best score; of equal ones the cheapest
    shortfall: dict[str, Difference]  # best minus the rung, for each rung cheaper than the best


def choose_metric(labels: Sequence[LabelFacts], asked: str | None = None) -> tuple[str, str]:
    """Return the metric that decides, and why, in words.

    What the user asked for; else macro-F1 when the largest class has more than three times the rows of the
    smallest, since accuracy would hardly notice the smallest; else accuracy.
    """
    if asked is not None:
        if asked not in METRICS:
            raise UsageError(
                f"there is no metric {asked!r}",
                where="--metric",
                remedy=f"Choose one of {', '.join(METRICS)}.",
            )
        return asked, f"{METRIC_TITLES[asked]} decides, as asked"
    largest = max(labels, key=lambda label: label.rows)
    smallest = min(labels, key=lambda label: label.rows)
    ratio = largest.rows / max(1, smallest.rows)
    if ratio > IMBALANCE:
        return "macro_f1", (
            f"macro-F1 decides, because the classes are unequal: {largest.name!r} has {largest.rows:,} rows, "
            f"{smallest.name!r} has {smallest.rows:,}"
        )
    return "accuracy", (
        f"accuracy decides, because no class has more than {IMBALANCE:g} times the rows of another"
    )


def compare(
    true: Labels,
    predictions: Mapping[str, Labels],
    classes: int,
    metric: str,
    seed: int,
    resamples: int = 2000,
) -> Comparison:
    """Score each rung's predictions (cheapest first) of the rows whose labels are ``true``, and pair them.

    A pure function of its arguments. Raises UsageError when there is nothing to compare.
    """
    if not predictions:
        raise UsageError("no rung has predictions to compare", where="ladder")
    scores = {
        rung: {name: _score(name, true, predicted, classes, seed, resamples) for name in METRICS}
        for rung, predicted in predictions.items()
    }

    @cache
    def difference(first: str, second: str) -> Difference:
        found = paired(metric, true, predictions[first], predictions[second], classes, seed, resamples)
        return Difference(against=second, value=found.difference, low=found.low, high=found.high, p=found.p)

    def best_of(rungs: Sequence[str]) -> str:
        return max(rungs, key=lambda rung: scores[rung][metric].value)  # max keeps the first of equals

    order = list(predictions)
    best = best_of(order)
    return Comparison(
        metric=metric,
        rows=len(true),
        scores=scores,
        versus={
            rung: difference(rung, best_of(order[:place])) if place else None
            for place, rung in enumerate(order)
        },
        best=best,
        shortfall={rung: difference(best, rung) for rung in order[: order.index(best)]},
    )


def _score(metric: str, true: Labels, predicted: Labels, classes: int, seed: int, resamples: int) -> Score:
    found = interval(metric, true, predicted, classes, seed, resamples)
    return Score(value=found.value, low=found.low, high=found.high)
