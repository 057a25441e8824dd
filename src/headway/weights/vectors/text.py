"""Vectors as text, a word and its numbers a line: word2vec's and fastText's .vec (V and D in a first line), GloVe's
(no first line).
"""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np

from headway.core.errors import WeightsError
from headway.core.files import atomic_path
from headway.models.word_vectors import WordVectors
from headway.weights.vectors.gathered import Gathered

_ENDS = b" \t\r\n"


def read_text(path: Path) -> Gathered:
    """Read either layout; a first line of two whole numbers is a header.

    A word may hold spaces: of each line the last D fields are its numbers. Raises WeightsError with the line and its
    first byte when a line has too few numbers or something else in their place, or when there are more or fewer lines
    than the header says, or the last line has no end. A file without a header that was cut between two lines cannot be
    told from a whole one.
    """
    try:
        with path.open("rb") as file:
            return _read(file, path)
    except OSError as error:
        raise WeightsError(f"cannot be read: {error.strerror}", where=str(path)) from error


def _read(file: IO[bytes], path: Path) -> Gathered:
    first = file.readline()
    fields = first.split()
    if not fields:
        found = "begins with an empty line" if first else "is empty"
        raise WeightsError(f"{found}; vectors were expected", where=f"{path}, byte 0")
    stated: int | None = None
    lines: Iterator[tuple[int, int, bytes]]
    if len(fields) == 2 and all(field.isdigit() for field in fields):
        stated, size = int(fields[0]), int(fields[1])
        lines = _lines(file, 2, len(first))
    else:
        size = len(fields) - 1
        lines = itertools.chain([(1, 0, first)], _lines(file, 2, len(first)))
    if not size:
        raise WeightsError("has no numbers in its first line", where=f"{path}, byte 0")
    gathered = Gathered(size)
    position = len(first)
    for number, position, line in lines:
        if not line.endswith(b"\n"):
            raise _bad(
                path,
                number,
                position,
                "has no end: the file is cut off (or lacks a line's end after its last number)",
            )
        parts = line.rstrip(_ENDS).rsplit(b" ", size)
        if len(parts) != size + 1:
            raise _bad(path, number, position, f"has {len(parts) - 1} numbers instead of {size}")
        if stated is not None and gathered.lines == stated:
            raise _bad(
                path, number, position, f"stands behind the {stated:,} words that the first line promises"
            )
        try:
            gathered.add(parts[0], np.array(parts[1:], dtype=np.float32))
        except ValueError as error:
            raise _bad(path, number, position, f"has something that is no number ({error})") from error
        position += len(line)
    if stated is not None and gathered.lines != stated:
        raise WeightsError(
            f"ends at byte {position:,} after {gathered.lines:,} of the {stated:,} words that its first line promises",
            where=str(path),
            remedy="Fetch or copy the file again.",
        )
    return gathered


def _lines(file: IO[bytes], number: int, position: int) -> Iterator[tuple[int, int, bytes]]:
    """Yield (line number, its first byte, line) of the lines that are not empty."""
    for line in file:
        if line.strip():
            yield number, position, line
        number += 1
        position += len(line)


def _bad(path: Path, number: int, position: int, problem: str) -> WeightsError:
    return WeightsError(
        f"the line that begins at byte {position:,} {problem}",
        where=f"{path}, line {number}",
        remedy="Fetch or copy the file again.",
    )


def write_text(vectors: WordVectors, path: Path, *, header: bool) -> None:
    """Write one word a line, its numbers in the fewest digits that give the same float32 back; ``header``: V and D
    first.
    """
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        if header:
            file.write(f"{len(vectors)} {vectors.size}\n")
        for word, row in zip(vectors.words, vectors.matrix, strict=True):
            file.write(f"{word} {' '.join(map(str, row))}\n")
