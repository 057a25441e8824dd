"""5-grams of a language model's own tokens: the baseline that it must beat to be worth its time."""

from collections.abc import Iterable
from typing import Self

import numpy as np

from headway.models.ngram_lm import NgramModel

MOST_TOKENS = 5_000_000  # counted, of which each takes some 300 bytes


class FiveGrams:
    """5-grams counted in sequences of ids, of a larger corpus in the first ``most`` tokens; ``name`` says in which."""

    def __init__(self, model: NgramModel, name: str) -> None:
        self.model = model
        self.name = name

    @classmethod
    def of(cls, sequences: Iterable[np.ndarray], vocab_size: int, most: int = MOST_TOKENS) -> Self:
        """Count and smooth. Raises UsageError on no ids at all."""
        counted: list[np.ndarray] = []
        left, name = most, "5-grams"
        for sequence in sequences:
            if len(sequence) > left:
                name = f"5-grams of the first {most:,} tokens"
            counted.append(sequence[:left])
            left -= len(counted[-1])
            if left == 0:
                break
        return cls(NgramModel.fit(counted, vocab_size), name)

    def nats(self, sequence: np.ndarray) -> float:
        """Return minus the logarithm of a sequence's probability."""
        return -float(self.model.log_probabilities(sequence).sum())
