"""Skip-gram with negative sampling, its rows worked on in strips that registers hold: one job, a stretch of sentences,
per call.

What makes these faster than plain loops (`loops.py`, which compute the same): the outputs of an input are scored all
at once, and then corrected (`rows.py`), each part of a row being read when it is needed and written once; negatives are
read one after the other from a shuffled table instead of being drawn, so that those of the next predictions are known
and can be asked for early; the logistic function comes from a table, made into errors times the rate once a job. A
kernel is compiled for one width of rows and one number of negatives, and numba keeps it on disk.

Hogwild: threads write to the same matrices without locks (Recht et al. 2011). In the rows of rare words they seldom
meet, and an update that is lost costs less than a lock; of the ``frequent`` first words each thread has rows of its
own, ``shift`` rows further (`own_rows.py`).
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numba import njit

from headway.training.word2vec.chance import step, thin, upper
from headway.training.word2vec.rows import (
    FIRST_CACHE,
    NARROW,
    SECOND_CACHE,
    WIDEST,
    correct,
    correct_window,
    prefetch_row,
    write_errors,
)

Kernel = Callable[..., np.uint64]

OPTIONS: dict[str, Any] = {"nogil": True, "fastmath": True, "error_model": "numpy", "cache": True}

_ONE = np.float32(1)


@cache
def skip_gram(width: int, negatives: int, alone: bool) -> Kernel:
    """Return the kernel of the algorithm as Mikolov et al. 2013 (arXiv:1310.4546) state it: each pair has negatives
    of its own, and is a step of its own.

    alone: one thread asks the first cache for rows early; several ask the second, for a row that is near too early may
    be taken away again.
    """
    count, lanes = negatives + 1, NARROW  # rows are moved more than computed with: wide strips are slower
    nearness = FIRST_CACHE if alone else SECOND_CACHE

    @njit(**OPTIONS)
    def job(
        tokens, starts, first, last, keep, noise, inputs, outputs, frequent, shift,
        window, rate, state, sigmoids, sentence, errors,
    ):  # fmt: skip
        most = 2 * window * len(sentence) + 2
        xs, targets = np.empty(most, np.int64), np.empty(most, np.int64)
        ys = np.empty(4 * count, np.int64)  # a ring: the outputs of four pairs, of which three are in use
        for_word, for_noise = _error_tables(sigmoids, rate)
        state = step(state)
        drawn = upper(state)
        for number in range(first, last):
            length, state = thin(tokens, starts[number], starts[number + 1], keep, sentence, state)
            pairs, state = _list_pairs(sentence, length, window, xs, targets, frequent, shift, width, state)
            for pair in range(2):
                ys[pair * count] = targets[pair]
                _draw(noise, drawn + pair * negatives, ys, pair * count, frequent, shift, width, count)
            for pair in range(pairs):
                now, later = (pair & 3) * count, (pair + 2 & 3) * count
                write_errors(
                    inputs, xs, pair, 1, outputs, ys, now, for_word, for_noise, errors, 0,
                    width, count, lanes,
                )  # fmt: skip
                ys[later] = targets[pair + 2]
                _draw(noise, drawn + 2 * negatives, ys, later, frequent, shift, width, count)
                correct(inputs, xs, pair, outputs, ys, now, later, errors, width, count, lanes, nearness)
                drawn += negatives
        return state

    return job


@cache
def skip_gram_shared(width: int, negatives: int) -> Kernel:
    """Return the kernel in which all words of a window share their negatives (Ji et al. 2016, arXiv:1604.04661): a
    small matrix product each way, all of whose errors are taken before anything is updated.
    """
    count, lanes = negatives + 1, WIDEST

    @njit(**OPTIONS)
    def job(
        tokens, starts, first, last, keep, noise, inputs, outputs, frequent, shift,
        window, rate, state, sigmoids, sentence, errors,
    ):  # fmt: skip
        ys, ahead = np.zeros(count, np.int64), np.zeros(count, np.int64)
        xs = np.empty(2 * window, np.int64)
        for_word, for_noise = _error_tables(sigmoids, rate)
        state = step(state)
        drawn = upper(state)
        for number in range(first, last):
            length, state = thin(tokens, starts[number], starts[number + 1], keep, sentence, state)
            for centre in range(length):
                state = step(state)
                reach = window - upper(state) % window
                ys[0] = _row(sentence[centre], frequent, shift) * width
                _draw(noise, drawn, ys, 0, frequent, shift, width, count)
                drawn += negatives
                ahead[0] = _row(_coming(sentence, centre + 1, length), frequent, shift) * width
                _draw(noise, drawn, ahead, 0, frequent, shift, width, count)
                coming = _row(_coming(sentence, centre + window + 1, length), frequent, shift)
                prefetch_row(inputs, coming * width, width)
                inside = 0
                for near in range(max(centre - reach, 0), min(centre + reach + 1, length)):
                    if near != centre:
                        xs[inside] = _row(sentence[near], frequent, shift) * width
                        inside += 1
                for even in range(0, inside - 1, 2):
                    write_errors(
                        inputs, xs, even, 2, outputs, ys, 0, for_word, for_noise, errors, even * count,
                        width, count, lanes,
                    )  # fmt: skip
                if inside % 2:
                    write_errors(
                        inputs, xs, inside - 1, 1, outputs, ys, 0, for_word, for_noise, errors, (inside - 1) * count,
                        width, count, lanes,
                    )  # fmt: skip
                correct_window(inputs, xs, inside, outputs, ys, errors, ahead, width, count, lanes)
        return state

    return job


@njit(inline="always")
def _error_tables(sigmoids, rate):
    """Return the error times the rate of a word in each step of the logistic function, and that of noise; the latter
    has one entry more, zero, for noise that is the word itself and does not count.
    """
    for_word, for_noise = np.empty(len(sigmoids), np.float32), np.zeros(len(sigmoids) + 1, np.float32)
    for place in range(len(sigmoids)):
        for_word[place] = (_ONE - sigmoids[place]) * rate
        for_noise[place] = -sigmoids[place] * rate
    return for_word, for_noise


@njit(inline="always")
def _list_pairs(sentence, length, window, xs, targets, frequent, shift, width, state):
    """Write where the rows of each pair of a sentence begin: the input of a word nearby, and the output of the word in
    the middle, which it predicts; and behind the last pair two more that can be asked for. Return how many pairs
    there are, and the next state.
    """
    pairs = 0
    for centre in range(length):
        state = step(state)
        reach = window - upper(state) % window
        target = _row(sentence[centre], frequent, shift) * width
        for near in range(max(centre - reach, 0), min(centre + reach + 1, length)):
            if near != centre:
                xs[pairs] = _row(sentence[near], frequent, shift) * width
                targets[pairs] = target
                pairs += 1
    for behind in range(pairs, pairs + 2):
        xs[behind] = targets[behind] = 0
    return pairs, state


@njit(inline="always")
def _row(word, frequent, shift):
    """Return the number of a word's row; that of one of the ``frequent`` first is the thread's own."""
    return np.int64(word) + (shift if word < frequent else 0)


@njit(inline="always")
def _coming(sentence, place, length):
    """Return the word at a place, or the last one."""
    return sentence[min(place, length - 1)]


@njit(inline="always")
def _draw(noise, drawn, ys, begin, frequent, shift, width, count):
    """Write where the outputs of the words behind a place of the noise begin, behind ys[begin]."""
    mask = np.int64(len(noise) - 1)
    for k in range(1, count):
        ys[begin + k] = _row(noise[np.uint64((drawn + k) & mask)], frequent, shift) * width
