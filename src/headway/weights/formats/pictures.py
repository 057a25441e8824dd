"""The published layouts of picture backbones: for each architecture several, told apart by a tensor's name.

A layout's rules depend on the configuration, for files number blocks in one row or by stages. A file may hold the
classification head too; it is read, or dropped by name.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from headway.core.errors import WeightsError
from headway.weights.rules import Drop, DropCount, Rename, Rule, under

_MODULES = {  # architecture -> the modules that hold its layouts
    "efficientnet_lite": ("efficientnet_lite",),
    "mobilenet_v2": ("mobilenet_v2", "mobilenet_v2_torchvision"),
    "resnet": ("resnet", "resnet_torchvision", "resnet_keras"),
}


@dataclass(frozen=True, kw_only=True)
class PictureLayout:
    """How one kind of published file names the tensors of one architecture."""

    title: str
    mark: str  # a tensor's name that none of the architecture's other layouts has
    body: Callable[[Any], tuple[Rule, ...]]  # configuration -> the rules of the backbone
    head: tuple[Rule, ...]  # of the classification head, ours being head.classifier
    head_names: str  # a pattern of theirs
    prefix: str = ""  # what stands before the names of the backbone in a classifier's file
    names: Callable[[Mapping[str, Tensor]], Mapping[str, Tensor]] = (
        dict  # a file's names -> those that rules read
    )

    def rules(self, config: Any, names: Iterable[str], *, classifier: bool) -> tuple[Rule, ...]:
        """Return the table for a file with tensors of these names: for a classifier, or for its backbone alone."""
        if classifier:
            return (*under(self.body(config), self.prefix, "backbone."), *self.head)
        prefix = self.prefix if any(name.startswith(self.prefix) for name in names) else ""
        dropped = Drop(
            self.head_names, "the classification head it was trained with, not part of the backbone"
        )
        return (*under(self.body(config), prefix, ""), dropped)


def layouts_of(architecture: str) -> tuple[PictureLayout, ...]:
    """Return every layout that is read for an architecture; the last is Headway's own."""
    modules = [importlib.import_module(f"headway.weights.formats.{name}") for name in _MODULES[architecture]]
    own = PictureLayout(
        title="Headway's own",
        mark="stages.0.0.convolutions.0.norm.weight" if architecture == "resnet" else "stem.norm.weight",
        body=lambda config: (Rename("{rest}", "{rest}"),),
        head=(Rename("head.classifier.{part}", "head.classifier.{part}"),),
        head_names="head.classifier.{part}",
        prefix="backbone.",
    )
    return (*(layout for module in modules for layout in module.LAYOUTS), own)


def picture_layout(architecture: str, tensors: Mapping[str, Tensor], where: str) -> PictureLayout:
    """Return the layout of a file with these tensors. Raises WeightsError when it is none that is known."""
    known = layouts_of(architecture)
    for layout in known:
        if not {layout.mark, layout.prefix + layout.mark}.isdisjoint(layout.names(tensors)):
            return layout
    raise WeightsError(
        f"is in no known layout of {architecture}: its first tensors are {', '.join(sorted(tensors)[:3])}",
        where=where,
        remedy=f"Known layouts: {'; '.join(layout.title for layout in known)}.",
    )


def convolution_and_norm(convolution: str, norm: str, ours: str) -> tuple[Rule, ...]:
    """Return the rules of a convolution and of the norm behind it, both as torch stores them."""
    return (
        DropCount(
            f"{norm}.num_batches_tracked",
            "a count of training batches that no formula reads",
            f"{ours}.norm.running_mean",
        ),
        Rename(f"{convolution}.{{part}}", f"{ours}.convolution.{{part}}"),
        Rename(f"{norm}.{{part}}", f"{ours}.norm.{{part}}"),
    )
