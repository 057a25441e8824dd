"""Which texts are of one class, learned from pairs of them: the first step of SetFit (Tunstall et al. 2022,
arXiv:2209.11055, section 3), here on the vectors that a classification head reads afterwards.

A few labelled texts make many pairs, so that an encoder has more to learn from than the labels alone.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from headway.blocks.ragged import Ragged
from headway.models.heads import Classifier
from headway.tasks.encoder import TextEncoder


class Batch(NamedTuple):
    """P pairs: their texts, 2 P rows of which each two that follow each other are a pair; ``alike`` [P], float32, is 1
    where both are of one class, else 0.
    """

    texts: Ragged
    alike: Tensor


def draw_pairs(classes: np.ndarray, pairs: int, random: np.random.Generator) -> np.ndarray:
    """Draw pairs of rows, [P, 2], in turn of one class and of two; ``classes`` [B] are the rows' own.

    A row is not paired with itself. Where no class has two rows, or all are of one, all pairs are of the other kind.
    """
    shared = np.flatnonzero(np.bincount(classes)[classes] > 1)
    several = len(np.unique(classes)) > 1
    drawn = np.empty((pairs, 2), np.int64)
    for number in range(pairs):
        alike = len(shared) > 0 and (number % 2 == 0 or not several)
        first = random.choice(shared) if alike else random.integers(len(classes))
        partners = (classes == classes[first]) == alike
        partners[first] = False
        drawn[number] = first, random.choice(np.flatnonzero(partners))
    return drawn


def batch(encoder: TextEncoder, ids: Sequence[np.ndarray], classes: np.ndarray) -> Batch:
    """Pack the token ids of 2 P texts, each two of which are a pair, with their classes [2 P]."""
    alike = torch.from_numpy((classes[0::2] == classes[1::2]).astype(np.float32))
    return Batch(encoder.pack(ids), alike.to(encoder.device))


def parts(examples: Batch, tokens: int) -> list[Batch]:
    """Cut a batch into halves, and these again, until each has at most so many tokens or is one pair."""
    texts, alike = examples
    if len(alike) < 2 or texts.lengths.total <= tokens:
        return [examples]
    middle = len(alike) // 2
    halves = (
        Batch(texts.rows(0, 2 * middle), alike[:middle]),
        Batch(texts.rows(2 * middle, 2 * len(alike)), alike[middle:]),
    )
    return [part for half in halves for part in parts(half, tokens)]


def loss(model: Classifier, examples: Batch) -> Tensor:
    """Return the mean over pairs of (cos(u, v) - alike)^2, u and v being the pooled vectors of a pair's texts."""
    vectors = model.summarize(examples.texts).float()
    return F.mse_loss(F.cosine_similarity(vectors[0::2], vectors[1::2]), examples.alike)
