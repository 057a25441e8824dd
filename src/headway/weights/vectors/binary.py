"""word2vec's binary format: V and D as text in a first line, then each word, a space, and D float32 (little-endian).

The C tool ends each row with a line's end, other writers do not; both are read.
"""

from pathlib import Path

import numpy as np

from headway.core.files import atomic_path
from headway.models.word_vectors import WordVectors
from headway.weights.vectors.gathered import Gathered
from headway.weights.vectors.mapped import MappedFile

_LONGEST_WORD = 4096  # bytes


def read_binary(path: Path) -> Gathered:
    """Read the format. Raises WeightsError, with the byte, on a file that is cut off, too long or something else."""
    file = MappedFile(path)
    header = file.until(b"\n", 64, "the first line").split()
    if len(header) != 2 or not all(field.isdigit() for field in header):
        raise file.error("begins with no line of two numbers, as word2vec's binary format does")
    count, size = map(int, header)
    if count * (4 * size + 2) > file.size - file.position:  # before room is made for as many
        reached = (file.size - file.position) // max(4 * size + 2, 1)
        raise file.error(
            f"ends at byte {file.size:,}, before the {count:,} words of {size} numbers that its first line promises "
            f"(at most {reached:,} fit)"
        )
    gathered = Gathered(size, count)
    for number in range(1, count + 1):
        word = file.until(b" ", _LONGEST_WORD, f"word {number:,} of {count:,}").lstrip(b"\n")
        gathered.add(word, file.matrix(1, size, f"the vector of word {number:,} of {count:,}")[0])
    file.finish(allowed=b"\n")
    return gathered


def write_binary(vectors: WordVectors, path: Path) -> None:
    """Write the format as the C tool does, whole or not at all."""
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        file.write(f"{len(vectors)} {vectors.size}\n".encode())
        for word, row in zip(vectors.words, vectors.matrix, strict=True):
            file.write(word.encode() + b" " + np.asarray(row, dtype="<f4").tobytes() + b"\n")
