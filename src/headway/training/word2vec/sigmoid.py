"""The logistic function as a table, as in the C tool: 1,024 steps from -6 to 6, clamped beyond."""

import numpy as np
from numba import njit

STEPS = 1024
LARGEST = 6.0

_LARGEST = np.float32(LARGEST)
_SCALE = np.float32(STEPS / (2 * LARGEST))
_FIRST, _LAST = np.float32(0), np.float32(STEPS - 1)


def sigmoid_table() -> np.ndarray:
    """Return the function in the middle of each step, [STEPS] float32."""
    middles = (np.arange(STEPS) + 0.5) / STEPS * 2 * LARGEST - LARGEST
    return (1 / (1 + np.exp(-middles))).astype(np.float32)


@njit(inline="always", fastmath=True)
def step_of(value):
    """Return the step in which a float32 falls."""
    return np.int64(min(max((value + _LARGEST) * _SCALE, _FIRST), _LAST))


@njit(inline="always", fastmath=True)
def sigmoid(value, table):
    """Return the table's entry for a float32."""
    return table[step_of(value)]
