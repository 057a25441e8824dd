"""Pooling: one vector per sequence out of its tokens' vectors, or per picture out of its maps."""

import torch
from torch import Tensor

from headway.blocks.ragged import Ragged


def first_tokens(tokens: Ragged) -> Tensor:
    """Return the first token's vector of each sequence, [B, D]."""
    return tokens.values.index_select(0, tokens.lengths.offsets)


def last_tokens(tokens: Ragged) -> Tensor:
    """Return the last token's vector of each sequence, [B, D]."""
    return tokens.values.index_select(0, tokens.lengths.offsets + tokens.lengths.counts - 1)


def mean_pool(tokens: Ragged) -> Tensor:
    """Return the mean over each sequence's tokens, [B, D]."""
    values, lengths = tokens.values, tokens.lengths
    sums = values.new_zeros(len(lengths), values.shape[1]).index_add(0, lengths.rows, values)
    return sums / lengths.counts[:, None]


def mean_of_maps(maps: Tensor) -> Tensor:
    """Return the mean over all places of each map, [B, C, H, W] -> [B, C]."""
    return maps.mean(dim=(2, 3))


def max_pool(tokens: Ragged) -> Tensor:
    """Return the maximum of each number over each sequence's tokens, [B, D]."""
    values, lengths = tokens.values, tokens.lengths
    rows = lengths.rows[:, None].expand_as(values)
    lowest = values.new_full((len(lengths), values.shape[1]), -torch.inf)
    return lowest.scatter_reduce(0, rows, values, "amax")
