"""Outputs that a thread has to itself: those of the most frequent words, in which threads would meet all the time.

Two threads that write to one row take it from each other's cache: without rows of their own, two took two thirds of
one's time, not half (docs/results.md). After each job, a short one, what a thread's rows have learned in it is added to
the common ones, and the thread goes on from these: what every thread learns counts whole, as without rows of their own.
(Their mean would count half of it, and averaged vectors then say less of a text.) With one thread there are none.
"""

import threading

import numpy as np

from headway.models.word2vec import Word2Vec, noise_shares

LEAST_SHARE = 1e-3  # of the noise; about a hundred words of a natural text have as much


def frequent_words(counts: np.ndarray, threads: int) -> int:
    """Return how many words, the most frequent ones, have rows of their own in each of the threads."""
    return int((noise_shares(counts) >= LEAST_SHARE).sum()) if threads > 1 else 0


class OwnRows:
    """One thread's outputs of the ``frequent`` first words: spare ones of the model, ``shift`` rows further."""

    def __init__(self, model: Word2Vec, frequent: int, thread: int, lock: threading.Lock) -> None:
        self.frequent = frequent
        self.shift = len(model.words) + thread * frequent
        self._common = model.outputs[:frequent]
        self._own = model.outputs_with_spare[self.shift : self.shift + frequent]
        self._lock = lock
        with lock:
            self._own[:] = self._common
        self._before = self._own.copy()

    def meet(self) -> None:
        """Add what the thread's rows have learned since they last met the common ones to these, and take them over."""
        with self._lock:
            self._common += self._own
            self._common -= self._before
            self._own[:] = self._common
        self._before[:] = self._own
