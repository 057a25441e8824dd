"""Subwords as fastText hashes them: the character n-grams of a word, each one row of a table of fixed size.

Bojanowski et al. 2017, Enriching Word Vectors with Subword Information, section 3.2. An n-gram is taken from the word
between ``<`` and ``>``; its row is the 32-bit FNV-1a hash of its UTF-8 bytes, modulo the number of rows. The original
reads bytes as signed characters, so a byte of 128 or more is widened with ones before it is mixed in; vectors that
were trained with it need the same.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import DTypeLike

_OFFSET, _PRIME, _MASK = 2166136261, 16777619, 0xFFFFFFFF


def character_spans(word: str, shortest: int, longest: int) -> Iterator[str]:
    """Yield the n-grams of ``<word>`` from ``shortest`` to ``longest`` characters, by their start; a lone ``<`` or
    ``>`` is none.
    """
    padded = f"<{word}>"
    for start in range(len(padded)):
        for end in range(start + shortest, min(start + longest, len(padded)) + 1):
            if end - start > 1 or 0 < start < len(padded) - 1:
                yield padded[start:end]


def hash_bytes(data: bytes) -> int:
    """Return the 32-bit FNV-1a hash of bytes that count as signed characters."""
    value = _OFFSET
    for byte in data:
        value = ((value ^ (byte if byte < 128 else byte | 0xFFFFFF00)) * _PRIME) & _MASK
    return value


def subword_rows(word: str, shortest: int, longest: int, rows: int) -> list[int]:
    """Return the row of each n-gram of a word in a table of ``rows`` rows; an n-gram that repeats counts again."""
    return [hash_bytes(gram.encode()) % rows for gram in character_spans(word, shortest, longest)]


@dataclass(frozen=True)
class Subwords:
    """The table of n-gram vectors, from which words that no one has seen get theirs."""

    shortest: int
    longest: int
    table: np.ndarray  # [buckets, D]

    def astype(self, kind: DTypeLike) -> Self:
        """Return the same with numbers of another kind."""
        return replace(self, table=self.table.astype(kind))

    def rows(self, word: str) -> list[int]:
        """Return the rows of a word's n-grams."""
        return subword_rows(word, self.shortest, self.longest, len(self.table)) if len(self.table) else []

    def vector(self, word: str) -> np.ndarray | None:
        """Return the mean [D] of the vectors of a word's n-grams; None for a word that has none."""
        rows = self.rows(word)
        if not rows:
            return None
        mean: np.ndarray = self.table[rows].mean(axis=0, dtype=np.float32)
        return mean

    def finish(self, words: list[str], vectors: np.ndarray, whole: str | None = None) -> np.ndarray:
        """Return known words' vectors [V, D]: the mean of a word's own vector and those of its n-grams.

        whole: a word that counts as having no n-grams.
        """
        from headway.models.subword_loops import add_subwords

        padded = [b"" if word == whole else f"<{word}>".encode() for word in words]
        starts = np.cumsum([0, *map(len, padded)])
        totals = np.array(vectors, dtype=np.float32)
        counts = np.ones(len(words), dtype=np.float32)
        if len(self.table):
            text = np.frombuffer(b"".join(padded), dtype=np.uint8)
            add_subwords(text, starts, self.shortest, self.longest, self.table, totals, counts)
        finished: np.ndarray = totals / counts[:, None]
        return finished
