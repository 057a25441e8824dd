"""Spans of tagged tokens, and their F1: what named-entity recognition is scored by (Tjong Kim Sang & De Meulder 2003).

Tags are BIO: B-type begins a span, I-type goes on with it, O is outside. A span is right when its ends and its type
are. As in conlleval, the shared task's scorer, an I- that follows O, or a span of another type, begins one.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from headway.core.errors import UsageError


class Span(NamedTuple):
    """Tokens ``start`` to ``end`` (not included) and their type."""

    start: int
    end: int
    kind: str


def spans(tags: Sequence[str]) -> list[Span]:
    """Return the spans of a sentence's tags in their order. Raises UsageError on a tag that is not BIO."""
    return list(_spans(tags))


def _spans(tags: Sequence[str]) -> Iterator[Span]:
    begun: tuple[int, str] | None = None
    for place, tag in enumerate([*tags, "O"]):
        form, _, kind = tag.partition("-")
        if form not in {"B", "I", "O"} or (form == "O") != (not kind):
            raise UsageError(
                f"{tag!r} is no BIO tag",
                where="tags",
                remedy="Tags are O, B-type and I-type, such as B-person.",
            )
        if begun is not None and (form != "I" or kind != begun[1]):
            yield Span(begun[0], place, begun[1])
            begun = None
        if begun is None and form != "O":
            begun = place, kind


def counts(true: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> npt.NDArray[np.int64]:
    """Return each sentence's spans that are true, that are predicted, and that are both: [B, 3].

    Raises UsageError where the sentences or their tokens are not the same in number.
    """
    if len(true) != len(predicted) or not true:
        raise UsageError(f"{len(predicted)} tagged sentences for {len(true)}", where="metrics")
    rows = []
    for number, (wanted, said) in enumerate(zip(true, predicted, strict=True), 1):
        if len(wanted) != len(said):
            raise UsageError(f"{len(said)} tags for {len(wanted)} tokens", where=f"sentence {number}")
        right, found = set(spans(wanted)), set(spans(said))
        rows.append((len(right), len(found), len(right & found)))
    return np.array(rows, dtype=np.int64)


def from_counts(sums: npt.NDArray[np.integer] | npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Return F1 from sums of `counts`, [..., 3] -> [...]; 0 where there is no span."""
    true, predicted, both = np.moveaxis(sums, -1, 0)
    return np.asarray(2 * both / np.maximum(true + predicted, 1), dtype=np.float64)


def span_f1(true: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> float:
    """Return F1 over all spans of all sentences; of `counts` summed."""
    return float(from_counts(counts(true, predicted).sum(axis=0)))
