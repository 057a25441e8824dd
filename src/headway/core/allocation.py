"""What a training's large maps lie in."""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4  # of malloc.h
_LARGEST = 2**31 - 1  # an option is an int
_BY_DEFAULT = ((_MMAP_MAX, 65_536), (_MMAP_THRESHOLD, 32 * 2**20), (_TRIM_THRESHOLD, 64 * 2**20))


@contextmanager
def memory_kept() -> Iterator[None]:
    """Let the allocator keep what is freed while the block lasts; give it back to the system at its end.

    Each step of a training frees the maps that the next one asks for again. glibc returns every tensor of more than
    32 MiB to the system at once, and the system hands it out page by page, zeroed: up to a third of a step's time.
    Does nothing where the C library is another one.
    """
    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    if library is None or not hasattr(library, "mallopt"):
        yield
        return
    library.mallopt(_MMAP_MAX, 0)
    library.mallopt(_TRIM_THRESHOLD, _LARGEST)
    try:
        yield
    finally:
        for option, value in _BY_DEFAULT:  # where glibc's own adjustment ends
            library.mallopt(option, value)
        library.malloc_trim(0)
