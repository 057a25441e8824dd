"""The registry: which class implements which architecture. One plain dict; nothing loads before it is asked
for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from headway.core.errors import UsageError

if TYPE_CHECKING:
    from headway.models.base import Backbone, PictureBackbone

BACKBONES = {
    "awd_lstm": "headway.models.awd_lstm:AwdLstm",
    "bert": "headway.models.bert:Bert",
    "distilbert": "headway.models.distilbert:DistilBert",
    "elmo": "headway.models.elmo:Elmo",
    "gpt": "headway.models.gpt:Gpt",
    "gpt2": "headway.models.gpt2:Gpt2",
    "t5": "headway.models.t5:T5Encoder",
    "transformer": "headway.models.transformer:TransformerEncoder",
}
PICTURE_BACKBONES = {
    "efficientnet_lite": "headway.models.efficientnet_lite:EfficientNetLite",
    "mobilenet_v2": "headway.models.mobilenet_v2:MobileNetV2",
    "resnet": "headway.models.resnet:ResNet",
}
LANGUAGE_MODELS = {  # what writes, of those whose backbone does not by itself
    "awd_lstm": "headway.models.awd_lstm:AwdLstmLanguageModel",
}
ENCODER_DECODERS = {  # the whole of those whose backbone is an encoder
    "t5": "headway.models.t5:T5",
    "transformer": "headway.models.transformer:Transformer",
}


def backbone_class(architecture: str) -> Any:
    """Return the backbone's class; raises UsageError on a name that is not in the registry."""
    return _class_of(BACKBONES, architecture, f"unknown architecture {architecture!r}", "architectures")


def picture_backbone_class(architecture: str) -> Any:
    """Return the class of a backbone for pictures; raises UsageError on a name that is not in the registry."""
    problem = f"unknown architecture for pictures {architecture!r}"
    return _class_of(PICTURE_BACKBONES, architecture, problem, "architectures")


def language_model_class(architecture: str) -> Any:
    """Return the class that is built around a backbone to write; raises UsageError on a name that is not registered."""
    return _class_of(
        LANGUAGE_MODELS, architecture, f"no language model is called {architecture!r}", "language models"
    )


def encoder_decoder_class(architecture: str) -> Any:
    """Return the class of encoder, decoder and head; raises UsageError on a name that is not in the registry."""
    problem = f"no encoder-decoder is called {architecture!r}"
    return _class_of(ENCODER_DECODERS, architecture, problem, "encoder-decoders")


def build_backbone(architecture: str, config: dict[str, Any]) -> Backbone:
    """Build a backbone with fresh weights from its configuration as plain values. Reads no file."""
    kind = backbone_class(architecture)
    backbone: Backbone = kind(kind.config_class.from_dict(config))
    return backbone


def build_picture_backbone(architecture: str, config: dict[str, Any]) -> PictureBackbone:
    """Build a backbone for pictures with fresh weights from its configuration as plain values. Reads no file."""
    kind = picture_backbone_class(architecture)
    backbone: PictureBackbone = kind(kind.config_class.from_dict(config))
    return backbone


def _class_of(table: dict[str, str], name: str, problem: str, kinds: str) -> Any:
    if name not in table:
        raise UsageError(problem, where="registry", remedy=f"Known {kinds}: {', '.join(sorted(table))}.")
    module, kind = table[name].split(":")
    return getattr(importlib.import_module(module), kind)
