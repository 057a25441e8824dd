"""Skip-gram with negative sampling, its rows worked on in strips that registers hold: one job, a stretch of sentences,
per call.

What makes these faster than plain loops (`loops.py`, which compute the same): the outputs of an input are scored all
at once, and then corrected (`rows.py`), each part of a row being read when it is needed and written once; negatives are
read one after the other from a shuffled table instead of being drawn, so that those of the next prediction are known
and can be asked for early; the logistic function comes from a table, made into errors times the rate once a job. A
kernel is compiled for one width of rows and one number of negatives, and numba keeps it on disk.

Hogwild: threads write to the same matrices without locks (Recht et al. 2011). In the rows of rare words they seldom
meet, and an update that is lost costs less than a lock; of the ``frequent`` first words each thread has outputs of its
own, ``shift`` rows further (`own_rows.py`).
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numba import njit

from headway.training.word2vec.chance import step, thin, upper
from headway.training.word2vec.rows import LANES, correct, correct_window, is_wide, prefetch_row, write_scores
from headway.training.word2vec.sigmoid import step_of

Kernel = Callable[..., np.uint64]

OPTIONS: dict[str, Any] = {"nogil": True, "fastmath": True, "error_model": "numpy", "cache": True}

_ZERO, _ONE = np.float32(0), np.float32(1)


@cache
def skip_gram(width: int, negatives: int) -> Kernel:
    """Return the kernel of the algorithm as Mikolov et al. 2013 (arXiv:1310.4546) state it: each pair has negatives
    of its own, and is a step of its own.
    """
    count = negatives + 1
    wide = is_wide(width)

    @njit(**OPTIONS)
    def job(
        tokens, starts, first, last, keep, noise, inputs, outputs, frequent, shift,
        window, rate, state, sigmoids, sentence, errors,
    ):  # fmt: skip
        targets, ahead = np.zeros(count, np.int64), np.zeros(count, np.int64)
        later = np.zeros(count, np.int64)
        for_word, for_noise = (_ONE - sigmoids) * rate, -sigmoids * rate
        state = step(state)
        drawn = upper(state)
        for number in range(first, last):
            length, state = thin(tokens, starts[number], starts[number + 1], keep, sentence, state)
            for centre in range(length):
                state = step(state)
                reach = window - upper(state) % window
                targets[0] = _row(sentence[centre], frequent, shift) * width
                ahead[0] = _row(_coming(sentence, centre + 1, length), frequent, shift) * width
                prefetch_row(inputs, np.int64(_coming(sentence, centre + window + 1, length)) * width, width)
                for near in range(max(centre - reach, 0), min(centre + reach + 1, length)):
                    if near == centre:
                        continue
                    place = np.int64(sentence[near]) * width
                    _draw(noise, drawn, targets, frequent, shift, width, count)
                    drawn += negatives
                    _draw(noise, drawn, ahead, frequent, shift, width, count)
                    if wide:
                        _draw(noise, drawn + negatives, later, frequent, shift, width, count)
                    write_scores(inputs, place, outputs, targets, errors, 0, width, count)
                    _score(errors, 0, targets, for_word, for_noise, count)
                    correct(inputs, place, outputs, targets, errors, ahead, later, width, count)
        return state

    return job


@cache
def skip_gram_shared(width: int, negatives: int) -> Kernel:
    """Return the kernel in which all words of a window share their negatives (Ji et al. 2016, arXiv:1604.04661): a
    small matrix product each way, all of whose errors are taken before anything is updated.
    """
    count = negatives + 1
    stride = -(-count // LANES) * LANES

    @njit(**OPTIONS)
    def job(
        tokens, starts, first, last, keep, noise, inputs, outputs, frequent, shift,
        window, rate, state, sigmoids, sentence, errors,
    ):  # fmt: skip
        targets, ahead = np.zeros(count, np.int64), np.zeros(count, np.int64)
        around = np.empty(2 * window, np.int64)
        for_word, for_noise = (_ONE - sigmoids) * rate, -sigmoids * rate
        state = step(state)
        drawn = upper(state)
        for number in range(first, last):
            length, state = thin(tokens, starts[number], starts[number + 1], keep, sentence, state)
            for centre in range(length):
                state = step(state)
                reach = window - upper(state) % window
                targets[0] = _row(sentence[centre], frequent, shift) * width
                ahead[0] = _row(_coming(sentence, centre + 1, length), frequent, shift) * width
                prefetch_row(inputs, np.int64(_coming(sentence, centre + window + 1, length)) * width, width)
                _draw(noise, drawn, targets, frequent, shift, width, count)
                drawn += negatives
                _draw(noise, drawn, ahead, frequent, shift, width, count)
                inside = 0
                for near in range(max(centre - reach, 0), min(centre + reach + 1, length)):
                    if near == centre:
                        continue
                    place = np.int64(sentence[near]) * width
                    around[inside] = place
                    write_scores(inputs, place, outputs, targets, errors, inside * stride, width, count)
                    _score(errors, inside * stride, targets, for_word, for_noise, count)
                    inside += 1
                correct_window(inputs, around, inside, outputs, targets, errors, ahead, width, count)
        return state

    return job


@njit(inline="always")
def _row(word, frequent, shift):
    """Return the number of a word's output; that of one of the ``frequent`` first is the thread's own."""
    return np.int64(word) + (shift if word < frequent else 0)


@njit(inline="always")
def _coming(sentence, place, length):
    """Return the word at a place, or the last one."""
    return sentence[min(place, length - 1)]


@njit(inline="always")
def _draw(noise, drawn, places, frequent, shift, width, count):
    """Write where the rows of the words behind a place of the noise begin, to places[1:]."""
    mask = np.int64(len(noise) - 1)
    for k in range(1, count):
        places[k] = _row(noise[np.uint64((drawn + k) & mask)], frequent, shift) * width


@njit(inline="always", fastmath=True)
def _score(errors, first, targets, for_word, for_noise, count):
    """Make errors, times the rate, of the scores of a word and its noise, in which the word itself does not count."""
    errors[first] = for_word[step_of(errors[first])]
    for k in range(1, count):
        error = for_noise[step_of(errors[first + k])]
        errors[first + k] = _ZERO if targets[k] == targets[0] else error
