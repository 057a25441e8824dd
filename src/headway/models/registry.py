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
    "distilbert": "headway.models.distilbert:DistilBert",
    "gpt": "headway.models.gpt:Gpt",
    "gpt2": "headway.models.gpt2:Gpt2",
    "t5": "headway.models.t5:T5Encoder",
    "transformer": "headway.models.transformer:TransformerEncoder",
}
ENCODER_DECODERS = {  # the whole of those whose backbone is an encoder
    "t5": "headway.models.t5:T5",
    "transformer": "headway.models.transformer:Transformer",
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


def encoder_decoder_class(architecture: str) -> Any:
    """Return the class of encoder, decoder and head; raises UsageError on a name that is not in the registry."""
    if architecture not in ENCODER_DECODERS:
        raise UsageError(
            f"no encoder-decoder is called {architecture!r}",
            where="registry",
            remedy=f"Known encoder-decoders: {', '.join(sorted(ENCODER_DECODERS))}.",
        )
    module, name = ENCODER_DECODERS[architecture].split(":")
    return getattr(importlib.import_module(module), name)


def build_backbone(architecture: str, config: dict[str, Any]) -> Backbone:
    """Build a backbone with fresh weights from its configuration as plain values. Reads no file."""
    kind = backbone_class(architecture)
    backbone: Backbone = kind(kind.config_class.from_dict(config))
    return backbone
