"""What every kernel draws: random numbers, which words of a sentence stay, how far the window reaches.

All random state is one uint64, stepped as Knuth's MMIX generator does; its upper bits are used. Each job begins with a
state of its own, so what is drawn does not depend on which thread takes the job.
"""

import numpy as np
from numba import njit

KEEP_BITS = 24  # a word stays when the upper 24 bits of a draw are below its threshold

_FACTOR, _SUMMAND = np.uint64(6364136223846793005), np.uint64(1442695040888963407)
_UPPER_31, _UPPER_24 = np.uint64(33), np.uint64(64 - KEEP_BITS)


@njit(inline="always")
def step(state):
    """Return the next state (uint64)."""
    return state * _FACTOR + _SUMMAND


@njit(inline="always")
def upper(state):
    """Return the upper 31 bits as int64."""
    return np.int64(state >> _UPPER_31)


@njit(inline="always")
def thin(tokens, begin, end, keep, sentence, state):
    """Copy the tokens that stay to ``sentence``; return how many, and the next state."""
    kept = 0
    for position in range(begin, end):
        token = tokens[position]
        state = step(state)
        sentence[kept] = token
        kept += np.int64(state >> _UPPER_24) < keep[token]
    return kept, state
