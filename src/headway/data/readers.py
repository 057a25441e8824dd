"""Reading tables: CSV, TSV, JSON lines, CoNLL, Parquet and data frames, whole or in chunks of bounded memory.

Every fault names the file and the line. What is passed over (blank lines) is counted and said.
"""

import difflib
import itertools
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from headway.core.errors import DataError, UsageError
from headway.data.conll import conll_blocks, is_conll
from headway.data.delimited import Block, blocks, dialect_of
from headway.data.survey import Survey, require_memory, survey
from headway.data.table import Table, counted, listed, shorten

if TYPE_CHECKING:
    import polars

_BLOCK_ROWS = 50_000
_JSON_LINES = {".jsonl", ".ndjson"}
_PARQUET = {".parquet", ".pq"}
_DELIMITED = {".csv", ".tsv", ".tab"}
_READS = "Headway reads CSV, TSV, JSON lines (.jsonl), CoNLL and Parquet, all but the last also as .gz."
# Unpacked size over file size; texts in Parquet files are compressed 2 to 4 times.
_PARQUET_UNPACKED = 5


def read_table(source: Any, *, available: int | None = None, tagged: bool = False) -> Table:
    """Read a whole table from a path, or take a polars or pandas data frame.

    ``available`` is the memory that reading may take, in bytes (None: what the machine has left). ``tagged``: what no
    name tells to be something else is a CoNLL file. Raises DataError for a file that is missing or damaged, naming the
    line, and ResourceError when it does not fit into memory.
    """
    if not isinstance(source, str | Path):
        return _from_frame(source)
    path = existing(Path(source))
    if _is_parquet(path):
        require_memory(str(path), path.stat().st_size * _PARQUET_UNPACKED, available)
        return _read_parquet(path)
    looked = survey(path)
    require_memory(str(path), looked.memory, available)
    if _is_conll(looked, tagged=tagged):
        return replace(_stack(conll_blocks(looked, _BLOCK_ROWS), looked), words_on_lines=True)
    return _stack(_text_blocks(looked, _BLOCK_ROWS, lines=False), looked)


def read_chunks(source: str | Path, size: int = 1000) -> Iterator[Table]:
    """Yield a table in chunks of at most ``size`` rows; ``-`` reads one text a line from stdin.

    A plain text file (.txt) without columns is read as one text a line, in a column named ``text``. The first
    chunk's notes hold what is to be said about the file; each chunk's, what was passed over in it.
    """
    if size < 1:
        raise UsageError(f"must be at least 1, not {size}", where="size")
    if str(source) == "-":
        yield from _from_blocks(_plain_blocks(_stdin_lines(), size), "stdin", ())
        return
    path = existing(Path(source))
    if _is_parquet(path):
        yield from _parquet_chunks(path, size)
        return
    looked = survey(path)
    if _is_conll(looked):
        for table in _from_blocks(conll_blocks(looked, size), str(path), looked.notes):
            yield replace(table, words_on_lines=True)
        return
    yield from _from_blocks(_text_blocks(looked, size, lines=True), str(path), looked.notes)


def _text_blocks(looked: Survey, size: int, *, lines: bool) -> Iterator[Block]:
    """Yield the rows of a text file by what its suffix or its first line says it is."""
    suffix = _suffix(looked.path)
    start = _first_line(looked)
    if suffix == ".json" and start.startswith("["):
        raise DataError(
            "is one JSON list; Headway reads JSON lines: one object a line",
            where=str(looked.path),
            remedy="Convert it: jq -c '.[]' FILE > FILE.jsonl",
        )
    if suffix in _JSON_LINES or suffix == ".json" or (suffix not in _DELIMITED and start.startswith("{")):
        return _json_blocks(looked, size)
    dialect = dialect_of(looked, suffix)
    if dialect is not None:
        return blocks(looked, dialect, size)
    if lines and suffix == ".txt":
        return _plain_blocks(_numbered(looked), size)
    raise DataError(
        f"is no table that can be told: its first line is {shorten(start)!r}",
        where=str(looked.path),
        remedy=f"{_READS} Name it by what it is.",
    )


def _is_conll(looked: Survey, *, tagged: bool = False) -> bool:
    suffix = _suffix(looked.path)
    if suffix in {".csv", ".json", *_JSON_LINES}:
        return False
    return (tagged and suffix not in _DELIMITED) or is_conll(looked, suffix)


# JSON lines


def _json_blocks(looked: Survey, size: int) -> Iterator[Block]:
    objects = _objects(looked)
    names: dict[str, None] = {}
    first = True
    while rows := list(itertools.islice(objects, size)):
        for _, row in rows:
            names.update(dict.fromkeys(row or ()))
        kept = [(line, row) for line, row in rows if row is not None]
        columns = {name: [_json_text(row.get(name)) for _, row in kept] for name in names}
        missing = {name: sum(name not in row for _, row in kept) for name in names}
        block = Block(
            columns=columns,
            lines=[line for line, _ in kept],
            blank=len(rows) - len(kept),
            missing={name: count for name, count in missing.items() if count},
        )
        if kept or not first:
            yield block
            first = False
    if first:
        raise DataError("holds no rows", where=str(looked.path))


def _objects(looked: Survey) -> Iterator[tuple[int, dict[str, Any] | None]]:
    """Yield line number and object; None for a blank line."""
    for number, line in _numbered(looked):
        if not line.strip():
            yield number, None
            continue
        where = f"{looked.path}, line {number}"
        remedy = 'Each line must be one whole object, like {"text": "...", "label": "..."}.'
        try:
            row = json.loads(line, object_pairs_hook=_object)
            if "\\u" in line:
                json.dumps(row, ensure_ascii=False).encode()
        except json.JSONDecodeError as error:
            problem = f"is not JSON: {error.msg} at column {error.colno}: {shorten(line)!r}"
            raise DataError(problem, where=where, remedy=remedy) from error
        except UnicodeEncodeError as error:
            problem = f"holds half a character (a lone surrogate, \\ud800 to \\udfff): {shorten(line)!a}"
            raise DataError(problem, where=where, remedy="Remove it, or write the text as UTF-8.") from error
        except (ValueError, RecursionError) as error:
            raise DataError(f"{error}: {shorten(line)!r}", where=where, remedy=remedy) from error
        if not isinstance(row, dict):
            raise DataError(f"is no JSON object: {shorten(line)!r}", where=where, remedy=remedy)
        yield number, row


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} stands twice in one object")
    return row


def _json_text(value: Any) -> str | None:
    """Return a JSON value as text: true, 3, 2.5; a list or object as JSON; None for null and NaN."""
    if isinstance(value, str):
        return value
    if value is None or value != value:
        return None
    return json.dumps(value, ensure_ascii=False)


# Plain lines


def _plain_blocks(numbered: Iterable[tuple[int, str]], size: int) -> Iterator[Block]:
    """Yield one text a line, in a column named ``text``."""
    rows = iter(numbered)
    while part := list(itertools.islice(rows, size)):
        kept = [(number, text) for number, line in part if (text := line.rstrip("\r\n")).strip()]
        texts: list[str | None] = [text for _, text in kept]
        yield Block(
            columns={"text": texts}, lines=[number for number, _ in kept], blank=len(part) - len(kept)
        )


def _numbered(looked: Survey) -> Iterator[tuple[int, str]]:
    # Lines end at \n only: JSON and plain texts may hold other separators.
    with looked.open(newline="\n") as file:
        yield from enumerate(file, 1)


def _stdin_lines() -> Iterator[tuple[int, str]]:
    for number, line in enumerate(sys.stdin.buffer, 1):
        try:
            yield number, line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise DataError(
                f"is not UTF-8: {error.reason} at byte {error.start}",
                where=f"stdin, line {number}",
                remedy="Convert it first: iconv -f ENCODING -t UTF-8",
            ) from error


# Parquet


def _is_parquet(path: Path) -> bool:
    if path.suffix.lower() in _PARQUET:
        return True
    with path.open("rb") as file:
        return file.read(4) == b"PAR1"


def _read_parquet(path: Path) -> Table:
    import polars

    try:
        frame = polars.read_parquet(path, glob=False)
    except (polars.exceptions.PolarsError, OSError) as error:
        raise _bad_parquet(path, error) from error
    return _frame_table(frame, str(path))


def _parquet_chunks(path: Path, size: int) -> Iterator[Table]:
    import polars

    try:
        scan = polars.scan_parquet(path, glob=False)
        total = int(scan.select(polars.len()).collect().item())
        for start in range(0, total, size):
            table = _frame_table(scan.slice(start, size).collect(), str(path), first=start + 1)
            yield table
    except (polars.exceptions.PolarsError, OSError) as error:
        raise _bad_parquet(path, error) from error
    if not total:
        raise _no_rows(str(path))


def _bad_parquet(path: Path, error: Exception) -> DataError:
    return DataError(
        f"is no readable Parquet file: {shorten(str(error))}",
        where=str(path),
        remedy="Write it again; if it is another format, name it by what it is.",
    )


# Data frames


def _from_frame(source: Any) -> Table:
    """Take a polars or pandas data frame, known by its module, so that neither need be installed."""
    kind = type(source)
    module, name = kind.__module__.split(".")[0], kind.__name__
    if (module, name) == ("polars", "LazyFrame"):
        source, name = source.collect(), "DataFrame"
    if (module, name) == ("polars", "DataFrame"):
        return _frame_table(source, "the data frame")
    if (module, name) == ("pandas", "DataFrame"):
        return _from_pandas(source)
    raise UsageError(
        f"a table cannot be read from a {module}.{name}",
        where="source",
        remedy="Pass the path of a file, or a polars or pandas DataFrame.",
    )


def _frame_table(frame: "polars.DataFrame", source: str, first: int = 1) -> Table:
    if not frame.height:
        raise _no_rows(source)
    lines = np.arange(first, first + frame.height, dtype=np.int64)
    return Table({name: frame[name] for name in frame.columns}, lines, source, unit="row")


def _from_pandas(frame: Any) -> Table:
    source = "the data frame"
    names = [str(name) for name in frame.columns]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(
            f"has more than one column named {listed(tuple(twice))}", where=source, remedy="Rename them."
        )
    if not len(frame):
        raise _no_rows(source)
    columns = {
        name: [_pandas_text(value) for value in frame.iloc[:, position].tolist()]
        for position, name in enumerate(names)
    }
    lines = np.arange(1, len(frame) + 1, dtype=np.int64)
    return Table(columns, lines, source, unit="row")


def _pandas_text(value: Any) -> str | None:
    """Return a pandas value as text; None for None, NaN, NaT and NA."""
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple):
        return json.dumps([str(part) for part in value], ensure_ascii=False)
    if value is None or type(value).__name__ in {"NAType", "NaTType"} or value != value:
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)


# Putting blocks together


def _from_blocks(parts: Iterator[Block], source: str, notes: tuple[str, ...]) -> Iterator[Table]:
    held: Table | None = None  # one behind, so that blank lines at the end still reach a chunk's notes
    waiting = list(notes)
    for block in parts:
        waiting += [*block.notes, *_passed_over(block.blank, block.missing)]
        if block.lines:
            if held is not None:
                yield held
            held = Table(block.columns, np.asarray(block.lines, dtype=np.int64), source, tuple(waiting))
            waiting = []
    if held is None:
        raise _no_rows(source)
    yield replace(held, notes=(*held.notes, *waiting))


def _stack(parts: Iterator[Block], looked: Survey) -> Table:
    """Gather blocks into polars columns: compact text buffers instead of one Python object per cell."""
    import polars

    frames: list[polars.DataFrame] = []
    lines: list[np.ndarray[Any, np.dtype[np.int64]]] = []
    notes = list(looked.notes)
    blank, rows, missing = 0, 0, dict[str, int]()
    for block in parts:
        for name in block.columns:
            if name not in missing:
                missing[name] = rows  # a key that JSON lines show late is missing in every row before
            missing[name] += block.missing.get(name, 0)
        schema = dict.fromkeys(block.columns, polars.String)
        frames.append(polars.DataFrame(block.columns, schema=schema))
        lines.append(np.asarray(block.lines, dtype=np.int64))
        rows += len(block.lines)
        blank += block.blank
        notes += block.notes
    frame = polars.concat(frames, how="diagonal", rechunk=False)
    notes += _passed_over(blank, {name: count for name, count in missing.items() if count})
    columns = {name: frame[name] for name in frame.columns}
    return Table(columns, np.concatenate(lines), str(looked.path), tuple(notes))


def _passed_over(blank: int, missing: dict[str, int]) -> list[str]:
    notes = [f"{counted(blank, 'blank line')} passed over"] if blank else []
    return notes + [f"the key {name!r} is missing in {counted(n, 'row')}" for name, n in missing.items()]


# Paths


def existing(path: Path) -> Path:
    """Return the path if it is a file that may be read; raises DataError that says what is there instead."""
    if path.is_dir():
        tables = sorted(p.name for p in path.iterdir() if _suffix(p) in _JSON_LINES | _PARQUET | _DELIMITED)
        holds = f"It holds {listed(tuple(tables), 5)}." if tables else _READS
        raise DataError("is a folder; a table was expected", where=str(path), remedy=holds)
    if not path.exists():
        _refuse_missing(path)
    if not path.is_file():
        raise DataError(
            "is no regular file (a pipe or device)",
            where=str(path),
            remedy="Save it to a file first: a table is looked at before it is read.",
        )
    try:
        path.open("rb").close()
    except OSError as error:
        raise DataError(
            f"cannot be read: {error.strerror}", where=str(path), remedy="Check its permissions."
        ) from error
    return path


def _refuse_missing(path: Path) -> NoReturn:
    if not path.parent.is_dir():
        raise DataError(
            f"there is no such file: the folder {path.parent} is missing",
            where=str(path),
            remedy=f"Check the path (read from {Path.cwd()}).",
        )
    there = sorted(entry.name for entry in path.parent.iterdir() if entry.is_file())
    close = difflib.get_close_matches(path.name, there, n=3, cutoff=0.5)
    remedy = f"Did you mean {' or '.join(close)}?" if close else f"The folder is {path.parent.resolve()}."
    raise DataError("there is no such file", where=str(path), remedy=remedy)


def _no_rows(source: str) -> DataError:
    return DataError("holds no rows", where=source, remedy="A table needs at least one row.")


def _suffix(path: Path) -> str:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes[-1:] == [".gz"]:
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def _first_line(looked: Survey) -> str:
    with looked.open() as file:
        return next((line.strip() for line in file if line.strip()), "")
