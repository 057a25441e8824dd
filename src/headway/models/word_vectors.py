"""Word vectors, finished: words, a row for each, and what can be asked of them.

What is trained (two matrices, counts, a rate) is `models/word2vec.py`; this is what is left when training is over, or
what someone else published. It needs numpy alone, and its matrix may be mapped from a file.
"""

import difflib
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np

from headway.core.errors import UsageError
from headway.models.subwords import Subwords

_BLOCK = 512  # scores of which the highest is known first
_SCORES = 1 << 24  # cosines that are held at once


class Neighbour(NamedTuple):
    """A word and the cosine of its vector with the one that was asked about."""

    word: str
    cosine: float


class WordVectors:
    """Words and their vectors, most frequent first where the source knew frequencies.

    words: V different ones; matrix: [V, D] float32, read only here; subwords: what gives unknown words a vector;
    counts: [V], how often each word stood in the corpus. Raises UsageError when these do not fit together.
    """

    def __init__(
        self,
        words: Sequence[str],
        matrix: np.ndarray,
        *,
        subwords: Subwords | None = None,
        counts: np.ndarray | None = None,
    ) -> None:
        self.words = list(words)
        self.matrix = matrix
        self.subwords = subwords
        self.counts = counts
        self.index = {word: row for row, word in enumerate(self.words)}
        if matrix.ndim != 2 or len(matrix) != len(self.words):
            raise UsageError(
                f"{len(self.words):,} words need as many rows, not {matrix.shape}", where="matrix"
            )
        if len(self.index) != len(self.words):
            repeated = next(word for row, word in enumerate(self.words) if self.index[word] != row)
            raise UsageError(f"the word {repeated!r} stands there twice", where="words")
        if subwords is not None and subwords.table.shape[1] != matrix.shape[1]:
            raise UsageError(
                f"have {subwords.table.shape[1]} numbers each, the words {matrix.shape[1]}", where="subwords"
            )
        if counts is not None and len(counts) != len(self.words):
            raise UsageError(
                f"{len(self.words):,} words need as many counts, not {len(counts):,}", where="counts"
            )

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: str) -> bool:
        """Say whether a word has a row of its own; subwords do not count."""
        return word in self.index

    @property
    def size(self) -> int:
        """D, the numbers in a vector."""
        return int(self.matrix.shape[1])

    @cached_property
    def lengths(self) -> np.ndarray:
        """The Euclidean length [V] of each word's vector; 1 where it is zero, so that its cosines are 0."""
        lengths: np.ndarray = np.sqrt(np.einsum("vd,vd->v", self.matrix, self.matrix))
        lengths[lengths == 0] = 1
        return lengths

    def get(self, word: str) -> np.ndarray | None:
        """Return a word's vector [D]; of an unknown word its subwords' mean; None where there is neither."""
        row = self.index.get(word)
        if row is not None:
            vector: np.ndarray = self.matrix[row]
            return vector
        return None if self.subwords is None else self.subwords.vector(word)

    def vector(self, word: str) -> np.ndarray:
        """Return a word's vector [D]. Raises UsageError, with near spellings, for a word that has none."""
        vector = self.get(word)
        if vector is None:
            near = difflib.get_close_matches(word.lower(), self.words[:50_000], n=3, cutoff=0.75)
            hint = f"Near spellings: {', '.join(near)}." if near else "It stands in none of the words."
            raise UsageError(f"no vector is known for {word!r}", where="vectors", remedy=hint)
        return vector

    def rows(self, words: Iterable[str]) -> np.ndarray:
        """Return the row of each word, [N]; -1 for those that have none of their own."""
        get = self.index.get
        return np.array([get(word, -1) for word in words], dtype=np.int64)

    def cosine(self, first: str, second: str) -> float:
        """Return the cosine of two words' vectors, 0 where one of them is zero."""
        return float(_unit(self.vector(first)) @ _unit(self.vector(second)))

    def nearest(
        self, query: str | np.ndarray, count: int = 10, *, without: Iterable[str] = ()
    ) -> list[Neighbour]:
        """Return the words with the highest cosines to a word (itself left out) or to a vector [D].

        without: words that may not be an answer.
        """
        left_out = set(without)
        if isinstance(query, str):
            left_out.add(query)
            query = self.vector(query)
        cosines = (self.matrix @ _unit(query)) / self.lengths  # [V]
        cosines[[self.index[word] for word in left_out if word in self.index]] = -np.inf
        return [Neighbour(self.words[row], float(cosines[row])) for row in highest(cosines, count)]

    def analogy(self, a: str, b: str, c: str, count: int = 10) -> list[Neighbour]:
        """Return what is to ``c`` as ``b`` is to ``a``, by cosines to b - a + c (unit vectors); a, b and c are left
        out.

        Mikolov et al. 2013, Linguistic Regularities in Continuous Space Word Representations, section 3.
        """
        target = _unit(self.vector(b)) - _unit(self.vector(a)) + _unit(self.vector(c))
        return self.nearest(target, count, without=(a, b, c))

    def known(self, word: str) -> str | None:
        """Return the word as it has a row: as written, else in small letters; None where neither has."""
        return next((form for form in (word, word.lower()) if form in self.index), None)

    def cosines(self, pairs: Iterable[tuple[str, str]]) -> list[float | None]:
        """Return the cosine of each pair of words; None where one of them is not ``known`` and has no subwords."""
        found: list[float | None] = []
        for first, second in pairs:
            a, b = (self.get(self.known(word) or word) for word in (first, second))
            found.append(None if a is None or b is None else float(_unit(a) @ _unit(b)))
        return found

    def answered(self, questions: Iterable[tuple[str, str, str, str]]) -> list[bool | None]:
        """Say of each analogy (a, b, c, d) whether d is the answer; None where one of the four has no row."""
        rows = [[self.index.get(self.known(word) or "", -1) for word in question] for question in questions]
        asked = np.array(rows, dtype=np.int64).reshape(-1, 4)
        complete = np.flatnonzero((asked >= 0).all(axis=1))
        found: list[bool | None] = [None] * len(asked)
        for place, answer in zip(complete, self.answers(asked[complete, :3]), strict=True):
            found[place] = bool(answer == asked[place, 3])
        return found

    def answers(self, questions: np.ndarray) -> np.ndarray:
        """Return the row [Q] of what ``analogy`` would put first for each question's rows (a, b, c) [Q, 3]."""
        found = np.empty(len(questions), dtype=np.int64)
        together = max(1, _SCORES // len(self))
        for begin in range(0, len(questions), together):
            part = questions[begin : begin + together]
            a, b, c = (self.matrix[part[:, k]] / self.lengths[part[:, k], None] for k in range(3))
            cosines = (b - a + c) @ self.matrix.T / self.lengths  # [Q, V]
            np.put_along_axis(cosines, part, -np.inf, axis=1)
            found[begin : begin + len(part)] = cosines.argmax(axis=1)
        return found


def highest(scores: np.ndarray, count: int) -> np.ndarray:
    """Return the places of the ``count`` highest scores, from the highest; of equal ones the earlier first. What is
    minus infinity is none.

    Where as many blocks as are wanted have a maximum above a bound, no score below the bound is wanted; what is left
    to be sorted are a few.
    """
    maxima = np.maximum.reduceat(scores, np.arange(0, len(scores), _BLOCK))
    bound = np.finfo(scores.dtype).min
    if len(maxima) > count > 0:
        bound = max(bound, np.partition(maxima, len(maxima) - count)[len(maxima) - count])
    found = np.flatnonzero(scores >= bound)
    return found[np.argsort(-scores[found], kind="stable")][:count]


def _unit(vector: np.ndarray) -> np.ndarray:
    length = float(np.sqrt(np.square(vector, dtype=np.float64).sum()))
    return (vector / (length or 1.0)).astype(np.float32)
