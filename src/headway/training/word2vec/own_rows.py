"""Rows that a thread has to itself: those of the most frequent words, in which threads would meet all the time.

Two threads that write to one row take it from each other's cache: without rows of their own, two took two thirds of
one's time, not half (docs/results.md). After each job the mean of a thread's rows and the common ones becomes both. An
output that is corrected a hundred times in a job has found its place by then, and so has the mean; a rarer word's row
would lose half of what it learned, so it is common to all threads. With one thread there are none.
"""

import threading

import numpy as np

from headway.models.word2vec import Word2Vec, noise_shares

LEAST_SHARE = 1e-3  # of the noise: with 5 negatives about a hundred corrections in a job of 10,000 words


def frequent_words(counts: np.ndarray, threads: int) -> int:
    """Return how many words, the most frequent ones, have rows of their own in each of the threads."""
    return int((noise_shares(counts) >= LEAST_SHARE).sum()) if threads > 1 else 0


class OwnRows:
    """One thread's rows of the ``frequent`` first words: the model's spare ones, ``shift`` rows behind the common."""

    def __init__(self, model: Word2Vec, frequent: int, thread: int, lock: threading.Lock) -> None:
        self.frequent = frequent
        self.shift = len(model.words) + thread * frequent
        self._lock = lock
        own = slice(self.shift, self.shift + frequent)
        self._rows = [(whole[:frequent], whole[own]) for whole in model.with_spare if frequent]
        with lock:
            for common, rows in self._rows:
                rows[:] = common

    def meet(self) -> None:
        """Make the mean of the thread's rows and the common ones both; one thread at a time."""
        with self._lock:
            for common, rows in self._rows:
                common += rows
                common *= 0.5
                rows[:] = common
