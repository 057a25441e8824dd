"""EfficientNet-Lite (Tan and Le 2019, "EfficientNet", arXiv:1905.11946, made small for phones by Google in 2020).

EfficientNet-B0's stages, which are MobileNetV2's inverted residuals with these differences:

- more channels, and depthwise kernels of 5 beside those of 3;
- as in every Lite model no squeeze-and-excitation, and ReLU6 for swish;
- TensorFlow's "same" padding and a norm_eps of 1e-3.

In training the paper drops whole residuals at random; these weights are used without.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from headway.core.config import Config
from headway.models.mobilenet_v2 import InvertedResidualConfig, InvertedResidualNetwork


@dataclass(frozen=True, kw_only=True)
class EfficientNetLiteConfig(InvertedResidualConfig):
    """The sizes of an EfficientNet-Lite; the defaults are Lite0's."""

    stages: tuple[tuple[int, int, int, int, int], ...] = (
        (1, 16, 1, 1, 3),
        (6, 24, 2, 2, 3),
        (6, 40, 2, 2, 5),
        (6, 80, 3, 2, 3),
        (6, 112, 3, 1, 5),
        (6, 192, 4, 2, 5),
        (6, 320, 1, 1, 3),
    )
    padding: str = "same"
    norm_eps: float = 1e-3


class EfficientNetLite(InvertedResidualNetwork):
    """The network up to its last maps; a picture's vector is their mean over all places."""

    config_class: ClassVar[type[Config]] = EfficientNetLiteConfig
