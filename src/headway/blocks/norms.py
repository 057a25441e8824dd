"""Norms: what keeps the vectors of a deep network at one size. Layer norm is torch's own `nn.LayerNorm`."""

import torch
from torch import Tensor, nn


class RMSNorm(nn.Module):
    """weight * x / sqrt(mean(x^2) + eps): no mean is taken away, no bias added (Zhang and Sennrich 2019).

    Shapes: [..., D] to [..., D].
    """

    def __init__(self, d_model: int, *, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(d_model))

    def forward(self, x: Tensor) -> Tensor:
        """Scale each vector to a root mean square of 1, then each of its elements by its weight."""
        return self.weight * (x * torch.rsqrt(x.square().mean(-1, keepdim=True) + self.eps))

    def extra_repr(self) -> str:
        """Show sizes when the module is printed."""
        return f"{self.weight.shape[0]}, eps={self.eps}"
