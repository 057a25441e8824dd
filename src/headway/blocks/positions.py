"""Positions: what tells a Transformer the order of its tokens. Learned ones are a plain `nn.Embedding`."""

import math

import torch
from torch import Tensor, nn


def sinusoidal(positions: Tensor, d_model: int, dtype: torch.dtype) -> Tensor:
    """Return each position's vector, [N] -> [N, D] (Vaswani et al. 2017, section 3.5).

    PE(p, 2i) = sin(p / 10000^(2i/D)) and PE(p, 2i+1) = cos(p / 10000^(2i/D)): wavelengths from 2 pi to 10000 2 pi.
    """
    even = torch.arange(0, d_model, 2, dtype=torch.float64, device=positions.device)
    angles = positions[:, None].double() * torch.exp(even * (-math.log(10000.0) / d_model))  # [N, D/2]
    pairs = torch.stack([angles.sin(), angles.cos()], dim=-1)  # [N, D/2, 2]
    return pairs.flatten(1)[:, :d_model].to(dtype)


def relative_buckets(distance: Tensor, *, num_buckets: int, max_distance: int, causal: bool) -> Tensor:
    """Return the bucket of each distance (key's position less the query's), of any shape (Raffel et al. 2020, 2.1).

    Half of the buckets are for single distances from 0 on, the other half for ranges that grow logarithmically
    up to max_distance; what is farther shares the last. causal: keys stand before their query, and one after it
    counts as at distance 0. Otherwise the second half of all buckets is for the keys after it.
    """
    first = torch.zeros_like(distance)
    if causal:
        distance = (-distance).clamp(min=0)
    else:
        num_buckets //= 2
        first[distance > 0] = num_buckets
        distance = distance.abs()
    single = num_buckets // 2
    # In float32 and in this order, as the models were trained: at powers of two rounding decides the bucket.
    ratio = torch.log(distance.clamp(min=1).float() / single) / math.log(max_distance / single)
    ranged = single + (ratio * (num_buckets - single)).long()
    return first + torch.where(distance < single, distance, ranged.clamp(max=num_buckets - 1))


class RelativePositions(nn.Module):
    """T5's positions: a learned number per head and bucket of distances, added to the attention scores."""

    def __init__(self, num_heads: int, *, num_buckets: int, max_distance: int, causal: bool) -> None:
        super().__init__()
        self.max_distance = max_distance
        self.causal = causal
        self.table = nn.Embedding(num_buckets, num_heads)

    def forward(self, queries: Tensor, keys: int) -> Tensor:
        """Return the bias of queries at these positions [..., T] to keys at positions 0 ... S-1: [..., H, T, S]."""
        distance = torch.arange(keys, device=queries.device) - queries[..., None]  # [..., T, S]
        buckets = relative_buckets(
            distance,
            num_buckets=self.table.num_embeddings,
            max_distance=self.max_distance,
            causal=self.causal,
        )
        bias: Tensor = self.table(buckets)  # [..., T, S, H]
        return bias.movedim(-1, -3)
