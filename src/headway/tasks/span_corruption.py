"""T5's pretraining objective: spans of a text are left out, and the model says what they were (Raffel et al. 2020,
section 3.1.4).

    text     Thank you for inviting me to your party last week
    source   Thank you <X> me to your party <Y> week
    target   <X> for inviting <Y> last <Z>
"""

from typing import NamedTuple

import numpy as np

from headway.core.errors import UsageError

DENSITY = 0.15  # the share of the tokens that is left out
MEAN_SPAN = 3.0  # tokens


class Corrupted(NamedTuple):
    """A text with spans left out, and the spans; sentinels say which is which."""

    source: np.ndarray
    target: np.ndarray


def draw_spans(
    length: int, random: np.random.Generator, *, density: float = DENSITY, mean_span: float = MEAN_SPAN
) -> np.ndarray:
    """Return which tokens of a text are left out, bool [T]: round(density T) of them, but neither none nor all.

    They form round(that / mean_span) spans, at least one. Of all ways to cut the tokens left out into so many spans,
    and the others into as many stretches before them, each is equally likely: as in the published code, a text
    begins with what is kept and ends with what is left out. Raises UsageError on a text of fewer than two tokens.
    """
    if length < 2:
        raise UsageError(f"a text of {length} token cannot be kept and left out", where="length")
    noise = min(max(round(length * density), 1), length - 1)
    spans = min(max(round(noise / mean_span), 1), noise, length - noise)
    kept, left_out = _cut(length - noise, spans, random), _cut(noise, spans, random)
    return np.repeat(np.tile([False, True], spans), np.stack([kept, left_out], axis=1).ravel())


def corrupt(ids: np.ndarray, left_out: np.ndarray, sentinels: np.ndarray) -> Corrupted:
    """Put sentinel s in the place of the s-th span, and after each sentinel what stood there; then one sentinel more.

    The target is all that was left out, delimited by the sentinels, and a final one. Neither holds an end token.
    Raises UsageError when there are more spans than sentinels for them.
    """
    begins = left_out & ~np.concatenate([[False], left_out[:-1]])
    spans = int(begins.sum())
    if spans >= len(sentinels):
        raise UsageError(
            f"{spans} spans need {spans + 1} sentinels, found {len(sentinels)}",
            where="sentinels",
            remedy="Cut the text into shorter ones.",
        )
    places = np.flatnonzero(begins)
    marked = ids.astype(np.int64)
    marked[places] = sentinels[:spans]
    source = marked[~left_out | begins]
    ranks = np.cumsum(left_out)[places] - 1  # how many tokens are left out before each span
    target = np.insert(ids[left_out].astype(np.int64), ranks, sentinels[:spans])
    return Corrupted(source, np.append(target, sentinels[spans]))


def _cut(tokens: int, parts: int, random: np.random.Generator) -> np.ndarray:
    """Cut so many tokens into parts of at least one, each way equally likely; return the sizes [parts]."""
    ends = np.sort(random.choice(tokens - 1, parts - 1, replace=False)) + 1
    return np.diff(np.concatenate([[0], ends, [tokens]]))
