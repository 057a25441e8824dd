"""Ragged batches: texts of different lengths laid end to end, without padding.

Between blocks a batch is one flat run of N tokens. Linear layers, norms and embeddings see real tokens only.
Attention is the one place where texts must not mix: there ``Lengths.runs`` cuts the batch into a few
rectangles.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import accumulate, groupby, pairwise
from typing import Self

import numpy as np
import torch
from torch import Tensor

from headway.core.errors import UsageError

# What attention over one rectangle costs, counted in query-key pairs (measured at MiniLM's sizes on two
# cores): a fixed price for its dozen calls, and for a rectangle with padding the copying of each token in and
# out.
_PAIRS_PER_RECTANGLE = 8000
_PAIRS_PER_PADDED_TOKEN = 40


@dataclass(frozen=True)
class Run:
    """Neighbouring sequences that attention takes as one rectangle [n, L].

    When all have the length L, the tokens are the rectangle already (a view). Otherwise ``index`` [n, L] says
    which token of the run stands at each place (padding repeats the sequence's last token), ``mask`` [n, L]
    is True at real tokens and ``places`` [tokens] is where each token stands in the flattened rectangle.
    """

    count: int
    length: int
    tokens: int
    index: Tensor | None = None
    mask: Tensor | None = None
    places: Tensor | None = None

    def rectangle(self, values: Tensor) -> Tensor:
        """Lay the run's tokens [tokens, ...] out as [n, L, ...]."""
        if self.index is not None:
            values = values.index_select(0, self.index.flatten())
        return values.view(self.count, self.length, *values.shape[1:])

    def flat(self, values: Tensor) -> Tensor:
        """Take the real tokens [tokens, ...] out of a rectangle [n, L, ...]."""
        values = values.flatten(0, 1)
        return values if self.places is None else values.index_select(0, self.places)


@dataclass(frozen=True)
class Lengths:
    """The lengths of the B sequences of a batch, each at least 1; immutable, with what follows from them."""

    sizes: tuple[int, ...]
    device: torch.device = field(default=torch.device("cpu"), compare=False)

    def __post_init__(self) -> None:
        if not self.sizes or min(self.sizes) < 1:
            raise UsageError(
                "a batch needs at least one sequence, each of at least one token", where="Lengths"
            )

    def __len__(self) -> int:
        return len(self.sizes)

    def to(self, device: torch.device) -> Lengths:
        """Return the same lengths with their index tensors on ``device``."""
        return self if device == self.device else replace(self, device=device)

    @cached_property
    def total(self) -> int:
        """N, the number of tokens."""
        return sum(self.sizes)

    @cached_property
    def longest(self) -> int:
        """The length of the longest sequence."""
        return max(self.sizes)

    @cached_property
    def counts(self) -> Tensor:
        """The sizes as a tensor [B]."""
        return torch.tensor(self.sizes, device=self.device)

    @cached_property
    def offsets(self) -> Tensor:
        """Where each sequence begins, [B]."""
        return self.counts.cumsum(0) - self.counts

    @cached_property
    def rows(self) -> Tensor:
        """The sequence that each token belongs to, [N]."""
        return torch.repeat_interleave(
            torch.arange(len(self), device=self.device), self.counts, output_size=self.total
        )

    @cached_property
    def positions(self) -> Tensor:
        """The place of each token in its sequence, counted from 0, [N]."""
        return torch.arange(self.total, device=self.device) - self.offsets[self.rows]

    @cached_property
    def groups(self) -> tuple[Run, ...]:
        """The runs that self-attention takes the batch in."""
        return self.runs(cuts(self, self))

    def runs(self, ends: Iterable[int]) -> tuple[Run, ...]:
        """Cut the batch after each of the rows ``ends`` (the last is B) into runs."""
        edges = [0, *ends]
        return tuple(_run(self.sizes[start:end], self.device) for start, end in pairwise(edges))


def cuts(queries: Lengths, keys: Lengths) -> list[int]:
    """Choose the rows after which attention cuts a batch into runs, so that the work is small.

    Neighbours of equal lengths are always one run. Walking from the first, the next such stretch joins the
    run before it where padding both to one size costs less than a rectangle more. Any order is right; sorted
    by length is fast.
    """
    ends: list[int] = []
    run = _Stretch()
    row = 0
    for (q, k), equal in groupby(zip(queries.sizes, keys.sizes, strict=True)):
        count = len(list(equal))
        stretch = _Stretch(count, q, k, count * q, count * k)
        joined = run.join(stretch)
        if joined.cost <= run.cost + stretch.cost:
            run = joined
        else:
            ends.append(row)
            run = stretch
        row += count
    return [*ends, row]


@dataclass(frozen=True)
class _Stretch:
    """Neighbouring sequences, for reckoning: how many, their longest, their tokens."""

    count: int = 0
    q_length: int = 0
    k_length: int = 0
    q_tokens: int = 0
    k_tokens: int = 0

    def join(self, other: _Stretch) -> _Stretch:
        return _Stretch(
            self.count + other.count,
            max(self.q_length, other.q_length),
            max(self.k_length, other.k_length),
            self.q_tokens + other.q_tokens,
            self.k_tokens + other.k_tokens,
        )

    @property
    def cost(self) -> int:
        q, k = self.count * self.q_length, self.count * self.k_length
        copied = (q if q > self.q_tokens else 0) + (k if k > self.k_tokens else 0)
        return _PAIRS_PER_RECTANGLE + q * self.k_length + _PAIRS_PER_PADDED_TOKEN * copied


def _run(sizes: tuple[int, ...], device: torch.device) -> Run:
    count, length, tokens = len(sizes), max(sizes), sum(sizes)
    if tokens == count * length:
        return Run(count, length, tokens)
    counts = np.array(sizes)[:, None]  # [n, 1]
    starts = np.array([0, *accumulate(sizes)][:-1])[:, None]  # [n, 1]
    places = np.arange(length)[None]  # [1, L]
    mask = places < counts  # [n, L]
    index = starts + np.minimum(places, counts - 1)  # [n, L]
    return Run(
        count,
        length,
        tokens,
        torch.from_numpy(index).to(device),
        torch.from_numpy(mask).to(device),
        torch.from_numpy(np.flatnonzero(mask)).to(device),
    )


@dataclass(frozen=True)
class Ragged:
    """A batch of B sequences as one flat run: ``values`` [N, ...] and the ``lengths`` of the sequences."""

    values: Tensor
    lengths: Lengths

    def __post_init__(self) -> None:
        if self.values.shape[0] != self.lengths.total:
            raise UsageError(
                f"{self.values.shape[0]} tokens, but the lengths add up to {self.lengths.total}",
                where="Ragged",
            )

    def with_values(self, values: Tensor) -> Ragged:
        """Return the same sequences with other values [N, ...]."""
        return Ragged(values, self.lengths)

    def rows(self, start: int, end: int) -> Self:
        """Return the sequences from row ``start`` to before row ``end``."""
        sizes = self.lengths.sizes
        first, chosen = sum(sizes[:start]), sizes[start:end]
        values = self.values[first : first + sum(chosen)]
        return replace(self, values=values, lengths=Lengths(chosen, self.lengths.device))

    def parts(self, tokens: int) -> list[tuple[int, int]]:
        """Return (start, end) of stretches of rows of at most so many tokens, or of one row that has more."""
        edges, held = [0], 0
        for row, size in enumerate(self.lengths.sizes):
            if row > edges[-1] and held + size > tokens:
                edges.append(row)
                held = 0
            held += size
        return list(pairwise([*edges, len(self.lengths)]))

    def to(self, device: torch.device) -> Self:
        """Return the batch on ``device``."""
        return replace(self, values=self.values.to(device), lengths=self.lengths.to(device))


@dataclass(frozen=True)
class Tokens(Ragged):
    """Token ids [N] (int64) of B texts, or words of character ids [N, 50]; ``segments`` [N] (int64) tells the first
    and second text of a pair apart.
    """

    segments: Tensor | None = None

    @classmethod
    def pack(cls, ids: Sequence[np.ndarray], segments: Sequence[np.ndarray] | None = None) -> Self:
        """Lay id arrays [length] or [length, 50] (and segment ids [length]) end to end."""
        return cls(
            _concatenate(ids),
            Lengths(tuple(len(sequence) for sequence in ids)),
            None if segments is None else _concatenate(segments),
        )

    def rows(self, start: int, end: int) -> Self:
        """Return the texts from row ``start`` to before row ``end``."""
        chosen = super().rows(start, end)
        if self.segments is None:
            return chosen
        first = sum(self.lengths.sizes[:start])
        return replace(chosen, segments=self.segments[first : first + chosen.lengths.total])

    def to(self, device: torch.device) -> Self:
        """Return the batch on ``device``."""
        moved = super().to(device)
        return moved if self.segments is None else replace(moved, segments=self.segments.to(device))


def _concatenate(arrays: Sequence[np.ndarray]) -> Tensor:
    shape = arrays[0].shape[1:] if len(arrays) else ()
    joined = np.concatenate([np.empty((0, *shape), np.int64), *arrays])
    return torch.from_numpy(joined.astype(np.int64, copy=False))
