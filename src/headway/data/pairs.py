"""Line pairs: a source, a tab, its target. What a sequence-to-sequence model learns from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from headway.core.errors import DataError
from headway.core.seeding import generator
from headway.data.corpus import HELD_OUT, Corpus


class Pair(NamedTuple):
    """Two texts, and the line that they stand in."""

    source: str
    target: str
    where: str


def read_pairs(corpus: Corpus) -> list[Pair]:
    """Read the lines of a corpus as pairs; blank lines are passed over, blanks around a text are left out.

    Raises DataError on a line that does not have exactly one tab, with something before and after it.
    """
    pairs = []
    for file, document in zip(corpus.files, corpus.documents, strict=True):
        for number, line in enumerate(document, 1):
            if not line.strip():
                continue
            parts = [part.strip() for part in line.split("\t")]
            where = f"{file}, line {number}"
            if len(parts) != 2:
                raise DataError(
                    f"holds {len(parts) - 1} tabs instead of one between source and target: {_shown(line)}",
                    where=where,
                    remedy="Write each pair in a line of its own: the source, a tab, the target.",
                )
            if not all(parts):
                raise DataError(
                    f"has no {'target' if parts[0] else 'source'}: {_shown(line)}",
                    where=where,
                    remedy="Complete the pair, or remove the line.",
                )
            pairs.append(Pair(parts[0], parts[1], where))
    return pairs


def split_pairs(
    pairs: Sequence[Pair], seed: int, where: str, share: float = HELD_OUT
) -> tuple[list[Pair], list[Pair]]:
    """Hold out the pairs of a share of the sources, drawn by the seed: no source stands on both sides.

    Raises DataError when there are too few sources to hold one out.
    """
    sources = sorted({pair.source for pair in pairs})
    count = int(share * len(sources))
    if count < 1:
        raise DataError(
            f"has pairs of {len(sources)} different sources, too few to hold {share:.0%} of them out",
            where=where,
            remedy=f"Give pairs of at least {round(1 / share)} different sources.",
        )
    drawn = generator(seed, "held-out sources").permutation(len(sources))[:count]
    held_out = {sources[place] for place in drawn}
    return (
        [pair for pair in pairs if pair.source not in held_out],
        [pair for pair in pairs if pair.source in held_out],
    )


def _shown(line: str) -> str:
    return repr(line if len(line) <= 60 else line[:57] + "...")
