"""Batches of pictures: one rectangle of numbers, all pictures of a batch of one size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch
from torch import Tensor

from headway.core.errors import UsageError


@dataclass(frozen=True)
class Pictures:
    """``values`` [B, C, H, W]: B pictures, already scaled as the weights that read them want it.

    In memory the channels of a pixel lie beside each other (torch's channels_last), which is the faster order for
    convolutions on CPUs; every block keeps the order that it is given.
    """

    values: Tensor

    def __post_init__(self) -> None:
        if self.values.ndim != 4 or not len(self.values):
            raise UsageError(
                f"a batch of pictures is [B, C, H, W] with at least one picture, not {list(self.values.shape)}",
                where="Pictures",
            )

    def __len__(self) -> int:
        return len(self.values)

    @classmethod
    def pack(cls, pixels: Sequence[np.ndarray], mean: Sequence[float], std: Sequence[float]) -> Self:
        """Stack pixels, each uint8 [H, W, C], as (x / 255 - mean) / std. Raises UsageError where sizes differ."""
        if len({picture.shape for picture in pixels}) > 1:
            raise UsageError("the pictures of a batch must be of one size", where="Pictures")
        scale = 1 / (255 * torch.tensor(std, dtype=torch.float32))  # [C]
        offset = -torch.tensor(mean, dtype=torch.float32) / torch.tensor(std, dtype=torch.float32)  # [C]
        values = torch.from_numpy(np.stack(pixels)).float().mul_(scale).add_(offset)  # [B, H, W, C]
        return cls(values.permute(0, 3, 1, 2))  # which is channels_last, without a copy

    def to(self, device: torch.device | None = None, dtype: torch.dtype | None = None) -> Self:
        """Return the batch on a device, in a type."""
        return replace(self, values=self.values.to(device=device, dtype=dtype))
