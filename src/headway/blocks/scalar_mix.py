"""The scalar mix of a network's layers (Peters et al. 2018, equation 1)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from headway.blocks.ragged import Ragged
from headway.core.errors import UsageError

_EPS = 1e-12  # the published one


class ScalarMix(nn.Module):
    """gamma sum_j s_j x_j over L layers of one shape, with s = softmax(weights); fresh, it is their mean.

    layer_norm: each layer is first brought to mean 0 and deviation 1 over all numbers of a text. (The published code
    takes them over the batch; over the text, a text's vectors do not depend on its neighbours.)
    """

    def __init__(self, layers: int, *, layer_norm: bool = False) -> None:
        super().__init__()
        self.layer_norm = layer_norm
        self.weights = nn.Parameter(torch.zeros(layers))
        self.gamma = nn.Parameter(torch.ones(1))

    def forward(self, layers: Sequence[Ragged]) -> Ragged:
        """Mix the layers' vectors [N, D] into one [N, D]. Raises UsageError on another number of layers."""
        if len(layers) != len(self.weights):
            raise UsageError(f"{len(layers)} layers, but {len(self.weights)} weights", where="layers")
        mixed = torch.zeros_like(layers[0].values)
        for layer, share in zip(layers, self.weights.softmax(0), strict=True):
            mixed = mixed + share * (_normalised(layer) if self.layer_norm else layer.values)
        return layers[0].with_values(self.gamma * mixed)


def _normalised(x: Ragged) -> Tensor:
    """Return the values [N, D], of mean 0 and deviation 1 over each text."""
    lengths = x.lengths
    numbers = lengths.counts * x.values.shape[1]

    def mean(values: Tensor) -> Tensor:  # over each text, for each of its tokens: [N, D] -> [N, 1]
        sums = values.new_zeros(len(lengths)).index_add(0, lengths.rows, values.sum(1))
        return (sums / numbers)[lengths.rows, None]

    centred = x.values - mean(x.values)
    return centred * torch.rsqrt(mean(centred.square()) + _EPS)
