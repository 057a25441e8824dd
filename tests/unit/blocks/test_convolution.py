"""Padding, batch norm and packed pictures against their formulas."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from headway.blocks.convolution import BatchNorm, ConvolutionLayer, StridedDepthwise, folded, pad_same
from headway.blocks.pictures import Pictures
from headway.core.errors import UsageError


@pytest.mark.parametrize("size", [(7, 8), (8, 9), (1, 2), (15, 16)])
@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_same_padding_is_tensorflows(size: tuple[int, int], kernel: int) -> None:
    """As `tf.nn` states it: in all (kernel - stride, or kernel - n % stride) where positive, the odd one behind."""
    stride = 2
    padded = pad_same(torch.ones(1, 1, *size), kernel, stride)
    for axis, n in enumerate(size):
        total = max(kernel - stride if n % stride == 0 else kernel - n % stride, 0)
        line = padded[0, 0].amax(1 - axis)
        assert line.tolist() == [0.0] * (total // 2) + [1.0] * n + [0.0] * (total - total // 2)
    layer = ConvolutionLayer(1, 2, kernel, stride=stride, activation=None, padding="same", norm_eps=1e-3)
    assert layer.eval()(torch.ones(1, 1, *size)).shape[2:] == tuple(math.ceil(n / stride) for n in size)


def test_batch_norm_is_torchs_in_training_and_evaluation() -> None:
    ours, theirs = BatchNorm(5, eps=1e-3).double(), nn.BatchNorm2d(5, eps=1e-3).double()
    with torch.no_grad():
        for norm in (ours, theirs):
            norm.weight.copy_(torch.arange(1.0, 6.0))
            norm.bias.copy_(torch.arange(-2.0, 3.0))
    x = torch.randn(4, 5, 3, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for _ in range(2):
        assert torch.equal(ours(x), theirs(x))
    assert torch.equal(ours.running_mean, theirs.running_mean)
    assert torch.equal(ours.running_var, theirs.running_var)
    assert torch.equal(ours.eval()(x), theirs.eval()(x))


@pytest.mark.parametrize("size", [(9, 8), (1, 2)])
@pytest.mark.parametrize(("kernel", "padding"), [(3, 1), (5, 2), (5, 0)])
def test_a_strided_depthwise_convolution_has_torchs_values_and_gradients(
    size: tuple[int, int], kernel: int, padding: int
) -> None:
    torch.manual_seed(0)
    height, width = size[0] + 4, size[1] + 4
    ours = StridedDepthwise(6, 6, kernel, 2, padding, groups=6).double()
    theirs = nn.Conv2d(6, 6, kernel, 2, padding, groups=6).double()
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(3, 6, height, width, dtype=torch.float64)
    found = []
    for layer in (ours, theirs):
        maps = x.clone().requires_grad_()
        y = layer(maps)
        y.pow(2).sum().backward()
        found.append((y, maps.grad, layer.weight.grad, layer.bias.grad))
    for own, expected in zip(*found, strict=True):
        torch.testing.assert_close(own, expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(ours(x), theirs(x), rtol=0, atol=0)  # nothing flows back: it is torch's own


def test_a_convolution_with_a_bias_is_folded_too() -> None:
    torch.manual_seed(0)
    layer = ConvolutionLayer(3, 4, 3, stride=2, activation="relu6", bias=True, padding="same", norm_eps=1e-3)
    for parameter in layer.parameters():
        nn.init.normal_(parameter)
    layer.double()(torch.randn(5, 3, 9, 8, dtype=torch.float64))
    x = torch.randn(2, 3, 9, 8, dtype=torch.float64)
    torch.testing.assert_close(folded(layer)(x), layer.eval()(x), rtol=1e-12, atol=1e-12)


def test_packed_pictures_are_scaled_and_channels_last() -> None:
    pixels = [np.full((4, 6, 3), value, np.uint8) for value in (0, 51, 255)]
    batch = Pictures.pack(pixels, mean=(0.2, 0.5, 0.0), std=(0.1, 0.25, 2.0))
    assert batch.values.shape == (3, 3, 4, 6)
    assert batch.values.is_contiguous(memory_format=torch.channels_last)
    wanted = torch.tensor([[-2.0, -2.0, 0.0], [0.0, -1.2, 0.1], [8.0, 2.0, 0.5]])
    torch.testing.assert_close(batch.values.amax((2, 3)), wanted)
    torch.testing.assert_close(batch.values.amin((2, 3)), wanted)


def test_what_is_no_batch_of_pictures_is_refused() -> None:
    with pytest.raises(UsageError, match=r"at least one picture, not \[3, 4, 6\]"):
        Pictures(torch.zeros(3, 4, 6))
    with pytest.raises(UsageError, match="must be of one size"):
        Pictures.pack([np.zeros((4, 6, 3), np.uint8), np.zeros((6, 4, 3), np.uint8)], (0,) * 3, (1,) * 3)
