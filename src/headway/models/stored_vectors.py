"""Word vectors in a predictor's folder: `words.txt`, a word a line, and `word_vectors.safetensors`."""

from pathlib import Path

import numpy as np

from headway.core.errors import RunError
from headway.core.files import write_text
from headway.core.tensors import load_arrays, save_arrays
from headway.models.subwords import Subwords
from headway.models.word_vectors import WordVectors

WORDS = "words.txt"
_ARRAYS = "word_vectors.safetensors"


def in_half(vectors: WordVectors) -> WordVectors:
    """Return the same with numbers in float16."""
    subwords = None if vectors.subwords is None else vectors.subwords.astype(np.float16)
    return WordVectors(vectors.words, vectors.matrix.astype(np.float16), subwords=subwords)


def save_vectors(vectors: WordVectors, folder: Path) -> None:
    """Write words and vectors into an existing folder; counts are left out."""
    write_words(vectors.words, folder)
    arrays, own = {"matrix": vectors.matrix}, vectors.subwords
    if own is not None:
        arrays |= {"subwords": own.table, "spans": np.array([own.shortest, own.longest])}
    save_arrays(folder / _ARRAYS, arrays)


def load_vectors(folder: Path) -> WordVectors:
    """Read what `save_vectors` wrote. Raises RunError, WeightsError."""
    arrays = load_arrays(folder / _ARRAYS)
    words = read_words(folder, len(arrays["matrix"]))
    subwords = None
    if "subwords" in arrays:
        shortest, longest = arrays["spans"].tolist()
        subwords = Subwords(shortest, longest, arrays["subwords"])
    return WordVectors(words, arrays["matrix"], subwords=subwords)


def write_words(words: list[str], folder: Path) -> None:
    """Write `words.txt`."""
    write_text(folder / WORDS, "\n".join(words))


def read_words(folder: Path, vectors: int) -> list[str]:
    """Read `words.txt`. Raises RunError where it does not hold a word for each of so many vectors."""
    path = folder / WORDS
    try:
        words = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise RunError(f"cannot be read: {error}", where=str(path)) from error
    if len(words) != vectors:
        raise RunError(f"holds {len(words):,} words for {vectors:,} vectors", where=str(path))
    return words
