"""Scores of word vectors: rank correlation with people's judgements, analogies answered, and the loss on held-out text.

Each score says on how many pairs or questions it rests: words that have no vector leave theirs out.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from headway.metrics.correlation import spearman

_BLOCK = 4096  # input words whose expectation over the noise is taken together


class Correlation(NamedTuple):
    """Spearman's correlation of ranks and the number of pairs it rests on, of those there were."""

    value: float | None  # None: less than two pairs
    used: int
    total: int


class Answered(NamedTuple):
    """Questions answered rightly, of those whose words all have vectors, of those there were."""

    right: int
    used: int
    total: int

    @property
    def accuracy(self) -> float:
        """The share that is right, of those used; 0 of none."""
        return self.right / self.used if self.used else 0.0


def similarity(scores: Iterable[float], cosines: Iterable[float | None]) -> Correlation:
    """Compare people's scores with cosines; None where a word has no vector."""
    pairs = list(zip(scores, cosines, strict=True))
    known = [(score, cosine) for score, cosine in pairs if cosine is not None]
    if len(known) < 2:
        return Correlation(None, len(known), len(pairs))
    value = spearman(*(np.array(series, dtype=np.float64) for series in zip(*known, strict=True)))
    return Correlation(value, len(known), len(pairs))


def analogies(answers: Mapping[str, Sequence[bool | None]]) -> dict[str, Answered]:
    """Count right answers by section, and of all; None where a word has no vector."""
    found = {
        name: Answered(sum(answer is True for answer in given), sum(a is not None for a in given), len(given))
        for name, given in answers.items()
    }
    found["all"] = Answered(*(sum(parts) for parts in zip(*found.values(), strict=True)))
    return found


def negative_sampling_loss(
    inputs: np.ndarray,
    outputs: np.ndarray,
    pairs: np.ndarray,
    weights: np.ndarray,
    noise: np.ndarray,
    negatives: int,
) -> float:
    """Return the mean loss of skip-gram with negative sampling, exact: no negative is drawn.

    -ln s(u_o . v_i) - K sum over w of noise(w) ln s(-u_w . v_i), s the logistic function, over ``pairs`` [P, 2] of rows
    (i, o) with ``weights`` [P]. inputs, outputs: [V, D]; noise: [V], sums to 1.
    """
    used, place = np.unique(pairs[:, 0], return_inverse=True)
    expected = np.empty(len(used))
    for begin in range(0, len(used), _BLOCK):
        scores = inputs[used[begin : begin + _BLOCK]] @ outputs.T  # [B, V]
        expected[begin : begin + _BLOCK] = np.logaddexp(0, scores, out=scores) @ noise
    positive = np.empty(len(pairs))
    for begin in range(0, len(pairs), 1 << 18):
        part = pairs[begin : begin + (1 << 18)]
        scores = np.einsum("pd,pd->p", inputs[part[:, 0]], outputs[part[:, 1]])
        positive[begin : begin + len(part)] = np.logaddexp(0, -scores)
    return float(np.average(positive + negatives * expected[place], weights=weights))


def window_pairs(
    tokens: np.ndarray, starts: np.ndarray, window: int, keep: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the pairs (input, output) [P, 2] of a corpus and the weight [P] that training gives each in expectation.

    A pair at distance d is used when the window, drawn from 1 to ``window``, reaches it, with (window - d + 1) /
    window, and when both words stay (``keep`` [V]). That thinned-out words bring others nearer is left out.
    """
    sentence = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    pairs, weights = [], []
    for distance in range(1, window + 1):
        left, right = tokens[:-distance], tokens[distance:]
        inside = sentence[:-distance] == sentence[distance:]
        both = np.stack([left[inside], right[inside]], axis=1)
        weight = keep[both].prod(axis=1) * (window - distance + 1) / window
        pairs += [both, both[:, ::-1]]
        weights += [weight, weight]
    return np.concatenate(pairs), np.concatenate(weights)
