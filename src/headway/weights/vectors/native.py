"""Headway's own form: one safetensors file, its matrices mapped, not read.

matrix   [V, D] float32    the vectors
words    [bytes] uint8     the words in UTF-8, each ended by a line's end
counts   [V] int64         how often each stood in the corpus (may be missing)
buckets  [B, D] float32    the subwords' vectors (may be missing); their lengths stand in the metadata
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from headway.core.errors import WeightsError
from headway.core.files import atomic_path
from headway.models.subwords import Subwords
from headway.models.word_vectors import WordVectors
from headway.weights.vectors.mapped import MappedFile

FORMAT = "headway-word-vectors-1"
_TYPES = {"F32": "<f4", "I64": "<i8", "U8": "u1"}


def write_native(vectors: WordVectors, path: Path) -> None:
    """Write the file, whole or not at all. Raises WeightsError on a word that holds a line's end."""
    from safetensors.numpy import save_file

    text = "".join(f"{word}\n" for word in vectors.words)
    if text.count("\n") != len(vectors):
        raise WeightsError("a word holds a line's end", where=str(path))
    arrays: dict[str, np.ndarray] = {
        "matrix": np.ascontiguousarray(vectors.matrix, dtype=np.float32),
        "words": np.frombuffer(text.encode(), dtype=np.uint8),
    }
    metadata = {"format": FORMAT}
    if vectors.counts is not None:
        arrays["counts"] = np.ascontiguousarray(vectors.counts, dtype=np.int64)
    if vectors.subwords is not None:
        arrays["buckets"] = np.ascontiguousarray(vectors.subwords.table, dtype=np.float32)
        metadata["subwords"] = f"{vectors.subwords.shortest} {vectors.subwords.longest}"
    with atomic_path(path) as temporary:
        save_file(arrays, temporary, metadata=metadata)


def read_native(path: Path) -> WordVectors:
    """Map the file. Raises WeightsError, with the byte, on one that is cut off, too long or something else."""
    file = MappedFile(path)
    (length,) = file.unpack("Q", "the header's length")
    begin = file.take(length, "the header")
    try:
        header: dict[str, Any] = json.loads(file.bytes[begin : file.position])
        metadata = header.pop("__metadata__", {})
        arrays = {name: _array(file, name, stated) for name, stated in _in_order(header)}
        words = arrays["words"].tobytes().decode().split("\n")
        matrix = arrays["matrix"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise file.error(f"is no file of word vectors, or its header is damaged ({error})") from error
    file.finish()
    if metadata.get("format") != FORMAT:
        raise file.error(f"has the format {metadata.get('format')!r}; {FORMAT!r} was expected")
    subwords = None
    if "buckets" in arrays:
        shortest, longest = map(int, metadata["subwords"].split())
        subwords = Subwords(shortest, longest, arrays["buckets"])
    return WordVectors(words[:-1], matrix, subwords=subwords, counts=arrays.get("counts"))


def _in_order(header: dict[str, Any]) -> list[tuple[str, Any]]:
    return sorted(header.items(), key=lambda item: int(item[1]["data_offsets"][0]))


def _array(file: MappedFile, name: str, stated: dict[str, Any]) -> np.ndarray:
    """Map the next tensor of the file; they lie end to end in the order of their offsets."""
    kind = np.dtype(_TYPES[stated["dtype"]])
    shape = [int(number) for number in stated["shape"]]
    count = int(np.prod(shape, dtype=np.int64))
    first, last = stated["data_offsets"]
    if last - first != count * kind.itemsize:
        raise file.error(f"gives {name} {last - first:,} bytes, its shape needs {count * kind.itemsize:,}")
    begin = file.take(last - first, name)
    return np.frombuffer(file.bytes, kind, count, begin).reshape(shape)
