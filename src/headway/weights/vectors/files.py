"""Opening word vectors wherever they lie, and writing them: which format a file has is seen from its content."""

from pathlib import Path

import numpy as np

from headway.core.errors import UsageError, WeightsError
from headway.core.progress import Progress, Silent
from headway.models.word_vectors import WordVectors
from headway.weights import cache, catalog
from headway.weights.vector_rows import VectorsEntry
from headway.weights.vectors.binary import read_binary, write_binary
from headway.weights.vectors.fasttext import MAGIC, read_fasttext
from headway.weights.vectors.native import read_native, write_native
from headway.weights.vectors.text import read_text, write_text

FORMATS = ("safetensors", "word2vec", "word2vec-binary", "glove", "fasttext")
FILE = "vectors.safetensors"  # in a folder of vectors

_ENDINGS = {
    ".safetensors": "safetensors",
    ".bin": "word2vec-binary",
    ".vec": "word2vec",
    ".w2v": "word2vec",
    ".txt": "glove",
}


def open_vectors(
    source: str | Path, *, form: str | None = None, progress: Progress | None = None
) -> WordVectors:
    """Open vectors of the zoo by name (cached ones; no connection is opened), a folder that `headway vectors train`
    made, or a file.

    form: one of ``FORMATS``, where the content does not decide. Raises UsageError, FetchError, WeightsError.
    """
    progress = progress or Silent()
    if str(source) in catalog.VECTORS and not Path(source).exists():
        return _published(catalog.VECTORS[str(source)])
    path = Path(source)
    if path.is_dir():
        path = path / FILE
    if not path.is_file():
        raise UsageError(
            "is no file or folder of vectors",
            where=str(source),
            remedy=f"Vectors of the zoo: {', '.join(sorted(catalog.VECTORS))}.",
        )
    form = form or _seen_format(path)
    notes: list[str] = []
    if form == "safetensors":
        vectors = read_native(path)
    elif form == "fasttext":
        vectors, notes = read_fasttext(path)
    elif form == "word2vec-binary":
        vectors, notes = read_binary(path).vectors()
    elif form in {"word2vec", "glove"}:
        vectors, notes = read_text(path).vectors()
    else:
        raise _unknown(form)
    for note in notes:
        progress.say(f"  {path}: {note}")
    return vectors


def write_vectors(vectors: WordVectors, path: Path, form: str | None = None) -> None:
    """Write vectors, whole or not at all; the file's ending decides the format unless it is given.

    Only safetensors keeps counts and subwords. Raises UsageError on a format that is not written, or a word that the
    format cannot hold.
    """
    form = form or _ENDINGS.get(path.suffix)
    if form == "safetensors":
        write_native(vectors, path)
        return
    if form not in {"word2vec", "word2vec-binary", "glove"}:
        raise _unknown(form, written=True)
    split = next((word for word in vectors.words if not word or len(word.split()) != 1), None)
    if split is not None:
        raise UsageError(
            f"the word {split!r} holds a space, which this format cannot",
            where=str(path),
            remedy="Write safetensors.",
        )
    if form == "word2vec-binary":
        write_binary(vectors, path)
    else:
        write_text(vectors, path, header=form == "word2vec")


def _published(entry: VectorsEntry) -> WordVectors:
    import polars

    folder = cache.fetch(entry, offline=True)
    # The file holds it column by column; rows that lie together are found faster.
    matrix = np.ascontiguousarray(np.load(folder / entry.matrix, mmap_mode="r", allow_pickle=False))
    words = polars.read_parquet(folder / entry.vocabulary).to_series().to_list()
    return WordVectors(words, matrix)


def _seen_format(path: Path) -> str:
    """Tell the formats apart by a file's first bytes."""
    try:
        with path.open("rb") as file:
            beginning = file.read(4096)
    except OSError as error:
        raise WeightsError(f"cannot be read: {error.strerror}", where=str(path)) from error
    if beginning[8:9] == b"{":
        return "safetensors"
    if beginning[:4] == MAGIC.to_bytes(4, "little"):
        return "fasttext"
    first, _, rest = beginning.partition(b"\n")
    if len(first.split()) == 2 and all(field.isdigit() for field in first.split()):
        return "word2vec" if _is_text(rest, int(first.split()[1])) else "word2vec-binary"
    if b"\0" in beginning:
        return "fasttext"  # the form without a magic number begins with its size
    return "glove"


def _is_text(beginning: bytes, size: int) -> bool:
    """Say whether what follows a header is text: numbers behind the first word."""
    line = beginning.partition(b"\n")[0].split()
    if b"\0" in beginning:
        return False
    try:
        return bool([float(field) for field in line[1 : size + 1][:3]])
    except ValueError:
        return False


def _unknown(form: str | None, *, written: bool = False) -> UsageError:
    known = FORMATS[:4] if written else FORMATS
    problem = "the file's ending tells no format" if form is None else f"the format {form!r} is not known"
    if written and form == "fasttext":
        problem = "fastText's .bin is read, not written"
    return UsageError(problem, where="format", remedy=f"Known formats: {', '.join(known)}.")
