"""fastText's .bin: the model that it trained without labels, with the subwords' vectors.

Layout as the original writes it (`args.cc`, `dictionary.cc`, `densematrix.cc`), version 12 and the form without a
magic number before it. Supervised, pruned and quantized models are refused by name.
"""

from pathlib import Path

import numpy as np

from headway.core.errors import WeightsError
from headway.models.subwords import Subwords
from headway.models.word_vectors import WordVectors
from headway.weights.vectors.mapped import MappedFile, decode

MAGIC, VERSION = 793712314, 12
_ARGUMENTS = (
    "dim window epochs min_count negatives word_ngrams loss model buckets shortest longest rate".split()
)
END_OF_SENTENCE = "</s>"
_LONGEST_WORD = 65_536  # bytes
_SUPERVISED = 3


def read_fasttext(path: Path) -> tuple[WordVectors, list[str]]:
    """Read the vectors of words and subwords, the latter mapped, and what has to be said about them.

    Raises WeightsError, with the byte, on a file that is cut off, too long or something else.
    """
    file = MappedFile(path)
    magic, version = file.unpack("2i", "the file's header")
    recent = magic == MAGIC
    if recent and version != VERSION:
        raise file.error(f"has version {version} of fastText's format; version {VERSION} is read")
    names = _ARGUMENTS if recent else _ARGUMENTS[2:]
    arguments = dict(zip(names, file.unpack(f"{len(names)}i", "the settings"), strict=True))
    file.unpack("d", "the settings' end")
    size = arguments["dim"] if recent else magic
    if arguments["model"] == _SUPERVISED:
        raise WeightsError("is a classifier, not word vectors", where=str(path))
    words, counts, notes = _dictionary(file, recent)
    rows = _matrix(file, recent, size, "the input matrix")
    buckets = len(rows) - len(words)
    if buckets < 0 or (arguments["longest"] and buckets != arguments["buckets"]):
        raise file.error(
            f"holds {len(rows):,} rows for {len(words):,} words and {arguments['buckets']:,} buckets"
        )
    _matrix(file, recent, size, "the output matrix")
    file.finish()
    subwords = Subwords(arguments["shortest"], arguments["longest"], rows[len(words) :])
    if not buckets or not arguments["longest"]:
        return WordVectors(words, rows[: len(words)], counts=counts), notes
    # Releases before the magic number gave the end of a sentence n-grams, later ones do not.
    finished = subwords.finish(words, rows[: len(words)], whole=END_OF_SENTENCE if recent else None)
    return WordVectors(words, finished, subwords=subwords, counts=counts), notes


def _dictionary(file: MappedFile, recent: bool) -> tuple[list[str], np.ndarray, list[str]]:
    entries, known, labels = file.unpack("3i", "the dictionary's sizes")
    file.unpack("q", "the number of tokens")
    pruned = file.unpack("q", "the number of pruned rows")[0] if recent else -1
    if labels or entries != known or pruned > 0:
        raise WeightsError("is a classifier or a pruned model, not word vectors", where=str(file.path))
    words, counts, unsound = [], [], 0
    for number in range(1, entries + 1):
        what = f"word {number:,} of {entries:,}"
        word, sound = decode(file.until(b"\0", _LONGEST_WORD, what))
        count, _ = file.unpack("qb", f"the count of {what}")
        words.append(word)
        counts.append(count)
        unsound += not sound
    notes = [f"{unsound:,} words are no sound UTF-8; their bytes are written as \\xff"] if unsound else []
    return words, np.array(counts, dtype=np.int64), notes


def _matrix(file: MappedFile, recent: bool, size: int, what: str) -> np.ndarray:
    if recent and file.unpack("?", f"the kind of {what}")[0]:
        raise WeightsError("is quantized; only float32 is read", where=str(file.path))
    rows, columns = file.unpack("2q", f"the sizes of {what}")
    if columns != size or rows < 0:
        raise file.error(f"{what} is stated as {rows:,} rows of {columns:,}; {size} were expected")
    return file.matrix(rows, columns, what)
