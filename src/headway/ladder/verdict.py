"""The verdict: which rung ships, said in a sentence to act on, and what the held-out rows cannot decide.

The rule. The best score ships, unless a cheaper rung is *shown* to be good enough: the 95 % paired interval
of (best minus cheaper) lies below the tolerance as a whole; then the cheapest such rung ships. "Not
significant" is not "equal": a cheaper rung whose interval straddles the tolerance does not ship. It is named
as not decided, with the rows that would decide it.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

from headway.bundle.record import Difference, RungRecord, Verdict
from headway.core.errors import TrainingError
from headway.ladder.comparison import Comparison
from headway.ladder.wording import (
    METRIC_TITLES,
    difference_words,
    points,
    score_words,
    span,
    tolerance_words,
)

Split = Literal["holdout", "folds", "test file"]

# The rungs that read no input, and what each does.
BLIND = {
    "majority": "always giving the most frequent label",
    "mean": "always giving the mean",
    "unanswered": "answering no question",
    "shares": "giving every row the labels that most rows have",
}
TOO_MANY_ROWS = 1_000_000
_LABELLED_PER_HELD_OUT = {"holdout": 5, "folds": 1, "test file": 1}
_ROWS_NAMED = {"holdout": "labelled rows", "folds": "labelled rows", "test file": "rows in the test file"}


def decide(
    comparison: Comparison | None,
    rungs: Sequence[RungRecord],
    *,
    metric_why: str,
    split: Split,
    tolerance: float = 0.01,
) -> Verdict:
    """Return what ships and why.

    ``rungs`` is the whole ladder, cheapest first, those that were not measured included; ``comparison`` is
    None when none was, which raises TrainingError with each reason. ``split`` says how rows are held out, and
    so which rows the user would have to add.
    """
    ladder = {rung.name: rung for rung in rungs}
    if comparison is None:
        reasons = "; ".join(f"{rung.title}: {rung.reason or rung.status}" for rung in rungs)
        raise TrainingError("no rung of the ladder could be measured", remedy=reasons or None)
    ships = _ships(comparison, tolerance)
    return Verdict(
        ships=ships,
        best=comparison.best,
        metric=comparison.metric,
        metric_why=metric_why,
        tolerance=tolerance,
        sentence=_sentence(comparison, ladder, ships, tolerance),
        undecided=tuple(_undecided(comparison, ladder, ships, tolerance, split)),
    )


def more_rows(difference: Difference, tolerance: float, rows: int, split: Split) -> int | None:
    """Return about how many more rows bring the interval clear of the tolerance, or None: too many to matter.

    The interval's reach shrinks with the square root of the rows while the difference stays. With a holdout,
    one in five new labelled rows is held out.
    """
    gap = abs(tolerance - difference.value)
    below = difference.value < tolerance
    reach = difference.high - difference.value if below else difference.value - difference.low
    if gap == 0 or rows * (reach / gap) ** 2 > 10 * TOO_MANY_ROWS:
        return None
    needed = max(10.0, rows * ((reach / gap) ** 2 - 1) * _LABELLED_PER_HELD_OUT[split])
    unit = 10 ** (math.floor(math.log10(needed)) - 1)
    rounded = math.ceil(needed / unit) * unit
    return rounded if rounded <= TOO_MANY_ROWS else None


def _ships(comparison: Comparison, tolerance: float) -> str:
    for rung, shortfall in comparison.shortfall.items():
        if shortfall.high < tolerance:
            return rung
    return comparison.best


def _sentence(comparison: Comparison, ladder: Mapping[str, RungRecord], ships: str, tolerance: float) -> str:
    nothing = _nothing_learned(comparison, ladder, ships, tolerance)
    if nothing is not None:
        return nothing
    opening = f"Ship {ladder[ships].title}: {_scored(comparison, ships)}"
    if ships != comparison.best:
        close = f"within {tolerance_words(tolerance)} of the best ({_higher(comparison, ladder, ships)})"
        return f"{opening}, {close}{_thrift(ladder[ships], ladder[comparison.best])}."
    versus = comparison.versus[ships]
    if versus is not None:
        cheaper = ladder[versus.against].title
        gap = f"{points(versus.value)} above {cheaper} ({span(versus.low, versus.high)})"
        return f"{opening}, {gap}." if versus.low > 0 else f"{opening}, {gap}, which may be chance."
    if len(comparison.scores) == 1:
        return f"{opening}. No other rung was measured, so there is nothing to compare it with."
    return f"{opening}, the best score, and no measured rung is cheaper."


def _nothing_learned(
    comparison: Comparison, ladder: Mapping[str, RungRecord], ships: str, tolerance: float
) -> str | None:
    """Say so when a rung that reads no input does as well; None when something was learned."""
    blind = next((rung for rung in BLIND if rung in comparison.scores), None)
    if blind is None:
        return None
    always = f"{BLIND[blind]} ({_scored(comparison, blind)})"
    if comparison.best == blind:
        if len(comparison.scores) == 1:
            return f"Nothing was learned: no rung but {always} was measured."
        return f"Nothing was learned: no rung scores higher than {always}. Check the labels, or add rows."
    if ships == blind:
        return (
            f"Nothing useful was learned: {always} is within {tolerance_words(tolerance)} of the best "
            f"({_higher(comparison, ladder, ships)})."
        )
    gain = comparison.shortfall[blind]
    if gain.low > 0:
        return None
    return (
        f"Nothing is shown to be learned: {ladder[comparison.best].title} has the best score, "
        f"{_scored(comparison, comparison.best)}, but its lead over {always}, {difference_words(gain)}, "
        "may be chance. Check the labels, or add rows."
    )


def _undecided(
    comparison: Comparison, ladder: Mapping[str, RungRecord], ships: str, tolerance: float, split: Split
) -> list[str]:
    """Name the cheaper rungs that may do, the dearer ones that may be better, and those not measured."""
    best = ladder[comparison.best].title

    def sentence(question: str, lower: Difference, needed: int | None) -> str:
        seen = f"{points(lower.value)} lower here, interval {span(lower.low, lower.high)}"
        return f"Not decided: {question} ({seen}); {_remedy(needed, split)}."

    order = list(comparison.scores)
    sentences = []
    for rung in order[: order.index(ships)]:
        lower = comparison.shortfall[rung]
        if lower.low < tolerance <= lower.high:
            question = (
                f"whether {ladder[rung].title} is less than {tolerance_words(tolerance)} worse than {best}"
                if tolerance > 0
                else f"whether {best} is better than {ladder[rung].title} at all"
            )
            sentences.append(sentence(question, lower, more_rows(lower, tolerance, comparison.rows, split)))
    for rung in order[order.index(comparison.best) + 1 :]:
        gain = comparison.versus[rung]  # against the best, since no dearer rung scores higher
        if gain is not None and gain.high > tolerance:
            margin = f" by more than {tolerance_words(tolerance)}" if tolerance > 0 else ""
            question = f"whether {ladder[rung].title} is better than {best}{margin}"
            needed = more_rows(gain, tolerance, comparison.rows, split)
            sentences.append(sentence(question, _negated(gain), needed))
    unmeasured = [rung for rung in ladder.values() if rung.name not in comparison.scores]
    if unmeasured:
        named = "; ".join(f"{rung.title} ({rung.reason or rung.status})" for rung in unmeasured)
        sentences.append(f"Not measured, so not judged: {named}.")
    return sentences


def _negated(difference: Difference) -> Difference:
    return replace(difference, value=-difference.value, low=-difference.high, high=-difference.low)


def _remedy(needed: int | None, split: Split) -> str:
    if needed is None:
        return "the difference is so close to the tolerance that more rows will not settle it"
    return f"about {needed:,} more {_ROWS_NAMED[split]} would decide"


def _scored(comparison: Comparison, rung: str) -> str:
    metric = comparison.metric
    return f"{METRIC_TITLES[metric]} {score_words(comparison.scores[rung][metric], metric)}"


def _higher(comparison: Comparison, ladder: Mapping[str, RungRecord], rung: str) -> str:
    """'fine-tuned encoder, 0.3 points higher, interval −0.2 to 0.8'."""
    ahead = comparison.shortfall[rung]
    lead = f"{points(ahead.value)} higher, interval {span(ahead.low, ahead.high)}"
    return f"{ladder[comparison.best].title}, {lead}"


def _thrift(ships: RungRecord, best: RungRecord) -> str:
    """', and 40 times faster per answer', or smaller, when it is clearly so."""
    for ours, theirs, gain in (
        (ships.latency_ms, best.latency_ms, "faster per answer"),
        (ships.size_bytes, best.size_bytes, "smaller"),
    ):
        if ours and theirs and theirs / ours >= 1.5:
            ratio = theirs / ours
            return f", and {ratio:,.0f} times {gain}" if ratio >= 9.5 else f", and {ratio:.1f} times {gain}"
    return ""
