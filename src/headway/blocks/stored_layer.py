"""A Transformer layer with stored weights, whose steps of one new token a row are one call of a compiled kernel."""

from __future__ import annotations

from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from headway.blocks.cache import Past, Places
from headway.blocks.feedforward import FeedForward
from headway.blocks.ragged import Ragged
from headway.blocks.stored_matrix import MOST_VECTORS, StoredLinear
from headway.blocks.transformer import TransformerLayer

_NOTHING = np.empty(0, np.float32)


class StoredLayer(nn.Module):
    """What a causal `TransformerLayer` computes, after its matrices are stored.

    All but the steps of few vectors is the layer's own; the kernel does the same arithmetic in the same order, without
    the time between a dozen small calls, which is a fifth of a token's.
    """

    def __init__(self, layer: TransformerLayer, threads: int) -> None:
        super().__init__()
        self.layer = layer
        self.threads = threads
        assert isinstance(layer.feedforward, FeedForward)
        norms = [_arrays(norm) for norm in _norms(layer)]
        self._norms = tuple(array for weight, bias, _ in norms for array in (weight, bias))
        self._eps = np.array([eps for _, _, eps in norms], np.float32)
        matrices = (
            layer.attention.qkv,
            layer.attention.output,
            layer.feedforward.inner,
            layer.feedforward.outer,
        )
        self._matrices = tuple(cast("StoredLinear", matrix).arrays for matrix in matrices)
        self._activation = layer.feedforward.activation_name

    @staticmethod
    def takes(layer: TransformerLayer) -> bool:
        """Return whether the kernel computes this layer: causal, layer norms, a feed-forward network without gate."""
        return (
            layer.attention.causal
            and isinstance(layer.feedforward, FeedForward)
            and all(isinstance(norm, nn.LayerNorm | nn.Identity) for norm in _norms(layer))
        )

    def forward(self, x: Ragged, relative: Tensor | None = None) -> Ragged:
        """Transform every token."""
        out: Ragged = self.layer(x, relative)
        return out

    def step(self, x: Ragged, past: Past, places: Places) -> tuple[Ragged, Past]:
        """Transform the new tokens of rows whose earlier ones are in ``past``; return also the past with them."""
        if places.run.length > 1 or len(x.values) > MOST_VECTORS:
            return self.layer.step(x, past, places)
        from headway.blocks import kernels

        attention = self.layer.attention
        past = places.reserve(past)
        out = torch.empty(x.values.shape)
        window = places.longest if attention.window is None else attention.window
        kernels.layer_step(
            x.values.contiguous().numpy(),
            self._norms,
            self._eps,
            self._matrices,
            kernels.ACTIVATIONS[self._activation],
            (past.keys.numpy(), past.values.numpy(), np.array(places.after), window),
            past.keys.shape[-1] ** -0.5 if attention.scale is None else attention.scale,
            out.numpy(),
            self.threads,
        )
        return x.with_values(out), past


def _norms(layer: TransformerLayer) -> tuple[nn.Module, ...]:
    """Return the layer's norms, as they follow each other."""
    return (
        layer.attention_norm_before,
        layer.attention_norm_after,
        layer.feedforward_norm_before,
        layer.feedforward_norm_after,
    )


def _arrays(norm: nn.Module) -> tuple[np.ndarray, np.ndarray, float]:
    """Return weight, bias and eps of a layer norm; of a norm that does nothing, no weights."""
    if not isinstance(norm, nn.LayerNorm):
        return _NOTHING, _NOTHING, 0.0
    return norm.weight.detach().numpy(), norm.bias.detach().numpy(), norm.eps
