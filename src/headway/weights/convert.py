"""Conversion with total accounting: each tensor of the file is used once, each tensor of the model filled
once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from headway.core.errors import LayoutError
from headway.weights.rules import Drop, Pool, Rule


@dataclass(frozen=True)
class Conversion:
    """What a conversion did: our tensors, and everything that is not simply one for one."""

    tensors: dict[str, Tensor]
    dropped: dict[str, str]  # their name -> why it has no place in our model
    fresh: tuple[str, ...]  # our names that the file does not fill and the caller had named
    used: tuple[int, ...]  # how many tensors each rule took


def to_ours(
    theirs: Mapping[str, Tensor],
    rules: Sequence[Rule],
    shapes: Mapping[str, torch.Size],
    *,
    fresh: Sequence[str] = (),
    where: str = "weights",
) -> Conversion:
    """Convert a file's tensors to those of our model, whose names and shapes are given.

    fresh: prefixes of our names that may be missing in the file (a new head, an absent pooler). Raises
    LayoutError, with all names, when a tensor is left over or missing, filled twice, or of another shape.
    """
    pool = dict(theirs)
    ours: Pool = {}
    dropped: dict[str, str] = {}
    used: list[int] = []
    problems: list[str] = []
    for rule in rules:
        before = dict(pool)
        found = rule.read(pool)
        gone = before.keys() - pool.keys()
        used.append(len(gone))
        if isinstance(rule, Drop):
            dropped |= dict.fromkeys(sorted(gone), rule.reason)
        problems += [f"filled twice: {name}" for name in found.keys() & ours.keys()]
        ours |= found
    missing = [name for name in shapes if name not in ours]
    named = tuple(name for name in missing if name.startswith(tuple(fresh)))
    problems += [f"in the file, but without a place in the model: {name}" for name in sorted(pool)]
    problems += [f"in the model, but not in the file: {name}" for name in missing if name not in named]
    problems += [
        f"converted, but without a place in the model: {name}" for name in ours if name not in shapes
    ]
    problems += [
        f"of another shape: {name} is {list(tensor.shape)}, the model's is {list(shapes[name])}"
        for name, tensor in ours.items()
        if name in shapes and tensor.shape != shapes[name]
    ]
    if problems:
        raise LayoutError(
            "the tensors are not those of the model:\n    " + "\n    ".join(problems),
            where=where,
            remedy="Use weights of this architecture and these sizes.",
        )
    return Conversion(ours, dropped, named, tuple(used))


def to_theirs(ours: Mapping[str, Tensor], rules: Sequence[Rule]) -> dict[str, Tensor]:
    """Convert our model's tensors to the published layout. Raises LayoutError when one has no rule."""
    pool = dict(ours)
    theirs: Pool = {}
    for rule in rules:
        theirs |= rule.write(pool)
    if pool:
        raise LayoutError(f"no rule writes {', '.join(sorted(pool))}", where="the layout's table")
    return theirs


def fill_model(
    model: nn.Module,
    theirs: Mapping[str, Tensor],
    rules: Sequence[Rule],
    *,
    fresh: Sequence[str] = (),
    where: str,
) -> Conversion:
    """Convert a file's tensors and put them into the model, in the model's own dtype; says what it did."""
    state = model.state_dict()
    conversion = to_ours(
        theirs, rules, {name: value.shape for name, value in state.items()}, fresh=fresh, where=where
    )
    tensors = {name: tensor.to(state[name].dtype) for name, tensor in conversion.tensors.items()}
    model.load_state_dict(tensors, strict=False, assign=True)
    return conversion
