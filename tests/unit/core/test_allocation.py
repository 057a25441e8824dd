"""Memory that is freed is kept while a training lasts, and given back after it."""

import resource
import sys
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

from headway.core.allocation import memory_kept

BYTES = 64 * 2**20  # more than glibc keeps by itself


def faults() -> int:
    """Return how many pages the system hands out while a large array is made and freed ten times."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        np.empty(BYTES, np.uint8).fill(1)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def resident() -> int:
    """Return the bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def measured() -> tuple[int, int, int]:
    """Return the faults outside and inside of a block, and the bytes that its end gives back."""
    outside = faults()
    with memory_kept():
        for _ in range(3):  # until freed places fit
            faults()
        inside, held = faults(), resident()
    return outside, inside, held - resident()


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's")
def test_freed_memory_is_asked_for_once_within_the_block_and_given_back_after_it() -> None:
    with get_context("spawn").Pool(1) as pool:  # what others freed in this process would be used again
        outside, inside, given_back = pool.apply(measured)
    assert inside < outside / 10
    assert given_back > BYTES / 2
