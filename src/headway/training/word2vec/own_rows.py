"""Rows that a thread has to itself: those of the most frequent words, in which threads would meet all the time.

Two threads that write to one row take it from each other's cache: without rows of their own, two took two thirds of
one's time, not half (docs/results.md). What a thread's rows have learned is added to the common ones after a job, and
the thread goes on from these: what every thread learns counts whole, as without rows of their own. (Their mean would
count half of it, and averaged vectors then say less of a text.) The most frequent words meet so after every job, the
next ones, twice as many, after every second job, and so on: the frequency of a word falls as its rank grows (Zipf's
law), so every row changes about as often between two meetings.

With one thread there are none. What threads learn without knowing of each other adds up to more than it should where
it is much. So at most an eighth of the words have such rows; and there are none with more than eight threads, which
with 64 diverged, nor with more than there are cores, for one that has waited for a core adds what it learned long ago.
"""

import itertools
import threading

import numpy as np
from numba import njit

from headway.models.word2vec import Word2Vec

AFTER_EVERY_JOB = 32  # words
MOST_THREADS = 8
ONE_IN = 8  # words has such rows, at most
SLICES = 5  # each of twice as many words as the one before, which meet half as often


def slices(words: int) -> list[tuple[int, int, int]]:
    """Return the first word of each slice, the one behind its last, and after how many jobs it meets."""
    bounds = [min(_behind(number), words) for number in range(SLICES + 1)]
    stretches = enumerate(itertools.pairwise(bounds))
    return [(first, last, 1 << number) for number, (first, last) in stretches if first < last]


def frequent_words(words: int, threads: int, cores: int) -> int:
    """Return how many of so many words, the most frequent ones, have rows of their own in each of the threads."""
    if not 1 < threads <= min(MOST_THREADS, cores):
        return 0
    return min(_behind(SLICES), words // ONE_IN)


def _behind(slices: int) -> int:
    """Return how many words so many whole slices have."""
    return AFTER_EVERY_JOB * ((1 << slices) - 1)


class OwnRows:
    """One thread's rows of the ``frequent`` first words: spare ones of the model's matrices, ``shift`` rows further."""

    def __init__(self, model: Word2Vec, frequent: int, thread: int, lock: threading.Lock) -> None:
        self.frequent = frequent
        self.shift = len(model.words) + thread * frequent
        self._slices = slices(frequent)
        self._lock = lock
        self._jobs = 0
        self._rows = []  # of the inputs and of the outputs: common ones, own ones, and these as they were
        for matrix in (model.inputs_with_spare, model.outputs_with_spare):
            common, own = matrix[:frequent], matrix[self.shift : self.shift + frequent]
            with lock:
                own[:] = common
            self._rows.append((common, own, own.copy()))

    def meet(self, *, all_of_them: bool = False) -> None:
        """After a job, add what the rows whose turn it is have learned to the common ones, and take these over."""
        self._jobs += 1
        for first, last, every in self._slices:
            if all_of_them or self._jobs % every == 0:
                for rows in self._rows:
                    parts = [matrix[first:last].reshape(-1) for matrix in rows]
                    with self._lock:
                        _add_what_was_learned(*parts)


@njit(nogil=True, cache=True)
def _add_what_was_learned(common: np.ndarray, own: np.ndarray, before: np.ndarray) -> None:
    for place in range(len(common)):
        now = common[place] + (own[place] - before[place])
        common[place] = own[place] = before[place] = now
