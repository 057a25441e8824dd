"""Errors of sequences that a model wrote: of phonemes, characters or words, by the fewest edits."""

from collections.abc import Hashable, Sequence
from itertools import pairwise

from headway.core.errors import UsageError


def edit_distance(found: Sequence[Hashable], wanted: Sequence[Hashable]) -> int:
    """Return the fewest insertions, deletions and replacements that turn one into the other (Levenshtein 1966)."""
    above = list(
        range(len(wanted) + 1)
    )  # distances of what of `found` is read so far to each beginning of `wanted`
    for row, token in enumerate(found, 1):
        current = [row]
        for (diagonal, up), other in zip(pairwise(above), wanted, strict=True):
            current.append(min(up + 1, current[-1] + 1, diagonal + (token != other)))
        above = current
    return above[-1]


def token_error_rate(
    found: Sequence[Sequence[Hashable]], wanted: Sequence[Sequence[Sequence[Hashable]]]
) -> float:
    """Return all edits over all tokens wanted; of several right answers to one question the nearest counts.

    Raises UsageError when there are not as many answers as questions, or no tokens.
    """
    _check(found, wanted)
    edits = tokens = 0
    for answer, variants in zip(found, wanted, strict=True):
        # Of variants as near as each other the longest: which is counted must not depend on their order.
        nearest, length = min((edit_distance(answer, variant), -len(variant)) for variant in variants)
        edits += nearest
        tokens -= length
    if tokens == 0:
        raise UsageError("no tokens to score", where="wanted")
    return edits / tokens


def sequence_error_rate(
    found: Sequence[Sequence[Hashable]], wanted: Sequence[Sequence[Sequence[Hashable]]]
) -> float:
    """Return the share of the answers that are not wholly one of the right ones. Raises UsageError as above."""
    _check(found, wanted)
    wrong = sum(
        all(tuple(answer) != tuple(variant) for variant in variants)
        for answer, variants in zip(found, wanted, strict=True)
    )
    return wrong / len(found)


def _check(found: Sequence[object], wanted: Sequence[Sequence[object]]) -> None:
    if len(found) != len(wanted) or not found:
        raise UsageError(f"{len(found)} answers to {len(wanted)} questions", where="found")
    if not all(wanted):
        raise UsageError("a question has no right answer", where="wanted")
