"""All kinds of word2vec as plain loops: the twin of `kernels.py`, what runs where that cannot be compiled, and the
only form of the rarer kinds.

Matrices are [V, width] here, every name means what it means there. ``objective``: how an output is scored.
"""

import numpy as np
from numba import njit

from headway.training.word2vec.chance import step, thin, upper
from headway.training.word2vec.kernels import OPTIONS
from headway.training.word2vec.sigmoid import sigmoid

NEGATIVES, HIERARCHICAL, SOFTMAX = 0, 1, 2

_ZERO, _ONE = np.float32(0), np.float32(1)


@njit(inline="always", fastmath=True)
def _dot(x, y):
    total = _ZERO
    for d in range(len(x)):
        total += x[d] * y[d]
    return total


@njit(inline="always", fastmath=True)
def _correct(x, y, change, g):
    """Add g y to the input's change and g x to the output."""
    for d in range(len(x)):
        change[d] += g * y[d]
        y[d] += g * x[d]


@njit(**OPTIONS)
def _learn_negatives(x, change, word, outputs, noise, rate, sigmoids, drawn, targets, errors):
    """Tell the word from words of the noise: one binary decision each, all taken before anything is updated. Return
    the last place taken of the noise.
    """
    mask = np.int64(len(noise) - 1)
    targets[0] = word
    for k in range(len(targets)):
        if k > 0:
            drawn += 1
            targets[k] = noise[drawn & mask]
        label = _ONE if k == 0 else _ZERO
        clash = k > 0 and targets[k] == word
        score = _dot(x, outputs[targets[k]])
        errors[k] = _ZERO if clash else (label - sigmoid(score, sigmoids)) * rate
    for k in range(len(targets)):
        _correct(x, outputs[targets[k]], change, errors[k])
    return drawn


@njit(**OPTIONS)
def _learn_path(x, change, word, outputs, paths, nodes, turns, rate, sigmoids):
    """Take the word's turn at each node from the root of the tree: log2 V binary decisions or so."""
    for place in range(paths[word], paths[word + 1]):
        y = outputs[nodes[place]]
        label = _ZERO if turns[place] else _ONE
        _correct(x, y, change, (label - sigmoid(_dot(x, y), sigmoids)) * rate)


@njit(**OPTIONS)
def _learn_softmax(x, change, word, outputs, rate, scores):
    """Choose the word among all V: one decision of V classes, which reads and writes every output."""
    highest = np.float32(-np.inf)
    for target in range(len(outputs)):
        scores[target] = _dot(x, outputs[target])
        highest = max(highest, scores[target])
    total = _ZERO
    for target in range(len(outputs)):
        scores[target] = np.exp(scores[target] - highest)
        total += scores[target]
    for target in range(len(outputs)):
        label = _ONE if target == word else _ZERO
        _correct(x, outputs[target], change, (label - scores[target] / total) * rate)


@njit(**OPTIONS)
def window_job(
    tokens, starts, first, last, keep, noise, paths, nodes, turns, inputs, outputs,
    cbow, objective, window, negatives, rate, state, sigmoids, sentence, scratch, scores,
):  # fmt: skip
    """Skip-gram (each word around is an input of its own) or CBOW (their mean is one input), by any objective.

    In CBOW each word around gets the whole change of the mean, as in the C tool.
    """
    x_mean, change = scratch[0], scratch[1]
    targets, errors = np.empty(negatives + 1, np.int64), np.empty(negatives + 1, np.float32)
    state = step(state)
    drawn = upper(state)
    for number in range(first, last):
        length, state = thin(tokens, starts[number], starts[number + 1], keep, sentence, state)
        for centre in range(length):
            state = step(state)
            reach = window - upper(state) % window
            begin, end = max(centre - reach, 0), min(centre + reach + 1, length)
            word = sentence[centre]
            if end - begin < 2:
                continue
            if cbow:
                x_mean[:] = _ZERO
                for near in range(begin, end):
                    if near != centre:
                        x_mean += inputs[sentence[near]]
                x_mean *= _ONE / np.float32(end - begin - 1)
            for near in range(begin, begin + 1 if cbow else end):
                if near == centre and not cbow:
                    continue
                x = x_mean if cbow else inputs[sentence[near]]
                change[:] = _ZERO
                if objective == NEGATIVES:
                    drawn = _learn_negatives(
                        x, change, word, outputs, noise, rate, sigmoids, drawn, targets, errors
                    )
                elif objective == HIERARCHICAL:
                    _learn_path(x, change, word, outputs, paths, nodes, turns, rate, sigmoids)
                else:
                    _learn_softmax(x, change, word, outputs, rate, scores)
                if not cbow:
                    x += change
            if cbow:
                for near in range(begin, end):
                    if near != centre:
                        inputs[sentence[near]] += change
    return state


@njit(**OPTIONS)
def shared_job(
    tokens, starts, first, last, keep, noise, inputs, outputs,
    window, negatives, rate, state, sigmoids, sentence, scratch,
):  # fmt: skip
    """Skip-gram whose negatives are shared over the window; scratch has a row for each output."""
    mask = np.int64(len(noise) - 1)
    around = np.empty(2 * window, np.int64)
    targets = np.empty(negatives + 1, np.int64)
    errors = np.empty((2 * window, negatives + 1), np.float32)
    state = step(state)
    drawn = upper(state)
    for number in range(first, last):
        length, state = thin(tokens, starts[number], starts[number + 1], keep, sentence, state)
        for centre in range(length):
            state = step(state)
            reach = window - upper(state) % window
            targets[0] = sentence[centre]
            for k in range(1, negatives + 1):
                drawn += 1
                targets[k] = noise[drawn & mask]
            inside = 0
            for near in range(max(centre - reach, 0), min(centre + reach + 1, length)):
                if near != centre:
                    around[inside] = sentence[near]
                    inside += 1
            for a in range(inside):
                for k in range(negatives + 1):
                    label = _ONE if k == 0 else _ZERO
                    clash = k > 0 and targets[k] == targets[0]
                    score = _dot(inputs[around[a]], outputs[targets[k]])
                    errors[a, k] = _ZERO if clash else (label - sigmoid(score, sigmoids)) * rate
            scratch[:] = _ZERO
            for a in range(inside):
                x = inputs[around[a]]
                for k in range(negatives + 1):
                    scratch[k] += errors[a, k] * x
                for k in range(negatives + 1):
                    x += errors[a, k] * outputs[targets[k]]
            for k in range(negatives + 1):
                outputs[targets[k]] += scratch[k]
    return state


@njit(**OPTIONS)
def ngram_job(
    tokens, starts, first, last, keep, inputs, outputs, before, rate, state, sentence, scratch, scores,
):  # fmt: skip
    """Predict each word out of the ``before`` words before it, their vectors end to end, by a softmax over V classes
    (Bengio et al. 2003 without its hidden layer). Outputs are [V, before width]; scratch has two rows as wide.
    """
    x, change = scratch[0], scratch[1]
    width = inputs.shape[1]
    for number in range(first, last):
        length, state = thin(tokens, starts[number], starts[number + 1], keep, sentence, state)
        for centre in range(before, length):
            for k in range(before):
                x[k * width : (k + 1) * width] = inputs[sentence[centre - 1 - k]]
            change[:] = _ZERO
            _learn_softmax(x, change, sentence[centre], outputs, rate, scores)
            for k in range(before):
                inputs[sentence[centre - 1 - k]] += change[k * width : (k + 1) * width]
    return state
