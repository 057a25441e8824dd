"""ResNet (He et al. 2016, "Deep Residual Learning for Image Recognition", arXiv:1512.03385).

Stages of blocks that compute relu(shortcut(x) + convolutions(x)):

- `basic` blocks (18 and 34 layers) have two 3 x 3 convolutions; `bottleneck` blocks (50, 101 and 152) a 1 x 1 to a
  quarter of the width, a 3 x 3 and a 1 x 1 back; every convolution has a batch norm, all but the last a ReLU;
- a stage's first block halves height and width, but for the first stage's. In a bottleneck the paper's 1 x 1 has that
  stride (v1), in almost all published weights the 3 x 3 (v1.5);
- where sizes differ the shortcut is a 1 x 1 convolution with a norm (option B), or, in the CIFAR form, every second
  pixel and zeros for the new channels (option A, no parameters);
- the stem is a 7 x 7 convolution and a 3 x 3 maximum, each of stride 2; the CIFAR form's (section 4.2: 6n + 2 layers,
  20 and 56 among them) a 3 x 3 convolution, for pictures of 32 pixels.

Keras's weights have biases in the convolutions, v1's stride and a norm_eps of 1.001e-5: all of that is configuration.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from headway.blocks.convolution import ConvolutionLayer
from headway.core.config import Config
from headway.core.errors import UsageError
from headway.models.staged import StagedBackbone, StagedConfig


@dataclass(frozen=True, kw_only=True)
class ResNetConfig(StagedConfig):
    """The sizes of a ResNet, stage by stage; the defaults are those of ResNet-50."""

    block: str = "bottleneck"  # or "basic"
    depths: tuple[int, ...] = (3, 4, 6, 3)  # blocks of each stage
    widths: tuple[int, ...] = (256, 512, 1024, 2048)  # channels that each stage gives
    stem: str = "imagenet"  # or "cifar"
    stem_width: int = 64
    shortcut: str = "projection"  # or "padding"
    stride_in_first: bool = False  # v1: in the bottleneck's first convolution, not in its second
    convolution_bias: bool = False
    norm_eps: float = 1e-5

    def __post_init__(self) -> None:
        super().__post_init__()
        known = {"block": BLOCKS, "stem": ("imagenet", "cifar"), "shortcut": ("projection", "padding")}
        for name, values in known.items():
            if getattr(self, name) not in values:
                raise UsageError(
                    f"{name} is {getattr(self, name)!r}; known: {', '.join(values)}", where="ResNetConfig"
                )
        if len(self.depths) != len(self.widths):
            raise UsageError("depths and widths must name the same stages", where="ResNetConfig")

    @classmethod
    def of(cls, layers: int) -> ResNetConfig:
        """Return the paper's configuration of that many layers: 18, 34, 50, 101, 152; for CIFAR 20, 32, 44, 56, 110.

        Raises UsageError on another number.
        """
        basic = {"block": "basic", "widths": (64, 128, 256, 512)}
        sizes: dict[int, dict[str, object]] = {
            18: {**basic, "depths": (2, 2, 2, 2)},
            34: {**basic, "depths": (3, 4, 6, 3)},
            50: {},
            101: {"depths": (3, 4, 23, 3)},
            152: {"depths": (3, 8, 36, 3)},
        }
        cifar = {
            "block": "basic",
            "widths": (16, 32, 64),
            "stem": "cifar",
            "stem_width": 16,
            "shortcut": "padding",
        }
        sizes |= {6 * n + 2: {**cifar, "depths": (n, n, n)} for n in (3, 5, 7, 9, 18)}
        if layers not in sizes:
            raise UsageError(
                f"no published ResNet has {layers} layers", where="layers", remedy=f"Known: {sorted(sizes)}."
            )
        return cls.from_dict(sizes[layers])


class PaddedShortcut(nn.Module):
    """Every second pixel, with zeros for the new channels, half of them before the old ones (option A)."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.before, self.behind = (out_channels - in_channels) // 2, (out_channels - in_channels + 1) // 2

    def forward(self, x: Tensor) -> Tensor:
        """[B, in, H, W] -> [B, out, ceil(H / stride), ceil(W / stride)]."""
        return F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.before, self.behind))


class Block(nn.Module):
    """relu(shortcut(x) + convolutions(x))."""

    def __init__(self, config: ResNetConfig, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.convolutions = BLOCKS[config.block](config, in_channels, out_channels, stride)
        self.shortcut: nn.Module = nn.Identity()
        if in_channels != out_channels or stride != 1:
            if config.shortcut == "padding":
                self.shortcut = PaddedShortcut(in_channels, out_channels, stride)
            else:
                self.shortcut = _convolution(config, in_channels, out_channels, 1, stride, activation=None)

    def forward(self, x: Tensor) -> Tensor:
        """Compute the next maps."""
        y: Tensor = self.convolutions(x)
        y += self.shortcut(x)
        return torch.relu_(y)


class ResNet(StagedBackbone):
    """The network up to its last maps; a picture's vector is their mean over all places."""

    config: ResNetConfig
    config_class: ClassVar[type[Config]] = ResNetConfig

    def __init__(self, config: ResNetConfig) -> None:
        super().__init__(config, stem=_stem(config), stages=_stages(config), num_features=config.widths[-1])


def _stem(config: ResNetConfig) -> nn.Module:
    if config.stem == "cifar":
        return nn.Sequential(_convolution(config, config.num_channels, config.stem_width, 3, 1))
    convolution = _convolution(config, config.num_channels, config.stem_width, 7, 2)
    return nn.Sequential(convolution, nn.MaxPool2d(3, stride=2, padding=1))


def _stages(config: ResNetConfig) -> list[nn.Sequential]:
    stages = []
    for place, (before, width) in enumerate(pairwise((config.stem_width, *config.widths))):
        blocks = [Block(config, before, width, 1 if place == 0 else 2)]
        blocks += [Block(config, width, width, 1) for _ in range(config.depths[place] - 1)]
        stages.append(nn.Sequential(*blocks))
    return stages


def _basic(config: ResNetConfig, in_channels: int, out_channels: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        _convolution(config, in_channels, out_channels, 3, stride),
        _convolution(config, out_channels, out_channels, 3, 1, activation=None),
    )


def _bottleneck(config: ResNetConfig, in_channels: int, out_channels: int, stride: int) -> nn.Sequential:
    narrow = out_channels // 4
    first, second = (stride, 1) if config.stride_in_first else (1, stride)
    return nn.Sequential(
        _convolution(config, in_channels, narrow, 1, first),
        _convolution(config, narrow, narrow, 3, second),
        _convolution(config, narrow, out_channels, 1, 1, activation=None),
    )


BLOCKS = {"basic": _basic, "bottleneck": _bottleneck}


def _convolution(
    config: ResNetConfig,
    in_channels: int,
    out_channels: int,
    kernel: int,
    stride: int,
    activation: str | None = "relu",
) -> ConvolutionLayer:
    return ConvolutionLayer(
        in_channels,
        out_channels,
        kernel,
        stride=stride,
        activation=activation,
        bias=config.convolution_bias,
        norm_eps=config.norm_eps,
    )
