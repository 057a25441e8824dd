"""ResNet in Hugging Face's layout: `config.json` and the tensors of `ResNetModel`, `ResNetForImageClassification`."""

from collections.abc import Mapping
from typing import Any

from headway.core.errors import WeightsError
from headway.models.resnet import ResNetConfig
from headway.weights.config_keys import ConfigKeys
from headway.weights.formats.pictures import PictureLayout, convolution_and_norm
from headway.weights.rules import Rename, Rule

BACKBONE_CLASS = "ResNetModel"
CLASSIFIER_CLASS = "ResNetForImageClassification"
HEAD_DROPOUT = None  # its head has none

_THEIRS, _OURS = "encoder.stages.{s}.layers.{i}.", "stages.{s}.{i}."


def _body(config: ResNetConfig) -> tuple[Rule, ...]:
    layer = _THEIRS + "layer.{k}."
    return (
        *_pair("embedder.embedder.", "stem.0"),
        *_pair(_THEIRS + "shortcut.", _OURS + "shortcut"),
        *_pair(layer, _OURS + "convolutions.{k}"),
    )


def _pair(theirs: str, ours: str) -> tuple[Rule, ...]:
    return convolution_and_norm(theirs + "convolution", theirs + "normalization", ours)


LAYOUTS = (
    PictureLayout(
        title="Hugging Face",
        mark="embedder.embedder.convolution.weight",
        body=_body,
        head=(Rename("classifier.1.{part}", "head.classifier.{part}"),),
        head_names="classifier.1.{part}",
        prefix="resnet.",
    ),
)

_KEYS = ConfigKeys(
    same={
        "num_channels": "num_channels",
        "embedding_size": "stem_width",
        "hidden_sizes": "widths",
        "depths": "depths",
        "layer_type": "block",
        "downsample_in_bottleneck": "stride_in_first",
    },
    activation=None,
    constants={
        "model_type": ("resnet",),
        "hidden_act": ("relu",),
        "downsample_in_first_stage": (False,),
        "is_encoder_decoder": (False,),
        "quantization_config": (None,),
    },
    defaults={},
    no_mathematics=frozenset("out_features out_indices _out_features _out_indices stage_names".split()),
    remedy="Only the published ResNet is implemented; use weights of that model.",
)
_FIXED = {"stem": "imagenet", "shortcut": "projection", "convolution_bias": False, "norm_eps": 1e-5}


def read_config(theirs: Mapping[str, Any], *, where: str = "config.json") -> ResNetConfig:
    """Translate transformers' configuration; raises WeightsError on a key or value that we cannot honour."""
    return ResNetConfig(**_KEYS.read(theirs, where))


def write_config(config: ResNetConfig) -> dict[str, Any]:
    """Translate our configuration to transformers'; raises WeightsError where theirs cannot say the same."""
    for name, value in _FIXED.items():
        if getattr(config, name) != value:
            raise WeightsError(
                f"{name} is {getattr(config, name)!r}, and in this layout it is always {value!r}", where=name
            )
    written = _KEYS.write(config.to_dict())
    lists = {key: list(value) for key, value in written.items() if isinstance(value, tuple)}
    return {"model_type": "resnet", **written, **lists}
