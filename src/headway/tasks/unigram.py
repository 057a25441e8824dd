"""The unigram model: each token as likely as it is common, whatever stands around it. What pretraining must beat."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np


class Score(NamedTuple):
    """How well tokens are named: the share that is right, and the mean cross-entropy in nats."""

    accuracy: float
    loss: float


class Unigram:
    """Shares of the ordinary tokens of training texts; one is added to every count, so that none is impossible."""

    def __init__(self, training: Iterable[np.ndarray], vocab_size: int, special: Sequence[int] = ()) -> None:
        counts = np.zeros(vocab_size)
        for ids in training:
            counts += np.bincount(ids, minlength=vocab_size)
        counts += 1
        counts[list(special)] = 0
        self.shares = counts / counts.sum()

    def score(self, targets: np.ndarray) -> Score:
        """Score the model on ordinary tokens."""
        right = float((targets == self.shares.argmax()).mean())
        return Score(right, float(-np.log(self.shares[targets]).mean()))
