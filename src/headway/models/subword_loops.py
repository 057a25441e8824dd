"""The sums of `subwords`, compiled: a published table has n-grams for millions of words."""

import numpy as np
from numba import njit

_OFFSET, _PRIME, _MASK = np.uint64(2166136261), np.uint64(16777619), np.uint64(0xFFFFFFFF)
_SIGN = np.uint64(0xFFFFFF00)


@njit(cache=True, inline="always")
def _mixed(value, byte):
    signed = np.uint64(byte) | _SIGN if byte >= 128 else np.uint64(byte)
    return ((value ^ signed) * _PRIME) & _MASK


@njit(cache=True)
def add_subwords(text, starts, shortest, longest, table, totals, counts):
    """Add to each word's total [V, D] the rows of its n-grams, and their number to its count [V].

    text: the UTF-8 bytes of ``<word>``, word after word; starts: [V + 1], where each begins.
    """
    for word in range(len(starts) - 1):
        begin, end = starts[word], starts[word + 1]
        for first in range(begin, end):
            if text[first] & 0xC0 == 0x80:  # inside a character
                continue
            value, after, length = _OFFSET, first, 0
            while after < end and length < longest:
                value = _mixed(value, text[after])
                after += 1
                while after < end and text[after] & 0xC0 == 0x80:
                    value = _mixed(value, text[after])
                    after += 1
                length += 1
                mark = length == 1 and (first == begin or after == end)
                if length >= shortest and not mark:
                    row = np.int64(value % np.uint64(len(table)))
                    for d in range(table.shape[1]):
                        totals[word, d] += table[row, d]
                    counts[word] += 1
