"""The registry: which class implements which architecture. One plain dict; nothing loads before it is asked
for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from headway.core.errors import UsageError

if TYPE_CHECKING:
    from headway.models.base import Backbone

BACKBONES = {
    "bert": "headway.models.bert:Bert",
}


def backbone_class(architecture: str) -> Any:
    """Return the backbone's class; raises UsageError on a name that is not in the registry."""
    if architecture not in BACKBONES:
        raise UsageError(
            f"unknown architecture {architecture!r}",
            where="registry",
            remedy=f"Known architectures: {', '.join(sorted(BACKBONES))}.",
        )
    module, name = BACKBONES[architecture].split(":")
    return getattr(importlib.import_module(module), name)


def build_backbone(architecture: str, config: dict[str, Any]) -> Backbone:
    """Build a backbone with fresh weights from its configuration as plain values. Reads no file."""
    kind = backbone_class(architecture)
    backbone: Backbone = kind(kind.config_class.from_dict(config))
    return backbone
