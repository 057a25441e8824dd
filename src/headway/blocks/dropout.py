"""Dropout, with a mask that is cheap to draw on the CPU; of single numbers, of a whole text, of whole words."""

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from headway.blocks.ragged import Ragged
from headway.core.errors import UsageError


def check_probability(p: float) -> float:
    """Return ``p``; raises UsageError unless 0 <= p < 1."""
    if not 0 <= p < 1:
        raise UsageError(f"dropout must be at least 0 and less than 1, found {p}", where="dropout")
    return p


def keep_mask(shape: Sequence[int], p: float, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Draw a mask that is 0 with probability p and 1 / (1 - p) otherwise.

    One random byte decides each element (torch's own Bernoulli draw on the CPU takes 20 times as long and was
    a fifth of a training step), so p is rounded to a multiple of 1/256 (but not to 0 or 1); the scale uses
    the rounded p, so that the expectation is exactly 1. The bytes come from torch's generator:
    ``torch.manual_seed`` decides them.
    """
    dropped = min(max(round(p * 256), 1), 255)  # of the 256 values of a byte
    count = math.prod(shape)
    words = torch.empty((count + 7) // 8, dtype=torch.int64, device=device).random_(-(2**63), None)
    drawn = words.view(torch.uint8)[:count].view(*shape)
    below = dropped - 1
    kept = drawn.clamp_(below, dropped).sub_(below)  # 0 or 1; a comparison takes ten times as long
    return kept.to(dtype).mul_(256 / (256 - dropped))


class Dropout(nn.Module):
    """Zeroes each element with probability p in training and scales the others by 1 / (1 - p) (Srivastava et
    al. 2014).
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = check_probability(p)

    def forward(self, x: Tensor) -> Tensor:
        """Drop elements of x, of any shape; outside training return x itself."""
        if not self.training or self.p == 0:
            return x
        return x * keep_mask(x.shape, self.p, x.dtype, x.device)

    def extra_repr(self) -> str:
        """Show p when the module is printed."""
        return f"p={self.p}"


class LockedDropout(Dropout):
    """Dropout with one mask per sequence, the same at each of its tokens (Gal and Ghahramani 2016; Merity et al. 2018).

    It is given and returns a ragged batch [N, D].
    """

    def forward(self, x: Ragged) -> Ragged:  # type: ignore[override]
        """Drop features of whole sequences; outside training return x itself."""
        if not self.training or self.p == 0:
            return x
        values, lengths = x.values, x.lengths
        mask = keep_mask((len(lengths), values.shape[1]), self.p, values.dtype, values.device)  # [B, D]
        return x.with_values(values * mask.index_select(0, lengths.rows))


class EmbeddingDropout(Dropout):
    """Dropout of whole words: a word that is dropped is 0 wherever it stands in the batch (Merity et al. 2018, 4.3)."""

    def forward(self, x: Tensor, ids: Tensor, vocab_size: int) -> Tensor:  # type: ignore[override]
        """Drop words of embedded tokens x [N, D], whose ids [N] are given; outside training return x itself."""
        if not self.training or self.p == 0:
            return x
        return x * keep_mask((vocab_size,), self.p, x.dtype, x.device)[ids, None]


def dropouts(model: nn.Module) -> Iterator[tuple[nn.Module, str, float]]:
    """Yield every probability with which a model drops something, as (module, attribute, probability)."""
    for module in model.modules():
        names = ("p",) if isinstance(module, Dropout) else ("dropout", "weight_dropout")
        for name in names:
            if isinstance(found := getattr(module, name, None), float):
                yield module, name, found
