"""The training steps of `models.embedding_bag`, compiled: one text a step, one thread, the same bytes every time."""

from typing import Any

import numba
import numpy as np

_MULTIPLIER, _INCREMENT = np.uint64(6364136223846793005), np.uint64(1442695040888963407)  # Knuth's MMIX


@numba.njit(cache=True, fastmath=True)
def train_epoch(
    rows: Any, starts: Any, targets: Any, order: Any, model: Any, rates: Any, left_out: float, seed: Any
) -> float:
    """Take a step on each text in the given order and return the mean loss.

    rows: the table's rows of all texts, ``starts`` [B + 1] where each text's begin; model: table [F, D], weights
    [C, D] and bias [C], changed in place; rates: the learning rate of each step.
    """
    table, weights, bias = model
    (C, D) = weights.shape
    mean = np.empty(D, np.float32)
    toward = np.empty(D, np.float32)  # the gradient of the mean
    scores = np.empty(C, np.float32)
    taken = np.empty(np.diff(starts).max(), np.int64)
    threshold = np.uint64(left_out * (1 << 31))
    state = seed
    loss = 0.0
    for step in range(len(order)):
        text, rate = order[step], np.float32(rates[step])
        count = 0
        mean[:] = 0
        for place in range(starts[text], starts[text + 1]):
            state = state * _MULTIPLIER + _INCREMENT
            if (state >> np.uint64(33)) < threshold:
                continue
            taken[count] = rows[place]
            count += 1
            for d in range(D):
                mean[d] += table[rows[place], d]
        if count == 0:
            continue
        share = np.float32(1.0) / np.float32(count)
        for d in range(D):
            mean[d] *= share
        highest = np.float32(-np.inf)
        for c in range(C):
            score = bias[c]
            for d in range(D):
                score += weights[c, d] * mean[d]
            scores[c] = score
            highest = max(highest, score)
        total = np.float32(0)
        for c in range(C):
            scores[c] = np.exp(scores[c] - highest)
            total += scores[c]
        for c in range(C):
            scores[c] /= total
        loss -= np.log(max(scores[targets[text]], np.float32(1e-30)))
        scores[targets[text]] -= np.float32(1)  # the gradient of the scores
        toward[:] = 0
        for c in range(C):
            change = rate * scores[c]
            for d in range(D):
                toward[d] += scores[c] * weights[c, d]
                weights[c, d] -= change * mean[d]
            bias[c] -= change
        for d in range(D):
            toward[d] *= rate * share
        for place in range(count):
            row = taken[place]
            for d in range(D):
                table[row, d] -= toward[d]
    return loss / len(order)
