"""Memory that is freed is kept while a training lasts, and given back after it."""

import resource
import sys
from pathlib import Path

import pytest
import torch

from headway.core.allocation import memory_kept

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="glibc's")
BYTES = 64 * 2**20  # more than glibc keeps by itself


def faults() -> int:
    """Return how many pages the system hands out while a large tensor is made and freed a few times."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        torch.empty(BYTES, dtype=torch.uint8).fill_(1)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def resident() -> int:
    """Return the bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def test_freed_memory_is_asked_for_once_within_the_block_and_given_back_after_it() -> None:
    outside = faults()
    with memory_kept():
        faults()  # the first few, until freed places fit
        held, kept = resident(), faults()
    assert kept < outside / 10
    assert resident() < held - BYTES / 2
