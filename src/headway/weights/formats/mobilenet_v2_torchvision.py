"""MobileNetV2 as torchvision names it: `features.0` is the stem, `features.1` the first block, the last one `last`."""

from collections.abc import Iterator

from headway.models.mobilenet_v2 import InvertedResidualConfig
from headway.weights.formats.pictures import PictureLayout, convolution_and_norm
from headway.weights.rules import Rename, Rule


def blocks(config: InvertedResidualConfig) -> Iterator[tuple[int, str, bool]]:
    """Yield each block's number in one row, our name of it, and whether it widens its maps first."""
    number = 0
    for stage, (expansion, _, count, _, _) in enumerate(config.stages):
        for block in range(count):
            yield number, f"stages.{stage}.{block}", expansion != 1
            number += 1


def _body(config: InvertedResidualConfig) -> tuple[Rule, ...]:
    rules = [*convolution_and_norm("features.0.0", "features.0.1", "stem")]
    number = 0
    for number, ours, expands in blocks(config):
        theirs = f"features.{number + 1}.conv."
        parts = ("expand", "filter") if expands else ("filter",)
        for place, part in enumerate(parts):
            rules += convolution_and_norm(f"{theirs}{place}.0", f"{theirs}{place}.1", f"{ours}.{part}")
        last = len(parts)
        rules += convolution_and_norm(f"{theirs}{last}", f"{theirs}{last + 1}", f"{ours}.project")
    behind = f"features.{number + 2}"
    return (*rules, *convolution_and_norm(f"{behind}.0", f"{behind}.1", "last"))


LAYOUTS = (
    PictureLayout(
        title="torchvision",
        mark="features.0.0.weight",
        body=_body,
        head=(Rename("classifier.1.{part}", "head.classifier.{part}"),),
        head_names="classifier.1.{part}",
    ),
)
