"""The cache of decoding: keys and values that earlier steps have computed, so that a step computes its new tokens only.

A cache is passed in and returned. A step may write into the room that the old one held, so the old one is not to be
used again; `Cache.select` copies.

Letters: B rows, H heads, K d_kv, S places of a rectangle, N new tokens, T the most new tokens of a row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from headway.blocks.ragged import Lengths, Run
from headway.core.errors import UsageError

_ROOM = 64  # places that a rectangle grows by at least


@dataclass(frozen=True)
class Past:
    """One layer's keys and values [B, H, S, K]. Each row's stand at its first places; what follows is room, all 0."""

    keys: Tensor
    values: Tensor

    @classmethod
    def empty(cls, rows: int, num_heads: int, d_kv: int, like: Tensor) -> Past:
        """Return a past of no places, of the type and on the device of ``like``."""
        nothing = like.new_zeros(rows, num_heads, 0, d_kv)
        return cls(nothing, nothing)

    def first(self, places: int) -> tuple[Tensor, Tensor]:
        """Return the keys and values of the first places (views)."""
        return self.keys[:, :, :places], self.values[:, :, :places]

    def select(self, rows: Tensor) -> Past:
        """Return a copy with these rows, in this order."""
        return Past(self.keys.index_select(0, rows), self.values.index_select(0, rows))


@dataclass(frozen=True)
class Cache:
    """What a decoder keeps of B rows: each layer's past, and how many tokens each row has taken in (``lengths`` [B]).

    An encoder-decoder also holds each layer's keys and values of the encoder's vectors, which stay as they are:
    ``memory``, of ``memory_lengths`` [B] vectors.
    """

    past: tuple[Past, ...]
    lengths: tuple[int, ...]
    memory: tuple[Past, ...] = ()
    memory_lengths: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def memory_mask(self) -> Tensor | None:
        """Which vectors of the memory are real, [B, 1, 1, S], or None for all."""
        longest = max(self.memory_lengths)
        if min(self.memory_lengths) == longest:
            return None
        device = self.memory[0].keys.device
        lengths = torch.tensor(self.memory_lengths, device=device)[:, None, None, None]
        return torch.arange(self.memory[0].keys.shape[2], device=device) < lengths

    def select(self, rows: Sequence[int]) -> Cache:
        """Return a copy with these rows, in this order; a row may come several times or not at all."""
        index = torch.tensor(list(rows), device=self.past[0].keys.device)
        return replace(
            self,
            past=tuple(layer.select(index) for layer in self.past),
            lengths=tuple(self.lengths[row] for row in rows),
            memory=tuple(layer.select(index) for layer in self.memory),
            memory_lengths=tuple(self.memory_lengths[row] for row in rows) if self.memory_lengths else (),
        )


@dataclass(frozen=True)
class Places:
    """Where the new tokens of a step stand: those of row b follow the ``before[b]`` tokens that it has taken in.

    Made once a step and used by every layer.
    """

    before: tuple[int, ...]
    new: Lengths

    def __post_init__(self) -> None:
        if len(self.before) != len(self.new):
            raise UsageError(
                f"{len(self.new)} rows of new tokens, but the cache holds {len(self.before)}", where="cache"
            )

    @cached_property
    def after(self) -> tuple[int, ...]:
        """The rows' lengths with the new tokens, [B]."""
        return tuple(old + new for old, new in zip(self.before, self.new.sizes, strict=True))

    @cached_property
    def longest(self) -> int:
        """S, the length of the longest row with its new tokens."""
        return max(self.after)

    @cached_property
    def run(self) -> Run:
        """The new tokens as one rectangle [B, T]."""
        return self.new.runs([len(self.new)])[0]

    @cached_property
    def positions(self) -> Tensor:
        """The place of each new token in its row, [N]."""
        before = torch.tensor(self.before, device=self.new.device)
        if self.run.length == 1:
            return before
        return before[self.new.rows] + self.new.positions

    @cached_property
    def queries(self) -> Tensor:
        """The position of each place of `run`, [B, T] (or [1, T] where all rows are alike)."""
        before = self.before[:1] if self._level else self.before
        starts = torch.tensor(before, device=self.new.device)[:, None]
        return starts + torch.arange(self.run.length, device=self.new.device)

    def mask(self, window: int | None = None) -> Tensor | None:
        """Return which of the S places each new token may see, [B, 1, T, S] (or [1, 1, T, S]), or None for all.

        Itself and what came before it; with a window, of those the nearest ``window``.
        """
        if self._level and self.run.length == 1 and (window is None or window >= self.longest):
            return None
        distance = self.queries[..., None] - torch.arange(self.longest, device=self.new.device)  # [B, T, S]
        allowed = distance >= 0
        if window is not None:
            allowed &= distance < window
        return allowed[:, None]

    def reserve(self, past: Past) -> Past:
        """Return the past itself, or a copy with more room where its places are fewer than the longest row's."""
        return Past(_with_room(past.keys, self.longest), _with_room(past.values, self.longest))

    def append(self, past: Past, keys: Tensor, values: Tensor) -> Past:
        """Write the new tokens' keys and values [N, H, K] into their places, in the past's own room where it lasts."""
        past = self.reserve(past)
        self._write(past.keys, keys)
        self._write(past.values, values)
        return past

    @cached_property
    def _level(self) -> bool:
        """Whether all rows are of one length, before and after."""
        return len(set(self.before)) == 1 and len(set(self.new.sizes)) == 1

    def _write(self, rectangle: Tensor, new: Tensor) -> None:
        if self._level and self.run.length == 1:
            rectangle.select(2, self.before[0]).copy_(new)  # the case below, in a third of its time
        elif self._level:
            rectangle[:, :, self.before[0] : self.longest] = self.run.rectangle(new).transpose(1, 2)
        else:
            rectangle[self.new.rows, :, self.positions] = new


def _with_room(rectangle: Tensor, places: int) -> Tensor:
    """Return the rectangle [B, H, S, K] itself, or a copy with more room where it has fewer than ``places``."""
    B, H, S, K = rectangle.shape
    if places <= S:
        return rectangle
    larger = rectangle.new_zeros(B, H, max(places, S + S // 2) + _ROOM, K)
    larger[:, :, :S] = rectangle
    return larger
