"""MobileNetV2 in Hugging Face's layout: `config.json` and the tensors of `MobileNetV2Model` and
`MobileNetV2ForImageClassification`. Its first block is part of what they call the stem.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from headway.core.errors import WeightsError
from headway.models.mobilenet_v2 import MobileNetV2Config
from headway.weights.config_keys import ConfigKeys
from headway.weights.formats.mobilenet_v2_torchvision import blocks
from headway.weights.formats.pictures import PictureLayout, convolution_and_norm
from headway.weights.rules import Rename, Rule

BACKBONE_CLASS = "MobileNetV2Model"
CLASSIFIER_CLASS = "MobileNetV2ForImageClassification"
HEAD_DROPOUT = "classifier_dropout_prob"

_PARTS = {"expand": "expand_1x1", "filter": "conv_3x3", "project": "reduce_1x1"}


def _body(config: MobileNetV2Config) -> tuple[Rule, ...]:
    rules = _pair("conv_stem.first_conv", "stem")
    for number, ours, expands in blocks(config):
        theirs = f"layer.{number - 1}" if number else "conv_stem"
        for part, name in _PARTS.items():
            if expands or part != "expand":
                rules += _pair(f"{theirs}.{name}", f"{ours}.{part}")
    return (*rules, *_pair("conv_1x1", "last"))


def _pair(theirs: str, ours: str) -> tuple[Rule, ...]:
    return convolution_and_norm(f"{theirs}.convolution", f"{theirs}.normalization", ours)


LAYOUTS = (
    PictureLayout(
        title="Hugging Face",
        mark="conv_stem.first_conv.convolution.weight",
        body=_body,
        head=(Rename("classifier.{part}", "head.classifier.{part}"),),
        head_names="classifier.{part}",
        prefix="mobilenet_v2.",
    ),
)

_KEYS = ConfigKeys(
    same={"num_channels": "num_channels", "layer_norm_eps": "norm_eps"},
    activation=None,
    constants={
        "model_type": ("mobilenet_v2",),
        "hidden_act": ("relu6",),
        "output_stride": (32,),
        "first_layer_is_expansion": (True,),
        "expand_ratio": (6, 6.0),
        "is_encoder_decoder": (False,),
        "quantization_config": (None,),
    },
    defaults={"layer_norm_eps": 1e-3},
    no_mathematics=frozenset(
        """
        image_size semantic_loss_ignore_index classifier_dropout_prob
        depth_multiplier depth_divisible_by min_depth finegrained_output tf_padding
        """.split()  # the last line's are read below
    ),
    remedy="Only the published MobileNetV2 is implemented; use weights of that model.",
)
_MULTIPLIERS = (1.0, 1.4, 1.3, 0.75, 0.5, 0.35)  # that were published


def read_config(theirs: Mapping[str, Any], *, where: str = "config.json") -> MobileNetV2Config:
    """Translate transformers' configuration; raises WeightsError on a key or value that we cannot honour."""
    values = _KEYS.read(theirs, where)
    sizes = _sizes(
        theirs.get("depth_multiplier", 1.0),
        theirs.get("depth_divisible_by", 8),
        theirs.get("min_depth", 8),
        finegrained=theirs.get("finegrained_output", True),
    )
    return replace(sizes, padding="same" if theirs.get("tf_padding", True) else "symmetric", **values)


def write_config(config: MobileNetV2Config) -> dict[str, Any]:
    """Translate our configuration to transformers'; raises WeightsError where theirs cannot say the same."""
    for multiplier in _MULTIPLIERS:
        sizes = _sizes(multiplier, 8, 8, finegrained=True)
        if (sizes.stages, sizes.stem_width, sizes.last_width) == (
            config.stages,
            config.stem_width,
            config.last_width,
        ):
            return {
                "model_type": "mobilenet_v2",
                **_KEYS.write(config.to_dict()),
                "depth_multiplier": multiplier,
                "tf_padding": config.padding == "same",
            }
    raise WeightsError(
        "this layout can only say the published widths",
        where="stages",
        remedy=f"They are the paper's table 2 times {', '.join(map(str, _MULTIPLIERS))}.",
    )


def _sizes(multiplier: float, divisor: int, least: int, *, finegrained: bool) -> MobileNetV2Config:
    """Return the paper's sizes with the channels times ``multiplier``, made multiples of ``divisor``."""

    def scaled(channels: int) -> int:
        value = round(channels * multiplier)
        near = max(least, int(value + divisor / 2) // divisor * divisor)
        return near + divisor if near < 0.9 * value else near

    paper = MobileNetV2Config()
    return MobileNetV2Config(
        stages=tuple((e, scaled(channels), *rest) for e, channels, *rest in paper.stages),  # type: ignore[misc]
        stem_width=scaled(paper.stem_width),
        last_width=paper.last_width if finegrained and multiplier < 1 else scaled(paper.last_width),
    )
