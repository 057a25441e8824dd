"""A corpus: plain text to pretrain on. A file is one document, a folder holds one in each of its .txt files."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

from headway.core.errors import DataError

HELD_OUT = 0.05  # the share of each document's lines, its last ones, on which pretraining is measured


@dataclass(frozen=True)
class Corpus:
    """Documents as their lines, each as it stands in its file, without the line's end."""

    source: str
    sha256: str  # of the files' bytes, one after the other
    documents: tuple[tuple[str, ...], ...]
    files: tuple[str, ...]  # that they were read from

    @property
    def lines(self) -> list[str]:
        """The lines of all documents that hold more than blanks."""
        return [line for document in self.documents for line in document if line.strip()]

    @property
    def texts(self) -> list[str]:
        """Each document as one text, every line ended."""
        return ["".join(f"{line}\n" for line in document) for document in self.documents]

    @property
    def characters(self) -> int:
        """The number of characters, line ends included."""
        return sum(len(line) + 1 for document in self.documents for line in document)

    def split(self, share: float = HELD_OUT) -> tuple[Corpus, Corpus]:
        """Return the corpus without the last lines of each document, and these lines. Raises DataError where no
        document has enough of them.
        """
        kept, held_out = [], []
        for document in self.documents:
            end = len(document) - int(share * len(document))
            kept.append(document[:end])
            held_out.append(document[end:])
        parts = [self._with(part) for part in (kept, held_out)]
        if not all(part.documents for part in parts):
            raise DataError(
                f"has {len(self.lines)} lines of text, too few to hold {share:.0%} of them out",
                where=self.source,
                remedy="Give a larger corpus; its text must be cut into lines.",
            )
        return parts[0], parts[1]

    def _with(self, documents: list[tuple[str, ...]]) -> Corpus:
        """Return a part of each document, without those that hold only blanks."""
        pairs = zip(documents, self.files, strict=True)
        held = [(document, file) for document, file in pairs if any(map(str.strip, document))]
        return replace(
            self, documents=tuple(document for document, _ in held), files=tuple(file for _, file in held)
        )


def read_corpus(path: Path) -> Corpus:
    """Read a text file, or every .txt file of a folder in the order of their names.

    Raises DataError when there is none, or one is not UTF-8 or holds no text.
    """
    files = sorted(path.glob("*.txt")) if path.is_dir() else [path]
    if not files:
        raise DataError(
            "has no .txt file", where=str(path), remedy="Give a text file or a folder of .txt files."
        )
    digest = hashlib.sha256()
    documents = []
    for file in files:
        content = _bytes(file)
        digest.update(content)
        text = _decoded(content, file).removeprefix("\ufeff").removesuffix("\n")
        document = tuple(line.removesuffix("\r") for line in text.split("\n"))
        if not any(map(str.strip, document)):
            raise DataError("holds no text", where=str(file))
        documents.append(document)
    return Corpus(path.name, digest.hexdigest(), tuple(documents), tuple(map(str, files)))


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", where=str(file)) from error


def _decoded(content: bytes, file: Path) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(
            "is no UTF-8 text", where=f"{file}, line {line}", remedy="Save it as UTF-8 and try again."
        ) from error
