"""MobileNetV2 (Sandler et al. 2018, "MobileNetV2: Inverted Residuals and Linear Bottlenecks", arXiv:1801.04381).

- a block widens its maps `expansion` times with a 1 x 1 convolution, filters each map by itself (a depthwise
  convolution, which has the stride), and narrows with a 1 x 1 convolution without activation; where sizes are the same
  its input is added. A block with an expansion of 1 has no first convolution;
- ReLU6 everywhere else;
- the stem is a 3 x 3 convolution of stride 2; behind the last stage a 1 x 1 convolution widens to 1280 maps.

The stages are the rows of the paper's table 2. TensorFlow's weights (those that Hugging Face holds) want its "same"
padding and a norm_eps of 1e-3, torchvision's symmetric padding and 1e-5.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, cast

from torch import Tensor, nn

from headway.blocks.convolution import ConvolutionLayer, Padding
from headway.core.config import Config
from headway.core.errors import UsageError
from headway.models.staged import StagedBackbone, StagedConfig


@dataclass(frozen=True, kw_only=True)
class InvertedResidualConfig(StagedConfig):
    """The sizes of a network of inverted residuals."""

    stages: tuple[tuple[int, int, int, int, int], ...]  # expansion, channels, blocks, stride, kernel of each
    stem_width: int = 32
    last_width: int = 1280
    padding: str = "symmetric"  # or "same"
    norm_eps: float = 1e-5

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.padding not in ("symmetric", "same"):
            raise UsageError(
                f"padding is {self.padding!r}; known: symmetric, same", where=type(self).__name__
            )


@dataclass(frozen=True, kw_only=True)
class MobileNetV2Config(InvertedResidualConfig):
    """The sizes of a MobileNetV2; the defaults are the paper's at width 1.0."""

    stages: tuple[tuple[int, int, int, int, int], ...] = (
        (1, 16, 1, 1, 3),
        (6, 24, 2, 2, 3),
        (6, 32, 3, 2, 3),
        (6, 64, 4, 2, 3),
        (6, 96, 3, 1, 3),
        (6, 160, 3, 2, 3),
        (6, 320, 1, 1, 3),
    )


class InvertedResidual(nn.Module):
    """project(filter(expand(x))), plus x where sizes are the same."""

    def __init__(
        self,
        config: InvertedResidualConfig,
        in_channels: int,
        out_channels: int,
        expansion: int,
        stride: int,
        kernel: int,
    ) -> None:
        super().__init__()
        wide = expansion * in_channels
        self.expand: nn.Module = nn.Identity()
        if expansion != 1:
            self.expand = convolution(config, in_channels, wide, 1)
        self.filter = convolution(config, wide, wide, kernel, stride=stride, groups=wide)
        self.project = convolution(config, wide, out_channels, 1, activation=None)
        self.residual = stride == 1 and in_channels == out_channels

    def forward(self, x: Tensor) -> Tensor:
        """Compute the next maps."""
        y: Tensor = self.project(self.filter(self.expand(x)))
        return x + y if self.residual else y


class InvertedResidualNetwork(StagedBackbone):
    """Stem, stages of inverted residuals, and a last 1 x 1 convolution."""

    config: InvertedResidualConfig

    def __init__(self, config: InvertedResidualConfig) -> None:
        stages, width = [], config.stem_width
        for expansion, channels, blocks, stride, kernel in config.stages:
            strides = [stride] + [1] * (blocks - 1)
            widths = [width] + [channels] * (blocks - 1)
            stages.append(
                nn.Sequential(
                    *(
                        InvertedResidual(config, before, channels, expansion, step, kernel)
                        for before, step in zip(widths, strides, strict=True)
                    )
                )
            )
            width = channels
        super().__init__(
            config,
            stem=convolution(config, config.num_channels, config.stem_width, 3, stride=2),
            stages=stages,
            last=convolution(config, width, config.last_width, 1),
            num_features=config.last_width,
        )


class MobileNetV2(InvertedResidualNetwork):
    """The network up to its last maps; a picture's vector is their mean over all places."""

    config_class: ClassVar[type[Config]] = MobileNetV2Config


def convolution(
    config: InvertedResidualConfig,
    in_channels: int,
    out_channels: int,
    kernel: int,
    *,
    stride: int = 1,
    groups: int = 1,
    activation: str | None = "relu6",
) -> ConvolutionLayer:
    """Return a convolution with its norm and ReLU6, padded as the configuration says."""
    return ConvolutionLayer(
        in_channels,
        out_channels,
        kernel,
        stride=stride,
        groups=groups,
        activation=activation,
        padding=cast("Padding", config.padding),
        norm_eps=config.norm_eps,
    )
