"""Loops for decoding, compiled for this machine by numba: one new token a row, where reading the weights is the cost.

A product of a matrix with one vector reads each weight once, so its time is the matrix's bytes over the memory's
bandwidth. torch has no float32 product with int8 weights on the CPU, and its float32 one reaches half the bandwidth.
The first call on a machine compiles (a few seconds); the result is kept beside this file, or in numba's own folder.

Letters: M vectors, N rows and K columns of a matrix; B rows of a batch, H heads, S places, K d_kv.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit, prange, types
from numba.extending import overload

from headway.blocks.prefetch import prefetch

_ROWS_AHEAD = (
    4  # rows of one byte a weight are too short for the processor's own prefetching: a fifth of the time
)
_CACHE_LINE = 64
_ANY_ORDER = {"reassoc", "nsz", "contract"}  # of a sum, without which no loop over one is vectorized


def _widen(code):
    """Return a weight as float32; an uint16 is a bfloat16: the upper half of a float32's bits."""
    raise NotImplementedError


@overload(_widen, inline="always")
def _widen_compiled(code):
    if code == types.uint16:
        return lambda code: np.uint32(np.uint32(code) << np.uint32(16)).view(np.float32)
    return lambda code: np.float32(code)


# What a linear map's results become: nothing else, or an activation of `FeedForward`.
IDENTITY = -1
ACTIVATIONS = {"relu": 0, "tanh": 1, "gelu": 2, "gelu_tanh": 3}
_NO_BIAS = np.empty((0, 0, 0), np.float32)
_FIRST = np.int64(0)  # a plain 0 would be a type of its own


@njit(fastmath=_ANY_ORDER, cache=True, nogil=True)
def _activate(y, begin, end, activation):
    """Replace the columns from begin to end by their activations; tanh x = 1 - 2 / (1 + exp 2x)."""
    one, two, half = np.float32(1), np.float32(2), np.float32(0.5)
    for m in range(len(y)):
        for n in range(begin, end):
            value = y[m, n]
            if activation == 0:
                y[m, n] = max(value, np.float32(0))
            elif activation == 1:
                y[m, n] = one - two / (one + np.exp(two * value))
            elif activation == 2:
                y[m, n] = half * value * (one + math.erf(value * np.float32(0.5**0.5)))
            else:
                inner = np.float32((2 / np.pi) ** 0.5) * (
                    value + np.float32(0.044715) * value * value * value
                )
                y[m, n] = value * (one - one / (one + np.exp(two * inner)))


@njit(fastmath=_ANY_ORDER, cache=True, nogil=True)
def _linear_rows(codes, scales, bias, x, y, activation, begin, end):
    M, K = x.shape
    for n in range(begin, end):
        if codes.itemsize == 1:
            for byte in range((n + _ROWS_AHEAD) * K, (n + _ROWS_AHEAD + 1) * K, _CACHE_LINE):
                prefetch(codes, byte)
        for m in range(M):
            total = np.float32(0)
            for k in range(K):
                total += _widen(codes[n, k]) * x[m, k]
            y[m, n] = total * scales[n] + bias[n]
    if activation != IDENTITY:
        _activate(y, begin, end, activation)


@njit(parallel=True, cache=True)
def _linear_in_parts(codes, scales, bias, x, y, activation, parts):
    N = len(codes)
    for part in prange(parts):
        _linear_rows(codes, scales, bias, x, y, activation, part * N // parts, (part + 1) * N // parts)


@njit(cache=True)
def _linear(codes, scales, bias, x, y, activation, parts):
    if parts == 1:
        _linear_rows(codes, scales, bias, x, y, activation, _FIRST, len(codes))
    else:
        _linear_in_parts(codes, scales, bias, x, y, activation, parts)


def linear(
    codes: np.ndarray, scales: np.ndarray, bias: np.ndarray, x: np.ndarray, y: np.ndarray, threads: int
) -> None:
    """Write scales * (x codes^T) + bias into y: codes [N, K], scales and bias [N], x [M, K], y [M, N].

    codes: int8, float32, or uint16 for bfloat16; all else float32, and contiguous.
    """
    _linear(codes, scales, bias, x, y, IDENTITY, threads)


@njit(fastmath=_ANY_ORDER, cache=True, nogil=True)
def _attend_heads(q, keys, values, bias, lengths, window, scale, out, begin, end):
    H, K = q.shape[1], q.shape[2]
    weights = np.empty(keys.shape[2], np.float32)
    for place in range(begin, end):
        b, h = place // H, place % H
        last = lengths[b]
        first = max(0, last - window)
        highest = np.float32(-np.inf)
        for s in range(first, last):
            score = np.float32(0)
            for k in range(K):
                score += q[b, h, k] * keys[b, h, s, k]
            score *= scale
            if len(bias) > 0:
                score += bias[b % len(bias), h, s]
            weights[s] = score
            highest = max(highest, score)
        total = np.float32(0)
        for s in range(first, last):
            weights[s] = np.exp(weights[s] - highest)
            total += weights[s]
        for k in range(K):
            out[b, h, k] = 0
        for s in range(first, last):
            weight = weights[s] / total
            for k in range(K):
                out[b, h, k] += weight * values[b, h, s, k]


@njit(parallel=True, cache=True)
def _attend_in_parts(q, keys, values, bias, lengths, window, scale, out, parts):
    heads = q.shape[0] * q.shape[1]
    for part in prange(parts):
        begin, end = part * heads // parts, (part + 1) * heads // parts
        _attend_heads(q, keys, values, bias, lengths, window, scale, out, begin, end)


@njit(cache=True)
def _attend(q, keys, values, bias, lengths, window, scale, out, parts):
    if parts == 1:
        _attend_heads(q, keys, values, bias, lengths, window, scale, out, _FIRST, q.shape[0] * q.shape[1])
    else:
        _attend_in_parts(q, keys, values, bias, lengths, window, scale, out, parts)


def attend_newest(
    q: np.ndarray,
    keys: np.ndarray,
    values: np.ndarray,
    bias: np.ndarray,
    lengths: np.ndarray,
    window: int,
    scale: float,
    out: np.ndarray,
    threads: int,
) -> None:
    """Attend from each row's newest token q [B, H, K] to its places: write the mixed values into out [B, H, K].

    keys, values [B, H, S, K], of which row b has lengths[b] and the newest token sees the last ``window``; bias
    [B, H, S], [1, H, S] or empty is added to the scores. All float32 and contiguous, lengths int64.
    """
    _attend(q, keys, values, bias, lengths, window, np.float32(scale), out, threads)


@njit(fastmath=_ANY_ORDER, cache=True, nogil=True)
def _normed(x, weight, bias, eps):
    """Return the layer norm of each row, or the rows themselves where there are no weights."""
    if len(weight) == 0:
        return x
    y = np.empty_like(x)
    for m in range(len(x)):
        mean = np.float32(0)
        for d in range(x.shape[1]):
            mean += x[m, d]
        mean /= np.float32(x.shape[1])
        variance = np.float32(0)
        for d in range(x.shape[1]):
            variance += (x[m, d] - mean) ** 2
        scale = np.float32(1) / np.sqrt(variance / np.float32(x.shape[1]) + eps)
        for d in range(x.shape[1]):
            y[m, d] = (x[m, d] - mean) * scale * weight[d] + bias[d]
    return y


@njit(cache=True)
def _transformed(matrix, x, activation, parts):
    y = np.empty((len(x), len(matrix[0])), np.float32)
    _linear(*matrix, x, y, activation, parts)
    return y


@njit(cache=True)
def _attended(x, qkv, output, keys, values, lengths, window, scale, no_bias, parts):
    B, H, K = len(x), keys.shape[1], keys.shape[3]
    projected = _transformed(qkv, x, IDENTITY, parts).reshape(B, 3, H, K)
    q, mixed = np.empty((B, H, K), np.float32), np.empty((B, H, K), np.float32)
    for b in range(B):
        for h in range(H):
            for k in range(K):
                q[b, h, k] = projected[b, 0, h, k]
                keys[b, h, lengths[b] - 1, k] = projected[b, 1, h, k]
                values[b, h, lengths[b] - 1, k] = projected[b, 2, h, k]
    _attend(q, keys, values, no_bias, lengths, window, scale, mixed, parts)
    return _transformed(output, mixed.reshape(B, H * K), IDENTITY, parts)


@njit(cache=True)
def _layer_step(x, norms, eps, matrices, activation, past, scale, no_bias, out, parts):
    qkv, output, inner, outer = matrices
    keys, values, lengths, window = past
    before = _normed(x, norms[0], norms[1], eps[0])
    x = x + _attended(before, qkv, output, keys, values, lengths, window, scale, no_bias, parts)
    x = _normed(x, norms[2], norms[3], eps[1])
    before = _normed(x, norms[4], norms[5], eps[2])
    x = x + _transformed(outer, _transformed(inner, before, activation, parts), IDENTITY, parts)
    out[:] = _normed(x, norms[6], norms[7], eps[3])


def layer_step(
    x: np.ndarray,
    norms: tuple[np.ndarray, ...],
    eps: np.ndarray,
    matrices: tuple[tuple[np.ndarray, np.ndarray, np.ndarray], ...],
    activation: int,
    past: tuple[np.ndarray, np.ndarray, np.ndarray, int],
    scale: float,
    out: np.ndarray,
    threads: int,
) -> None:
    """Do a step of a whole causal `TransformerLayer`: write into out [B, D] what becomes of one new token a row, x.

    norms: weight and bias [D] of its four layer norms, empty for one that does nothing, and eps [4]; matrices: codes,
    scales and bias, as in `linear`, of qkv, output, inner and outer; past: keys and values [B, H, S, K], into which the
    new tokens' are written as the last of the lengths [B], and the window.
    """
    _layer_step(x, norms, eps, matrices, activation, past, np.float32(scale), _NO_BIAS, out, threads)
