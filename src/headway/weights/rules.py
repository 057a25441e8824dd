"""Conversion rules: small reversible statements of how a published layout's tensors become ours, and back.

A layout is an ordered tuple of rules. Reading, each rule takes tensors out of a pool and returns ours; a
tensor is taken once. Writing, each rule takes ours and returns theirs. In a pattern ``{i}`` stands for a
number, ``{rest}`` for anything, and any other ``{name}`` for one part of a dotted name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Protocol, Self

import torch
from torch import Tensor

from headway.core.errors import LayoutError

Pool = dict[str, Tensor]


class Rule(Protocol):
    """One statement about a layout."""

    def read(self, pool: Pool) -> Pool:
        """Take their tensors out of the pool and return ours."""

    def write(self, pool: Pool) -> Pool:
        """Take our tensors out of the pool and return theirs."""

    def under(self, theirs: str, ours: str) -> Rule:
        """Return the same rule for names that begin with these prefixes."""


@dataclass(frozen=True)
class Rename:
    """The same tensor under another name."""

    theirs: str
    ours: str

    def read(self, pool: Pool) -> Pool:
        """Theirs to ours."""
        return {fill(self.ours, parts): pool.pop(name) for name, parts in matches(self.theirs, pool)}

    def write(self, pool: Pool) -> Pool:
        """Ours to theirs."""
        return {fill(self.theirs, parts): pool.pop(name) for name, parts in matches(self.ours, pool)}

    def under(self, theirs: str, ours: str) -> Self:
        """Prefix both names."""
        return replace(self, theirs=theirs + self.theirs, ours=ours + self.ours)


@dataclass(frozen=True)
class Concat:
    """Several of their tensors, of equal sizes, are one of ours, joined along the first dimension in this
    order.
    """

    theirs: tuple[str, ...]
    ours: str

    def read(self, pool: Pool) -> Pool:
        """Join. Where one of the tensors is missing, none is taken (and the accounting shows it)."""
        found: Pool = {}
        for _, parts in matches(self.theirs[0], pool):
            names = [fill(pattern, parts) for pattern in self.theirs]
            if all(name in pool for name in names):
                found[fill(self.ours, parts)] = torch.cat([pool.pop(name) for name in names])
        return found

    def write(self, pool: Pool) -> Pool:
        """Cut into equal pieces."""
        found: Pool = {}
        for name, parts in matches(self.ours, pool):
            pieces = pool.pop(name).chunk(len(self.theirs))
            found |= {fill(pattern, parts): piece for pattern, piece in zip(self.theirs, pieces, strict=True)}
        return found

    def under(self, theirs: str, ours: str) -> Self:
        """Prefix all names."""
        return replace(self, theirs=tuple(theirs + pattern for pattern in self.theirs), ours=ours + self.ours)


@dataclass(frozen=True)
class Drop:
    """Their tensor has no place in our model, for a reason that is told. Writing does not bring it back."""

    theirs: str
    reason: str

    def read(self, pool: Pool) -> Pool:
        """Take the tensors and return nothing."""
        for name, _ in matches(self.theirs, pool):
            del pool[name]
        return {}

    def write(self, pool: Pool) -> Pool:
        """Return nothing."""
        return {}

    def under(self, theirs: str, ours: str) -> Self:
        """Prefix the name."""
        return replace(self, theirs=theirs + self.theirs)


@dataclass(frozen=True)
class DropCount(Drop):
    """A count that our model does not keep. Writing gives a new one, 0, beside each of our tensors ``ours``."""

    ours: str

    def write(self, pool: Pool) -> Pool:
        """Return the counts; the tensors that they stand beside are another rule's to take."""
        return {fill(self.theirs, parts): torch.tensor(0) for _, parts in matches(self.ours, pool)}

    def under(self, theirs: str, ours: str) -> Self:
        """Prefix both names."""
        return replace(self, theirs=theirs + self.theirs, ours=ours + self.ours)


@dataclass(frozen=True)
class Omit:
    """Our tensor has no place in their layout, for a stated reason; a reader must name it as one that may lack."""

    ours: str
    reason: str

    def read(self, pool: Pool) -> Pool:
        """Return nothing."""
        return {}

    def write(self, pool: Pool) -> Pool:
        """Take the tensors and return nothing."""
        for name, _ in matches(self.ours, pool):
            del pool[name]
        return {}

    def under(self, theirs: str, ours: str) -> Self:
        """Prefix the name."""
        return replace(self, ours=ours + self.ours)


@dataclass(frozen=True, eq=False)
class Default:
    """What a rule says; where their file lacks the tensor, ours has this value, as published models are used."""

    rule: Rename
    value: Tensor

    def read(self, pool: Pool) -> Pool:
        """Read by the rule, or return the value."""
        return self.rule.read(pool) or {self.rule.ours: self.value.clone()}

    def write(self, pool: Pool) -> Pool:
        """Write by the rule."""
        return self.rule.write(pool)

    def under(self, theirs: str, ours: str) -> Self:
        """Prefix the rule's names."""
        return replace(self, rule=self.rule.under(theirs, ours))


@dataclass(frozen=True)
class Tie:
    """Their second name for a tensor that another rule, further down, reads as ``first``; our model has it once.

    A file may hold both, if they are equal, or either. Writing leaves the second out: readers tie it again.
    """

    theirs: str
    first: str

    def read(self, pool: Pool) -> Pool:
        """Take the second copy, or give it the first name where that is missing. Raises LayoutError."""
        for second, parts in matches(self.theirs, pool):
            first = fill(self.first, parts)
            tensor = pool.pop(second)
            if not torch.equal(pool.setdefault(first, tensor), tensor):
                raise LayoutError(
                    f"differs from {first}, but in this model the two are one",
                    where=second,
                    remedy="Use weights that were trained with the two tied.",
                )
        return {}

    def write(self, pool: Pool) -> Pool:
        """Return nothing."""
        return {}

    def under(self, theirs: str, ours: str) -> Self:
        """Prefix both of their names."""
        return replace(self, theirs=theirs + self.theirs, first=theirs + self.first)


@dataclass(frozen=True)
class Transpose:
    """What another rule says, of matrices that they store as [in, out] and we, like torch, as [out, in]; of kernels
    that they store as [height, width, in, out] and we as [out, in, height, width].
    """

    rule: Rule

    def read(self, pool: Pool) -> Pool:
        """Transpose theirs, then read."""
        turned = {name: _permuted(tensor, (3, 2, 0, 1)) for name, tensor in pool.items()}  # views
        found = self.rule.read(turned)
        for name in pool.keys() - turned.keys():
            del pool[name]
        return {name: tensor.contiguous() for name, tensor in found.items()}

    def write(self, pool: Pool) -> Pool:
        """Write, then transpose."""
        found = self.rule.write(pool)
        return {name: _permuted(tensor, (2, 3, 1, 0)).contiguous() for name, tensor in found.items()}

    def under(self, theirs: str, ours: str) -> Self:
        """Prefix the rule's names."""
        return replace(self, rule=self.rule.under(theirs, ours))


@dataclass(frozen=True)
class Respell:
    """An older spelling of the end of a name; reading turns it into today's, for the rules that follow."""

    old: str
    new: str

    def read(self, pool: Pool) -> Pool:
        """Rename within the pool."""
        for name in [name for name in pool if name.endswith(self.old)]:
            today = name.removesuffix(self.old) + self.new
            if today not in pool:
                pool[today] = pool.pop(name)
        return {}

    def write(self, pool: Pool) -> Pool:
        """Return nothing: today's spelling is written."""
        return {}

    def under(self, theirs: str, ours: str) -> Self:
        """Return itself: the end of a name has no prefix."""
        return self


def under(rules: Sequence[Rule], theirs: str, ours: str) -> tuple[Rule, ...]:
    """Return the rules for a model that stands inside a larger one, under these prefixes."""
    return tuple(rule.under(theirs, ours) for rule in rules)


def matches(pattern: str, names: Iterable[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield each of the names that the pattern fits, with the parts that its placeholders stand for."""
    compiled = _compile(pattern)
    for name in list(names):
        match = compiled.fullmatch(name)
        if match:
            yield name, match.groupdict()


def fill(pattern: str, parts: dict[str, str]) -> str:
    """Put the parts in the place of the placeholders."""
    return pattern.format_map(parts)


def _permuted(tensor: Tensor, order: tuple[int, ...]) -> Tensor:
    """Return a matrix transposed, a kernel in another order, anything else as it is."""
    if tensor.ndim == 2:
        return tensor.T
    return tensor.permute(order) if tensor.ndim == 4 else tensor


@cache
def _compile(pattern: str) -> re.Pattern[str]:
    kinds = {"i": r"\d+", "rest": r".+"}
    pieces = re.split(r"\{(\w+)\}", pattern)  # text, placeholder, text, placeholder, ..., text
    return re.compile(
        "".join(
            f"(?P<{piece}>{kinds.get(piece, r'[^.]+')})" if at % 2 else re.escape(piece)
            for at, piece in enumerate(pieces)
        )
    )
