"""Loops for decoding, compiled for this machine by numba: one new token a row, where reading the weights is the cost.

A product of a matrix with one vector reads each weight once, so its time is the matrix's bytes over the memory's
bandwidth. torch has no float32 product with int8 weights on the CPU, and its float32 one reaches half the bandwidth.
The first call on a machine compiles (a few seconds); the result is kept beside this file, or in numba's own folder.

Letters: M vectors, N rows and K columns of a matrix; B rows of a batch, H heads, S places, K d_kv.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange, types
from numba.extending import overload

_ANY_ORDER = {"reassoc", "nsz", "contract"}  # of a sum, without which no loop over one is vectorized


def _widen(code):
    """Return a weight as float32; an uint16 is a bfloat16: the upper half of a float32's bits."""
    raise NotImplementedError


@overload(_widen, inline="always")
def _widen_compiled(code):
    if code == types.uint16:
        return lambda code: np.uint32(np.uint32(code) << np.uint32(16)).view(np.float32)
    return lambda code: np.float32(code)


@njit(fastmath=_ANY_ORDER, cache=True, nogil=True)
def _linear_rows(codes, scales, bias, x, y, begin, end):
    M, K = x.shape
    for n in range(begin, end):
        for m in range(M):
            total = np.float32(0)
            for k in range(K):
                total += _widen(codes[n, k]) * x[m, k]
            y[m, n] = total * scales[n] + bias[n]


@njit(parallel=True, cache=True)
def _linear_in_parts(codes, scales, bias, x, y, parts):
    N = len(codes)
    for part in prange(parts):
        _linear_rows(codes, scales, bias, x, y, part * N // parts, (part + 1) * N // parts)


def linear(
    codes: np.ndarray, scales: np.ndarray, bias: np.ndarray, x: np.ndarray, y: np.ndarray, threads: int
) -> None:
    """Write scales * (x codes^T) + bias into y: codes [N, K], scales and bias [N], x [M, K], y [M, N].

    codes: int8, float32, or uint16 for bfloat16; all else float32, and contiguous.
    """
    if threads == 1:
        _linear_rows(codes, scales, bias, x, y, 0, len(codes))
    else:
        _linear_in_parts(codes, scales, bias, x, y, threads)


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
    arguments = (q, keys, values, bias, lengths, window, np.float32(scale), out)
    if threads == 1:
        _attend_heads(*arguments, 0, q.shape[0] * q.shape[1])
    else:
        _attend_in_parts(*arguments, threads)
