"""A file mapped into memory and read from front to back; what is missing or too much is named by its byte."""

import mmap
import struct
from pathlib import Path
from typing import Any

import numpy as np

from headway.core.errors import WeightsError

_REMEDY = "Fetch or copy the file again."


class MappedFile:
    """A file's bytes and how far they have been read. Raises WeightsError on a file that cannot be read or is
    empty.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.position = 0
        try:
            with path.open("rb") as file:
                self.size = file.seek(0, 2)
                if not self.size:
                    raise WeightsError("is empty", where=str(path), remedy=_REMEDY)
                self.bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except OSError as error:
            raise WeightsError(f"cannot be read: {error.strerror}", where=str(path)) from error

    def take(self, count: int, what: str) -> int:
        """Go over ``count`` bytes and return where they began. Raises WeightsError where there are not as many."""
        begin = self.position
        if count < 0 or begin + count > self.size:
            missing = begin + count - self.size
            raise self.error(
                f"ends at byte {self.size:,}, {missing:,} too early: {what} begins at byte {begin:,} and has "
                f"{count:,} bytes"
            )
        self.position += count
        return begin

    def until(self, end: bytes, limit: int, what: str) -> bytes:
        """Go over the bytes before ``end``, and over ``end``; return the former. There are at most ``limit``."""
        found = self.bytes.find(end, self.position, self.position + limit)
        if found < 0:
            state = "is cut off" if self.position + limit >= self.size else "does not end"
            raise self.error(f"{what} {state} at byte {self.position:,} (of {self.size:,})")
        begin, self.position = self.position, found + len(end)
        return self.bytes[begin:found]

    def unpack(self, form: str, what: str) -> tuple[Any, ...]:
        """Read little-endian values as `struct` spells them."""
        form = "<" + form
        return struct.unpack_from(form, self.bytes, self.take(struct.calcsize(form), what))

    def matrix(self, rows: int, columns: int, what: str) -> np.ndarray:
        """Return the next float32 matrix [rows, columns], mapped, not read."""
        begin = self.take(4 * rows * columns, what)
        return np.frombuffer(self.bytes, np.dtype("<f4"), rows * columns, begin).reshape(rows, columns)

    def finish(self, allowed: bytes = b"") -> None:
        """Raise WeightsError when bytes are left over that are not ``allowed``."""
        left = self.size - self.position
        if left and self.bytes[self.position : self.position + len(allowed) + 1] != allowed:
            raise self.error(f"should end at byte {self.position:,}, but {left:,} bytes follow")

    def error(self, problem: str) -> WeightsError:
        """Return an error about this file."""
        return WeightsError(problem, where=str(self.path), remedy=_REMEDY)


def decode(word: bytes) -> tuple[str, bool]:
    """Return a word out of its UTF-8 bytes, and whether they were sound; unsound bytes become ``\\xff``."""
    try:
        return word.decode("utf-8"), True
    except UnicodeDecodeError:
        return word.decode("utf-8", errors="backslashreplace"), False
