"""A first look at a text file, as bytes: its encoding, its size in memory, and what makes it unreadable.

One pass in blocks of a megabyte, so a file of any size is surveyed in little memory, and what is wrong with
it is said before any row is used.
"""

import codecs
import gzip
import io
import itertools
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TextIO, cast

from headway.core.device import available_memory
from headway.core.errors import DataError, ResourceError
from headway.core.files import human_bytes

_BLOCK = 1 << 20
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_HIGH_RUN = re.compile(rb"[\x80-\xff]+")
_NOT_TABLES = {
    b"PK\x03\x04": (
        "is a zip file or an Excel workbook",
        "Save the sheet as CSV (UTF-8), or unpack the file.",
    ),
    b"\xd0\xcf\x11\xe0": ("is an old Excel workbook", "Save the sheet as CSV (UTF-8)."),
    b"%PDF": ("is a PDF", "Headway reads CSV, TSV, JSONL and Parquet."),
}
# Measured with 2 million rows of 100 characters: polars columns, then the Python texts that training holds.
_BYTES_PER_BYTE = 3
_BYTES_PER_ROW = 300
_FLOOR = 100_000_000


@dataclass(frozen=True, kw_only=True)
class Survey:
    """What a text file is: how to open it, how much it holds, and what to say about it."""

    path: Path
    zipped: bool
    encoding: str
    size: int  # bytes, unpacked
    newlines: int
    notes: tuple[str, ...]

    @contextmanager
    def open(self, newline: str = "") -> Iterator[TextIO]:
        """Open the file as text."""
        with open_bytes(self.path, zipped=self.zipped) as file:
            yield io.TextIOWrapper(file, encoding=self.encoding, newline=newline)

    def line(self, number: int) -> str:
        """Return one line (1-based), for a message."""
        with self.open() as file:
            return next(itertools.islice(file, number - 1, None), "")

    @property
    def memory(self) -> int:
        """The bytes of memory that reading the whole table takes, estimated."""
        return int(_FLOOR + self.size * _BYTES_PER_BYTE + self.newlines * _BYTES_PER_ROW)


def open_bytes(path: Path, *, zipped: bool) -> BinaryIO:
    """Open a file, or what a gzip file holds, as bytes."""
    return cast(BinaryIO, gzip.open(path)) if zipped else path.open("rb")


def survey(path: Path) -> Survey:
    """Look at a whole text file once.

    Raises DataError when it is empty, holds NUL bytes, is no text, or is in an encoding that cannot be told.
    """
    with path.open("rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
    with _gzip_errors(path), open_bytes(path, zipped=zipped) as file:
        start = file.read(4)
    if start in _NOT_TABLES:
        problem, remedy = _NOT_TABLES[start]
        raise DataError(problem, where=str(path), remedy=remedy)
    marked = next((name for bom, name in _BOMS if start.startswith(bom)), None)
    look = _Look(path, zipped, marked or "utf-8")
    with _gzip_errors(path):
        look.scan()
    encoding, notes = look.encoding, []
    if marked == "utf-16":
        notes.append("read as UTF-16, as its first bytes say")
    if look.bad_byte is not None:
        encoding, note = _guess_encoding(look)
        notes.append(note)
    return Survey(
        path=path,
        zipped=zipped,
        encoding=encoding,
        size=look.size,
        newlines=look.newlines,
        notes=tuple(notes),
    )


def require_memory(path: str, needed: int, available: int | None) -> None:
    """Raise ResourceError unless ``available`` bytes (None: ask the machine) are enough."""
    free = available_memory() if available is None else available
    if needed > free:
        raise ResourceError(
            f"needs about {human_bytes(needed)} of memory, {human_bytes(free)} are available",
            where=path,
            remedy="Take a sample of the rows, leave out columns, or use a larger machine.",
        )


class _Look:
    """The counts of one pass over the bytes."""

    def __init__(self, path: Path, zipped: bool, encoding: str) -> None:
        self.path, self.zipped, self.encoding = path, zipped, encoding
        self.size = self.newlines = 0
        self.bad_byte: tuple[int, int, int] | None = None  # value, offset, line
        self.blank = True

    def scan(self) -> None:
        decoder = codecs.getincrementaldecoder(self.encoding)()
        for block in self.blocks():
            if self.encoding != "utf-16" and b"\0" in block:
                self._refuse_nul(block)
            if self.bad_byte is None:
                self._decode(decoder, block)
            self.size += len(block)
            self.newlines += block.count(b"\n")
        if self.bad_byte is None:
            self._decode(decoder, b"", final=True)
        if self.blank and self.bad_byte is None:
            raise DataError(
                "is empty",
                where=str(self.path),
                remedy="A table has a header line that names its columns, then one row a line.",
            )

    def blocks(self) -> Iterator[bytes]:
        with open_bytes(self.path, zipped=self.zipped) as file:
            while block := file.read(_BLOCK):
                yield block

    def _decode(self, decoder: codecs.IncrementalDecoder, block: bytes, final: bool = False) -> None:
        pending = decoder.getstate()[0]
        try:
            text = decoder.decode(block, final)
        except UnicodeDecodeError as error:
            self.blank = False
            whole = pending + block
            offset = self.size - len(pending) + error.start
            self.bad_byte = (
                whole[error.start],
                offset,
                self.newlines + whole.count(b"\n", 0, error.start) + 1,
            )
        else:
            self.blank = self.blank and not text.strip("\ufeff \t\r\n")

    def _refuse_nul(self, block: bytes) -> None:
        at = block.index(b"\0")
        raise DataError(
            f"holds a NUL byte (offset {self.size + at:,}): no text file, or UTF-16 without its mark",
            where=f"{self.path}, line {self.newlines + block.count(bytes([10]), 0, at) + 1}",
            remedy="Save it as UTF-8 (iconv -f UTF-16 -t UTF-8), or remove the bytes (tr -d '\\000').",
        )


def _guess_encoding(look: _Look) -> tuple[str, str]:
    """Return the encoding of a file that is not UTF-8, and what to say; raises DataError if it is unclear.

    In Western texts the bytes above 127 stand alone between ASCII letters; in others they stand in runs, and
    reading those as Windows-1252 would give rubbish. Only what can be told apart safely is read.
    """
    assert look.bad_byte is not None
    value, offset, line = look.bad_byte
    told = f"byte 0x{value:02x} at offset {offset:,} (line {line})"
    if look.encoding in {"utf-8-sig", "utf-16"}:
        raise DataError(
            f"is marked as {look.encoding.upper().removesuffix('-SIG')} but is damaged: {told}",
            where=f"{look.path}, line {line}",
            remedy="Write the file again from its source.",
        )
    single = total = 0
    for block in look.blocks():
        for run in _HIGH_RUN.finditer(block):
            length = run.end() - run.start()
            total += length
            single += length == 1
    if single >= 0.7 * total and _decodes(look, "cp1252", lambda text: True):
        return "cp1252", f"is not UTF-8 ({told}): read as Windows-1252"
    if single <= 0.05 * total and _decodes(look, "cp949", _is_korean):
        return "cp949", f"is not UTF-8 ({told}): read as Korean, CP949 (EUC-KR)"
    raise DataError(
        f"is not UTF-8, and its encoding cannot be told: {told}",
        where=f"{look.path}, line {line}",
        remedy="Save it as UTF-8: iconv -f ENCODING -t UTF-8 FILE > NEW.",
    )


def _decodes(look: _Look, encoding: str, plausible: Callable[[str], bool]) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        return all(plausible(decoder.decode(block)) for block in look.blocks()) and not decoder.decode(
            b"", True
        )
    except UnicodeDecodeError:
        return False


def _is_korean(text: str) -> bool:
    """Tell whether nine in ten characters above ASCII are among the 2,350 common syllables of KS X 1001.

    The other syllables of CP949 do not count: Shift-JIS and damaged UTF-8 decode to them.
    """
    common = {
        bytes([lead, trail]).decode("euc_kr") for lead in range(0xB0, 0xC9) for trail in range(0xA1, 0xFF)
    }
    foreign = [character for character in text if character > "\x7f"]
    return sum(character in common for character in foreign) >= 0.9 * len(foreign)


@contextmanager
def _gzip_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(
            f"is a damaged gzip file: {error}", where=str(path), remedy="Fetch or pack it again."
        ) from error
