"""Skip-gram with negative sampling, its rows held in registers: one job, a stretch of sentences, per call.

What makes these faster than plain loops (`loops.py`, which compute the same): a row is read once for an input word and
kept, with its gradient, in registers; negatives are read one after the other from a shuffled table instead of being
drawn, so that those of the next prediction are known and can be asked for early; the logistic function comes from a
table. In `skip_gram` the gradient of rows too wide for registers stays in memory. A kernel is compiled for one width
of rows, and numba keeps it on disk.

Hogwild: threads write to the same matrices without locks (Recht et al. 2011). Rows seldom meet, and an update that is
lost costs less than a lock.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numba import njit

from headway.training.word2vec.chance import step, thin, upper
from headway.training.word2vec.rows import (
    add_row_to,
    add_rows,
    add_scaled,
    add_to,
    dot,
    load_row,
    prefetch_row,
    store_row,
    zero_row,
)
from headway.training.word2vec.sigmoid import sigmoid

Kernel = Callable[..., np.uint64]

OPTIONS: dict[str, Any] = {"nogil": True, "fastmath": True, "error_model": "numpy", "cache": True}

WIDE = 208  # floats of a row from which a row and its gradient do not fit the registers together

_ZERO, _ONE = np.float32(0), np.float32(1)


@cache
def skip_gram(width: int) -> Kernel:
    """Return the kernel of the algorithm as Mikolov et al. 2013 (arXiv:1310.4546) state it: each pair has negatives
    of its own, and each output is updated at once.
    """

    wide = width > WIDE  # a constant to the compiler

    @njit(**OPTIONS)
    def job(
        tokens, starts, first, last, keep, noise, inputs, outputs,
        window, negatives, rate, state, sigmoids, sentence, targets, scratch,
    ):  # fmt: skip
        mask = np.int64(len(noise) - 1)
        state = step(state)
        drawn = upper(state)
        for number in range(first, last):
            length, state = thin(tokens, starts[number], starts[number + 1], keep, sentence, state)
            for centre in range(length):
                state = step(state)
                reach = window - upper(state) % window
                word = np.int64(sentence[centre])
                for near in range(max(centre - reach, 0), min(centre + reach + 1, length)):
                    if near == centre:
                        continue
                    place = np.int64(sentence[near]) * width
                    x = load_row(inputs, place, width)
                    change = zero_row(x)
                    if wide:
                        store_row(scratch, 0, change)
                    targets[0] = word * width
                    count = 1
                    for _ in range(negatives):
                        drawn += 1
                        other = np.int64(noise[drawn & mask])
                        targets[count] = other * width
                        count += other != word
                    for k in range(count):
                        prefetch_row(outputs, np.int64(noise[(drawn + 1 + k) & mask]) * width, x)
                        y = load_row(outputs, targets[k], width)
                        label = _ONE if k == 0 else _ZERO
                        g = (label - sigmoid(dot(x, y), sigmoids)) * rate
                        if wide:
                            add_row_to(scratch, 0, g, outputs, targets[k], x)
                            add_to(outputs, targets[k], g, x)
                        else:
                            change = add_scaled(g, y, change)
                            store_row(outputs, targets[k], add_scaled(g, x, y))
                    if wide:
                        change = load_row(scratch, 0, width)
                    store_row(inputs, place, add_rows(x, change))
        return state

    return job


@cache
def skip_gram_shared(width: int) -> Kernel:
    """Return the kernel in which all words of a window share their negatives (Ji et al. 2016, arXiv:1604.04661): a
    small matrix product each way, all of whose terms are taken before anything is updated.
    """

    @njit(**OPTIONS)
    def job(
        tokens, starts, first, last, keep, noise, inputs, outputs,
        window, negatives, rate, state, sigmoids, sentence, targets, scratch,
    ):  # fmt: skip
        mask = np.int64(len(noise) - 1)
        around = np.empty(2 * window, np.int64)
        errors = np.empty((negatives + 1, 2 * window), np.float32)
        like = load_row(scratch, 0, width)
        state = step(state)
        drawn = upper(state)
        for number in range(first, last):
            length, state = thin(tokens, starts[number], starts[number + 1], keep, sentence, state)
            for centre in range(length):
                state = step(state)
                reach = window - upper(state) % window
                word = np.int64(sentence[centre])
                inside = 0
                for near in range(max(centre - reach, 0), min(centre + reach + 1, length)):
                    if near != centre:
                        around[inside] = np.int64(sentence[near]) * width
                        inside += 1
                targets[0] = word * width
                count = 1
                for _ in range(negatives):
                    drawn += 1
                    other = np.int64(noise[drawn & mask])
                    targets[count] = other * width
                    count += other != word
                for k in range(1, negatives + 1):
                    prefetch_row(outputs, np.int64(noise[(drawn + k) & mask]) * width, like)
                for a in range(inside):
                    x = load_row(inputs, around[a], width)
                    change = zero_row(x)
                    for k in range(count):
                        y = load_row(outputs, targets[k], width)
                        label = _ONE if k == 0 else _ZERO
                        g = (label - sigmoid(dot(x, y), sigmoids)) * rate
                        errors[k, a] = g
                        change = add_scaled(g, y, change)
                    store_row(scratch, np.int64(a) * width, change)
                for k in range(count):
                    y = load_row(outputs, targets[k], width)
                    for a in range(inside):
                        y = add_scaled(errors[k, a], load_row(inputs, around[a], width), y)
                    store_row(outputs, targets[k], y)
                for a in range(inside):
                    x = load_row(inputs, around[a], width)
                    store_row(inputs, around[a], add_rows(x, load_row(scratch, np.int64(a) * width, width)))
        return state

    return job
