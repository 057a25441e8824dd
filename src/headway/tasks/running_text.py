"""Language modelling on running text: rows of it read side by side, window by window, with the state carried on.

Backpropagation ends at a window's begin. Windows differ in length from each other and are cut at other places in each
epoch (Merity et al. 2018, section 4.1).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from headway.blocks.stream import Stream
from headway.core.errors import DataError
from headway.core.seeding import generator
from headway.models.awd_lstm import AwdLstmLanguageModel, State

_SHORTEST = 5


class Window(NamedTuple):
    """The next words of each row, what follows each of them [B, T], and whether the rows begin here."""

    stream: Stream
    targets: Tensor
    first: bool


class Penalties(NamedTuple):
    """Weights of activation regularization (AR) and its temporal form (TAR) (Merity et al. 2018, section 4.7)."""

    activation: float = 2.0
    temporal: float = 1.0


def window_lengths(words: int, mean: int, seed: int, epoch: int) -> list[int]:
    """Return the lengths of an epoch's windows, which add up to ``words``: the same lengths in each epoch, shuffled.

    A length is normal about the mean with a deviation of 5, once in twenty times about half of it; at least 5.
    """
    random = generator(seed, "window lengths")
    lengths: list[int] = []
    while (left := words - sum(lengths)) > 0:
        middle = mean if random.random() < 0.95 else mean / 2
        lengths.append(min(left, max(_SHORTEST, round(random.normal(middle, 5)))))
    generator(seed, "order of windows", epoch).shuffle(lengths)
    return lengths


def windows(
    ids: np.ndarray, rows: int, mean: int, seed: int, epoch: int, device: torch.device
) -> list[Window]:
    """Lay words [N] side by side in so many rows and cut them into windows. What is left over at the end is not read.

    Raises DataError when there is less than a word and the next one for each row.
    """
    words = (len(ids) - 1) // rows
    if words < 1:
        raise DataError(f"has {len(ids):,} words, too few for {rows} rows", where="corpus")
    read = torch.from_numpy(ids[: rows * words].reshape(rows, words).astype(np.int64))
    following = torch.from_numpy(ids[1 : rows * words + 1].reshape(rows, words).astype(np.int64))
    found, begin = [], 0
    for length in window_lengths(words, mean, seed, epoch):
        part = slice(begin, begin + length)
        found.append(
            Window(Stream(read[:, part].to(device)), following[:, part].to(device), first=begin == 0)
        )
        begin += length
    return found


def loss(
    model: AwdLstmLanguageModel, window: Window, state: State | None, mean: int, penalties: Penalties
) -> tuple[Tensor, State]:
    """Return a window's loss, and the state for the one that follows, cut off from this one.

    The cross-entropy is the sum over its words, over what a window of mean length would hold: so each word weighs the
    same, which with plain steps is to scale the rate with a window's length, as the paper does. Added to it:
    AR, alpha mean(dropped(h)^2), and TAR, beta mean((h_t+1 - h_t)^2), of the last layer's vectors h [B, T, D].
    """
    raw, dropped, after = model.read(window.stream.tokens, None if window.first else state)
    B, T = window.targets.shape
    entropy = model.loss(dropped.values, window.targets.flatten()) * (T / mean)
    h = raw.values.view(B, T, -1)
    total = entropy + penalties.activation * dropped.values.square().mean()
    if T > 1:
        total = total + penalties.temporal * (h[:, 1:] - h[:, :-1]).square().mean()
    return total, tuple(layer.detach() for layer in after)


def lay_out(documents: Sequence[np.ndarray], end: int) -> np.ndarray:
    """Lay documents' ids end to end, the end token before each."""
    return np.concatenate([part for ids in documents for part in (np.array([end], ids.dtype), ids)])
