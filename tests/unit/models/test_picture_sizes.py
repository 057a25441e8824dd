"""The published picture backbones have the published numbers of parameters and halve as often as they say."""

from typing import Any

import pytest
import torch
from torch import nn

from headway.core.errors import UsageError
from headway.models.efficientnet_lite import EfficientNetLite, EfficientNetLiteConfig
from headway.models.mobilenet_v2 import MobileNetV2, MobileNetV2Config
from headway.models.resnet import Block, ResNet, ResNetConfig

# with the published head on top: D x classes + classes more
PUBLISHED = {18: 11_689_512, 34: 21_797_672, 50: 25_557_032, 101: 44_549_160, 152: 60_192_808}


def _count(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize("layers", PUBLISHED)
def test_resnets(layers: int) -> None:
    with torch.device("meta"):
        model = ResNet(ResNetConfig.of(layers))
        depths = model.advance(torch.empty(1, 3, 224, 224), 0).shape
    assert _count(model) + 1000 * model.num_features + 1000 == PUBLISHED[layers]
    assert depths == (1, 512 if layers < 50 else 2048, 7, 7)
    convolutions = sum(
        isinstance(module, nn.Conv2d) and ".shortcut." not in name for name, module in model.named_modules()
    )
    assert convolutions + 1 == layers  # and the classifier


@pytest.mark.parametrize(("layers", "total"), [(20, 269_722), (56, 853_018)])
def test_cifar_resnets(layers: int, total: int) -> None:
    """Their shortcuts have no parameters (table 6 of the paper: 0.27 and 0.85 million)."""
    with torch.device("meta"):
        model = ResNet(ResNetConfig.of(layers))
        maps = model.advance(torch.empty(1, 3, 32, 32), 0)
    assert _count(model) + 650 == total
    assert maps.shape == (1, 64, 8, 8)


def test_mobile_networks() -> None:
    with torch.device("meta"):
        models: list[Any] = [MobileNetV2(MobileNetV2Config()), EfficientNetLite(EfficientNetLiteConfig())]
    assert [_count(model) + 1_281_000 for model in models] == [3_504_872, 4_652_008]
    for model in models:
        with torch.device("meta"):
            assert model.advance(torch.empty(1, 3, 224, 224), 0).shape == (1, 1280, 7, 7)


def test_the_stride_stands_where_the_configuration_says() -> None:
    for first, strides in ((False, [1, 2, 1]), (True, [2, 1, 1])):
        with torch.device("meta"):
            model = ResNet(ResNetConfig(stride_in_first=first))
        block = model.stages[1][0]  # type: ignore[index]
        assert isinstance(block, Block)
        assert [layer.convolution.stride[0] for layer in block.convolutions] == strides  # type: ignore[union-attr]


def test_what_cannot_be_built_is_refused() -> None:
    with pytest.raises(UsageError, match=r"no published ResNet has 19 layers\n  Known: \[18, 20"):
        ResNetConfig.of(19)
    with pytest.raises(UsageError, match="shortcut is 'pad'; known: projection, padding"):
        ResNetConfig(shortcut="pad")
    with pytest.raises(UsageError, match="depths and widths"):
        ResNetConfig(depths=(1, 2))
    with pytest.raises(UsageError, match="padding is 'valid'; known: symmetric, same"):
        MobileNetV2Config(padding="valid")
