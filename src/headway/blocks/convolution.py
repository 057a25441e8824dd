"""Convolutions with their norm and activation, the one brick of every picture backbone here.

Maps are [B, C, H, W]. Where nothing else is said a convolution of size k pads k // 2 zeros on every side;
TensorFlow's "same" pads so that the output is ceil(H / stride), the odd zero below and to the right.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Literal, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Padding = Literal["symmetric", "same"]
Module = TypeVar("Module", bound=nn.Module)

# In place: what they are given is a convolution's or a norm's output, which nothing else reads.
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu_,
    "relu6": lambda maps: F.hardtanh_(maps, 0.0, 6.0),
}


class BatchNorm(nn.Module):
    """weight * (x - mean) / sqrt(variance + eps) + bias for each channel (Ioffe and Szegedy 2015, arXiv:1502.03167).

    In training, mean and variance are the batch's, and the running ones move a tenth of the way towards them; in
    evaluation, or when ``frozen``, they are the running ones, which then stay as they are. Freezing concerns the
    statistics alone: weight and bias are trained or not like any other parameter.
    """

    momentum = 0.1

    def __init__(self, channels: int, *, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.frozen = False
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.running_mean: Tensor
        self.running_var: Tensor
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise maps [B, C, H, W]."""
        of_batch = self.training and not self.frozen
        return F.batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias, of_batch, self.momentum, self.eps
        )

    def extra_repr(self) -> str:
        """Show sizes when the module is printed."""
        return f"{len(self.weight)}, eps={self.eps}{', frozen' if self.frozen else ''}"


class StridedDepthwise(nn.Conv2d):
    """A depthwise convolution with a stride, each map filtered by itself.

    Where gradients flow back through it on a CPU, it is computed at every place and every stride-th is kept: oneDNN's
    gradient of the maps has no fast kernel for the strided form (24 ms, where the one at every place takes 0.4).
    """

    def forward(self, input: Tensor) -> Tensor:
        """Compute [B, C, H, W] -> [B, C, H', W']."""
        if not (torch.is_grad_enabled() and input.requires_grad and input.device.type == "cpu"):
            return super().forward(input)
        everywhere = F.conv2d(input, self.weight, self.bias, 1, self.padding, groups=self.groups)
        down, right = self.stride
        return everywhere[:, :, ::down, ::right].contiguous(memory_format=torch.channels_last)


class ConvolutionLayer(nn.Module):
    """activation(norm(convolution(x))): [B, in, H, W] -> [B, out, ceil(H / stride), ceil(W / stride)]."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int,
        *,
        stride: int = 1,
        groups: int = 1,
        activation: str | None,
        padding: Padding = "symmetric",
        bias: bool = False,
        norm_eps: float,
    ) -> None:
        super().__init__()
        self.same = padding == "same" and stride > 1  # with a stride of 1 the two are one
        around = 0 if self.same else kernel // 2
        strided_depthwise = stride > 1 and groups == in_channels == out_channels
        kind = StridedDepthwise if strided_depthwise else nn.Conv2d
        self.convolution = kind(
            in_channels, out_channels, kernel, stride, padding=around, groups=groups, bias=bias
        )
        self.norm: nn.Module = BatchNorm(out_channels, eps=norm_eps)
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        """Compute the next maps."""
        if self.same:
            x = pad_same(x, self.convolution.kernel_size[0], self.convolution.stride[0])
        x = self.norm(self.convolution(x))
        return x if self.activation is None else ACTIVATIONS[self.activation](x)

    def extra_repr(self) -> str:
        """Show what no submodule shows."""
        return f"activation={self.activation}{', same padding' if self.same else ''}"


def pad_same(x: Tensor, kernel: int, stride: int) -> Tensor:
    """Put zeros around maps as TensorFlow's "same" does: max((ceil(n / stride) - 1) stride + kernel - n, 0) in all."""
    pads: list[int] = []
    for size in (x.shape[3], x.shape[2]):  # F.pad takes the last dimension first
        total = max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)
        pads += [total // 2, total - total // 2]
    return F.pad(x, pads)


def freeze_statistics(model: nn.Module, frozen: bool = True) -> None:
    """Let every batch norm of a model use its running statistics in training too, and leave them as they are.

    That is what fine-tuning on few pictures, or in small batches, wants; ``frozen=False`` undoes it. What has been
    said holds through `train()` and `eval()`.
    """
    for module in model.modules():
        if isinstance(module, BatchNorm):
            module.frozen = frozen


def folded(model: Module) -> Module:
    """Return a copy for inference in which each norm is part of the convolution before it; the model is unchanged.

    With s = weight / sqrt(running variance + eps), the convolution's kernel becomes s kernel and its bias
    s (bias - running mean) + the norm's bias. It computes the same as ``model.eval()``, up to rounding, and cannot be
    trained. The copy shares no memory with the model.
    """
    result = copy.deepcopy(model).eval().requires_grad_(False)
    for layer in result.modules():
        if isinstance(layer, ConvolutionLayer) and isinstance(layer.norm, BatchNorm):
            norm, convolution = layer.norm, layer.convolution
            scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)  # [out]
            bias = convolution.bias
            centred = -norm.running_mean if bias is None else bias - norm.running_mean
            convolution.weight.mul_(scale[:, None, None, None])
            convolution.bias = nn.Parameter(scale * centred + norm.bias, requires_grad=False)
            layer.norm = nn.Identity()
    return result


def initialize_convolutions(model: nn.Module) -> None:
    """Draw fresh kernels as He et al. 2015 do (arXiv:1502.01852), by the number of outputs; biases are 0."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
