"""What a reader gathers word by word: repeated words are passed over, and that is said."""

import numpy as np

from headway.models.word_vectors import WordVectors
from headway.weights.vectors.mapped import decode

_FIRST = 1024  # rows to begin with; doubled whenever they are full


class Gathered:
    """Words and rows so far."""

    def __init__(self, size: int, rows: int | None = None) -> None:
        self.lines = 0
        self.words: list[str] = []
        self.notes: list[str] = []
        self._matrix = np.empty((rows or _FIRST, size), dtype=np.float32)
        self._seen: set[str] = set()
        self._repeated = 0
        self._unsound = 0

    def add(self, word: bytes, row: np.ndarray) -> None:
        """Take a word and its vector; of a word that stands there twice the first counts."""
        self.lines += 1
        text, sound = decode(word)
        self._unsound += not sound
        if text in self._seen:
            self._repeated += 1
            return
        self._seen.add(text)
        if len(self.words) == len(self._matrix):
            self._matrix = np.concatenate([self._matrix, np.empty_like(self._matrix)])
        self._matrix[len(self.words)] = row
        self.words.append(text)

    def vectors(self) -> tuple[WordVectors, list[str]]:
        """Return the vectors and what has to be said about them."""
        if self._repeated:
            self.notes.append(f"{self._repeated:,} words stand there again; the first of each counts")
        if self._unsound:
            self.notes.append(f"{self._unsound:,} words are no sound UTF-8; their bytes are written as \\xff")
        return WordVectors(self.words, self._matrix[: len(self.words)]), self.notes
