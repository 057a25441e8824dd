"""Streams: rows of running text, cut into windows of one length, for truncated backpropagation with a state."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from headway.blocks.ragged import Lengths, Tokens


@dataclass(frozen=True)
class Stream:
    """The next T tokens of each of B running texts: ``ids`` [B, T] (int64)."""

    ids: Tensor

    @property
    def tokens(self) -> Tokens:
        """The same ids as a ragged batch, whose rows happen to be of one length."""
        B, T = self.ids.shape
        return Tokens(self.ids.reshape(B * T), Lengths((T,) * B, self.ids.device))
