"""Scaled dot-product attention (Vaswani et al. 2017, section 3.2): on rectangles, on ragged batches, with
several heads.

    attend(Q, K, V) = softmax(scale Q K^T + bias) V

Letters: B sequences, H heads, T queries and S keys of a sequence, N packed tokens, D d_model, K d_kv.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from headway.blocks.cache import Past, Places
from headway.blocks.dropout import check_probability, keep_mask
from headway.blocks.pooling import first_tokens
from headway.blocks.ragged import Lengths, Ragged, Run, cuts
from headway.core.errors import UsageError

_NO_BIAS = np.empty((0, 0, 0), np.float32)


def attend(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    mask: Tensor | None = None,
    bias: Tensor | None = None,
    scale: float | None = None,
    dropout: Tensor | None = None,
) -> Tensor:
    """Attend from q [B, H, T, K] to k [B, H, S, K], and return the mixed v [B, H, T, K].

    mask: bool, True = may attend; bias: added to the scores; dropout: a keep-mask, already scaled, on the
    weights; each broadcasts to [B, H, T, S]. scale: K^-0.5 unless given. A query that may attend to nothing
    gets zeros. Takes torch's fused kernel where it can (no dropout); equal to `attend_with_weights` in values
    and gradients.
    """
    if dropout is not None:
        return attend_with_weights(q, k, v, mask, bias, scale, dropout)[0]
    if bias is not None and mask is not None:
        mask = bias.masked_fill(~mask, -torch.inf)  # the fused kernel takes one: True/False, or what is added
    elif bias is not None:
        mask = bias
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=scale)


def attend_with_weights(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    mask: Tensor | None = None,
    bias: Tensor | None = None,
    scale: float | None = None,
    dropout: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Like `attend`, step by step; returns the mixed v [B, H, T, K] and the weights [B, H, T, S] before
    dropout.
    """
    scores = (q * (q.shape[-1] ** -0.5 if scale is None else scale)) @ k.transpose(-2, -1)  # [B, H, T, S]
    if bias is not None:
        scores = scores + bias
    if mask is None:
        weights = scores.softmax(-1)
    else:  # the lowest finite number instead of -inf: a row without any key must not become 0/0
        weights = scores.masked_fill(~mask, torch.finfo(scores.dtype).min).softmax(-1).masked_fill(~mask, 0.0)
    return (weights if dropout is None else weights * dropout) @ v, weights


def attend_ragged(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    q_lengths: Lengths,
    k_lengths: Lengths,
    *,
    causal: bool = False,
    window: int | None = None,
    bias: Tensor | None = None,
    scale: float | None = None,
    dropout: float = 0.0,
    fused: bool = True,
) -> Tensor:
    """Attend within each sequence of a packed batch: q [N_q, H, K] to k, v [N_k, H, K]; returns [N_q, H, K].

    Sequence b's T = q_lengths[b] queries see its S = k_lengths[b] keys and no others; the queries stand at
    the last T of the S positions. causal: a query sees no later position. window: it sees positions at a
    distance less than this. bias: [H, T', S'] with T' and S' at least the longest, added to every sequence's
    scores. dropout: the probability with which a weight is dropped (a fresh mask each call). fused: False
    takes the step-by-step path.
    """
    if k_lengths is q_lengths:
        q_runs = k_runs = q_lengths.groups
    else:
        ends = cuts(q_lengths, k_lengths)
        q_runs, k_runs = q_lengths.runs(ends), k_lengths.runs(ends)
    attending = attend if fused else _attend_step_by_step
    mixed = []
    for q_run, k_run, q_part, k_part, v_part in zip(
        q_runs, k_runs, _parts(q, q_runs), _parts(k, k_runs), _parts(v, k_runs), strict=True
    ):
        shape = (q_run.count, q.shape[1], q_run.length, k_run.length)  # [n, H, T, S]
        out = attending(
            q_run.rectangle(q_part).transpose(1, 2),  # [n, L, H, K] -> [n, H, L, K]
            k_run.rectangle(k_part).transpose(1, 2),
            k_run.rectangle(v_part).transpose(1, 2),
            mask=_mask(q_run, k_run, causal, window, q.device),
            bias=None if bias is None else bias[:, : q_run.length, : k_run.length],
            scale=scale,
            dropout=keep_mask(shape, dropout, q.dtype, q.device) if dropout else None,
        )
        mixed.append(q_run.flat(out.transpose(1, 2)))  # [n, H, T, K] -> [tokens, H, K]
    return mixed[0] if len(mixed) == 1 else torch.cat(mixed)


def _parts(values: Tensor, runs: Sequence[Run]) -> tuple[Tensor, ...]:
    """Cut packed values [N, ...] into the tokens of each run (views)."""
    parts: tuple[Tensor, ...] = torch.split(values, [run.tokens for run in runs])
    return parts


def _attend_step_by_step(q: Tensor, k: Tensor, v: Tensor, **options: Any) -> Tensor:
    return attend_with_weights(q, k, v, **options)[0]


def _mask(q_run: Run, k_run: Run, causal: bool, window: int | None, device: torch.device) -> Tensor | None:
    """Return which keys each query of a run may see, broadcastable to [n, H, T, S], or None for all."""
    mask = None if k_run.mask is None else k_run.mask[:, None, None, :]  # [n, 1, 1, S]
    if not causal and window is None:
        return mask
    shift = _sizes(k_run, device) - _sizes(q_run, device)  # [n, 1, 1]: the queries are the last T positions
    at = torch.arange(q_run.length, device=device)[:, None] + shift  # [n, T, 1]
    distance = at - torch.arange(k_run.length, device=device)  # [n, T, S]
    allowed = distance >= 0 if causal else torch.ones_like(distance, dtype=torch.bool)
    if window is not None:
        allowed &= distance.abs() < window
    allowed = allowed[:, None]  # [n, 1, T, S]
    return allowed if mask is None else allowed & mask


def _sizes(run: Run, device: torch.device) -> Tensor:
    """Return each sequence's length in a run, [n, 1, 1], or [1, 1, 1] when they are equal."""
    if run.mask is None:
        return torch.full((1, 1, 1), run.length, device=device)
    return run.mask.sum(1)[:, None, None]


def attend_newest(
    q: Tensor,
    past: Past,
    places: Places,
    window: int | None,
    bias: Tensor | None,
    scale: float | None,
    threads: int,
) -> Tensor:
    """Attend from one new token a row, q [B, H, K], to the row's tokens, by the compiled kernel; float32, on the CPU.

    The past has the new token already. window: the token sees the nearest so many; bias [B, H, 1, S] or [1, H, 1, S]
    is added to the scores. Returns the mixed values [B, H, K]; equal to `attend` with the mask of ``places``.
    """
    from headway.blocks import kernels

    out = torch.empty(q.shape)
    kernels.attend_newest(
        q.contiguous().numpy(),
        past.keys.numpy(),
        past.values.numpy(),
        _NO_BIAS if bias is None else bias[:, :, 0].contiguous().numpy(),
        np.array(places.after),
        places.longest if window is None else window,
        q.shape[-1] ** -0.5 if scale is None else scale,
        out.numpy(),
        threads,
    )
    return out


class SelfAttention(nn.Module):
    """Multi-head self-attention: H heads of size K (d_kv; D / H unless given), one projection for queries, keys
    and values together.

    ``qkv.weight`` [3 H K, D] holds the rows of the queries, then the keys, then the values, each head after
    head. dropout is the probability with which an attention weight is dropped in training; ``fused = False``
    takes the step-by-step path. causal: a token sees itself and those before it; window: of these the nearest
    so many. scale: of the scores, K^-0.5 unless given; bias: whether the projections add one. Raises UsageError
    when no d_kv is given and H does not divide D.
    """

    def __init__(
        self,
        d_model: int,
        num_heads: int,
        *,
        dropout: float = 0.0,
        causal: bool = False,
        window: int | None = None,
        d_kv: int | None = None,
        scale: float | None = None,
        bias: bool = True,
    ) -> None:
        super().__init__()
        size = num_heads * (_head_size(d_model, num_heads) if d_kv is None else d_kv)  # H K
        self.num_heads = num_heads
        self.scale = scale
        self.dropout = check_probability(dropout)
        self.causal = causal
        self.window = window
        self.fused = True
        self.threads = 0  # of the compiled kernel for steps of one new token a row; 0: torch attends
        self.qkv = nn.Linear(d_model, 3 * size, bias=bias)
        self.output = nn.Linear(size, d_model, bias=bias)

    def forward(self, x: Ragged, relative: Tensor | None = None) -> Tensor:
        """Return what each token takes from its sequence, [N, D]; ``relative`` [H, T, T] is added to the scores."""
        qkv: Tensor = self.qkv(x.values)
        q, k, v = self._heads(qkv, 3)
        return self._mix(q, k, v, x.lengths, x.lengths, relative)

    def step(
        self, x: Ragged, past: Past, places: Places, relative: Tensor | None = None
    ) -> tuple[Tensor, Past]:
        """Return what `forward` returns for the new tokens [N, D] of rows whose earlier ones are in ``past``.

        Causal; ``relative`` [B, H, T, S] (or [1, H, T, S]) is added to the scores. Also returns the past with the new
        tokens' keys and values; the old one is not to be used again.
        """
        assert self.causal
        qkv: Tensor = self.qkv(x.values)
        q, k, v = self._heads(qkv, 3)
        past = places.append(past, k, v)
        if self.threads and places.run.length == 1:
            mixed = attend_newest(q, past, places, self.window, relative, self.scale, self.threads)
        else:
            attending = attend if self.fused else _attend_step_by_step
            mixed = attending(
                places.run.rectangle(q).transpose(1, 2),  # [B, T, H, K] -> [B, H, T, K]
                *past.first(places.longest),
                mask=places.mask(self.window),
                bias=relative,
                scale=self.scale,
            )
            mixed = places.run.flat(mixed.transpose(1, 2))  # [N, H, K]
        out: Tensor = self.output(mixed.flatten(1))  # [N, H, K] -> [N, D]
        return out, past

    def at_first(self, x: Ragged) -> Tensor:
        """Return the rows of `forward` for the first token of each sequence only, [B, D]; not for a causal one."""
        assert not self.causal  # attend_ragged takes the queries for the last positions
        size = self.output.in_features  # H K
        (q,) = self._heads(self._project(first_tokens(x), slice(None, size)), 1)
        k, v = self._heads(self._project(x.values, slice(size, None)), 2)
        return self._mix(q, k, v, Lengths((1,) * len(x.lengths), x.lengths.device), x.lengths)

    def _project(self, x: Tensor, rows: slice) -> Tensor:
        """Return some of the rows of `qkv`'s result."""
        bias: Tensor | None = self.qkv.bias
        return F.linear(x, self.qkv.weight[rows], None if bias is None else bias[rows])

    def _heads(self, x: Tensor, parts: int) -> tuple[Tensor, ...]:
        """Cut [N, parts H K] into parts, each [N, H, K]."""
        return x.view(x.shape[0], parts, self.num_heads, -1).unbind(1)

    def _mix(
        self,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        q_lengths: Lengths,
        k_lengths: Lengths,
        relative: Tensor | None = None,
    ) -> Tensor:
        dropout = self.dropout if self.training else 0.0
        mixed = attend_ragged(
            q,
            k,
            v,
            q_lengths,
            k_lengths,
            causal=self.causal,
            window=self.window,
            bias=relative,
            scale=self.scale,
            dropout=dropout,
            fused=self.fused,
        )
        out: Tensor = self.output(mixed.flatten(1))  # [N, H, K] -> [N, D]
        return out


class CrossAttention(nn.Module):
    """Multi-head attention from a decoder's tokens to the encoder's vectors of the same row, its ``memory``.

    ``query.weight`` [H K, D]; ``memory.weight`` [2 H K, D] holds the rows of the keys, then the values, each head
    after head. The options are those of SelfAttention.
    """

    def __init__(
        self,
        d_model: int,
        num_heads: int,
        *,
        dropout: float = 0.0,
        d_kv: int | None = None,
        scale: float | None = None,
        bias: bool = True,
    ) -> None:
        super().__init__()
        size = num_heads * (_head_size(d_model, num_heads) if d_kv is None else d_kv)  # H K
        self.num_heads = num_heads
        self.scale = scale
        self.dropout = check_probability(dropout)
        self.fused = True
        self.query = nn.Linear(d_model, size, bias=bias)
        self.memory = nn.Linear(d_model, 2 * size, bias=bias)
        self.output = nn.Linear(size, d_model, bias=bias)

    def forward(self, x: Ragged, memory: Ragged) -> Tensor:
        """Return what each token [N, D] takes from its row's memory, [N, D]."""
        q = self.query(x.values).view(len(x.values), self.num_heads, -1)  # [N, H, K]
        k, v = self._keys_and_values(memory)
        mixed = attend_ragged(
            q,
            k,
            v,
            x.lengths,
            memory.lengths,
            scale=self.scale,
            dropout=self.dropout if self.training else 0.0,
            fused=self.fused,
        )
        out: Tensor = self.output(mixed.flatten(1))  # [N, H, K] -> [N, D]
        return out

    def remember(self, memory: Ragged) -> Past:
        """Return the memory's keys and values as rectangles [B, H, S, K], for all the steps to come."""
        (run,) = memory.lengths.runs([len(memory.lengths)])
        k, v = self._keys_and_values(memory)
        return Past(run.rectangle(k).transpose(1, 2), run.rectangle(v).transpose(1, 2))

    def step(self, x: Ragged, memory: Past, mask: Tensor | None, places: Places) -> Tensor:
        """Return what `forward` returns for the new tokens [N, D]; mask [B, 1, 1, S]: which of the memory is real."""
        q = self.query(x.values).view(len(x.values), self.num_heads, -1)  # [N, H, K]
        attending = attend if self.fused else _attend_step_by_step
        rectangle = places.run.rectangle(q).transpose(1, 2)  # [B, T, H, K] -> [B, H, T, K]
        mixed = attending(rectangle, memory.keys, memory.values, mask=mask, scale=self.scale)
        out: Tensor = self.output(places.run.flat(mixed.transpose(1, 2)).flatten(1))  # [N, H, K] -> [N, D]
        return out

    def _keys_and_values(self, memory: Ragged) -> tuple[Tensor, ...]:
        """Return both, [N, H, K] each."""
        projected: Tensor = self.memory(memory.values)
        return projected.view(len(projected), 2, self.num_heads, -1).unbind(1)


def _head_size(d_model: int, num_heads: int) -> int:
    """Return D / H; raises UsageError when it is no whole number."""
    if d_model % num_heads:
        raise UsageError(f"d_model {d_model} is not a multiple of num_heads {num_heads}", where="attention")
    return d_model // num_heads
