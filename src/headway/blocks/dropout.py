"""Dropout, with a mask that is cheap to draw on the CPU."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

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
    kept = words.view(torch.uint8)[:count].view(*shape) >= dropped
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
