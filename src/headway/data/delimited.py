"""CSV and TSV: what separates, whether quotes matter, and rows in blocks, each fault named by its line."""

import csv
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from headway.core.errors import DataError
from headway.data.survey import Survey
from headway.data.table import counted, shorten

# The longest cell. Also bounds what an unclosed quote can swallow. The csv module holds it as a global.
_CELL_LIMIT = 1 << 24
_BLOCK_CHARACTERS = 1 << 25
_LONG_ROW = 200
_QUOTED_CELL = re.compile(r'"(?:[^"]|"")*"')
COLA = ("source", "label", "mark", "sentence")  # the columns of its files without a header, as GLUE has them
_SEPARATORS = {",": "a comma", ";": "a semicolon", "\t": "a tab"}


@dataclass(kw_only=True)
class Block:
    """Some rows, column by column, with what was left out between them."""

    columns: dict[str, list[str | None]]
    lines: list[int]
    blank: int = 0
    missing: dict[str, int] = field(default_factory=dict)  # JSON lines: key -> rows without it
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """How a delimited file is written."""

    delimiter: str
    quoted: bool
    notes: tuple[str, ...] = ()


def dialect_of(survey: Survey, suffix: str) -> Dialect | None:
    """Find a file's dialect by its suffix and first rows; None when nothing separates it consistently."""
    if suffix in {".tsv", ".tab"}:
        return _tab_dialect(survey)
    candidates = ",;\t" if suffix == ".csv" else "\t,;"
    found = [delimiter for delimiter in candidates if _consistent(survey, delimiter)]
    if not found and suffix != ".csv":
        return None
    # A ragged CSV is still read, as what its header suggests, so that the error can name the line.
    header = survey.line(1)
    delimiter = found[0] if found else next((one for one in candidates if one in header), ",")
    if delimiter == "\t":
        tabs = _tab_dialect(survey)
        return Dialect(delimiter="\t", quoted=tabs.quoted, notes=("cells are separated by tabs", *tabs.notes))
    said = (
        (f"cells are separated by {_SEPARATORS[delimiter]}",) if delimiter == ";" or suffix != ".csv" else ()
    )
    return Dialect(delimiter=delimiter, quoted=True, notes=said)


def blocks(survey: Survey, dialect: Dialect, size: int) -> Iterator[Block]:
    """Yield a delimited file's rows in blocks of at most ``size`` rows.

    Raises DataError on a bad header, a row with too few or too many cells, or a quote that does not close.
    """
    csv.field_size_limit(max(csv.field_size_limit(), _CELL_LIMIT))
    records = _records(survey, dialect)
    first = next(((line, cells) for line, cells in records if cells), None)
    if first is None:
        raise DataError("is empty", where=str(survey.path))
    header_line, header = first
    if is_cola_row(header):
        records = itertools.chain([first], records)
        names, notes = list(COLA), [f"has no header: read as CoLA's columns, {', '.join(COLA)}"]
    else:
        names, notes = _header(survey, header_line, header)
    notes = [*dialect.notes, *notes]
    started = False
    for block in _gather(records, survey, dialect, names, size):
        if not started:
            block.notes[:0] = notes
        started = True
        yield block
    if not started:
        raise DataError(
            f"holds a header ({', '.join(names)[:80]}) and no rows",
            where=f"{survey.path}, line {header_line}",
            remedy="Add rows; if the first line is a row, put a line with column names before it.",
        )


def is_cola_row(cells: list[str]) -> bool:
    """Say whether a first line is a row of CoLA: a source, 0 or 1, the linguist's mark or nothing, and a sentence."""
    return (
        len(cells) == len(COLA) and cells[1] in {"0", "1"} and not cells[2].strip("*?#%") and " " in cells[3]
    )


def _gather(
    records: Iterator[tuple[int, list[str]]], survey: Survey, dialect: Dialect, names: list[str], size: int
) -> Iterator[Block]:
    """Check the width of each row and gather rows into blocks, bounded in rows and in characters."""
    rows: list[list[str]] = []
    lines: list[int] = []
    blank = characters = 0
    notes: list[str] = []
    width = len(names)

    def block() -> Block:
        columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in names]
        return Block(
            columns=dict(zip(names, columns, strict=True)), lines=list(lines), blank=blank, notes=list(notes)
        )

    previous = 0
    for line, cells in records:
        if not cells or (len(cells) == 1 < width and not cells[0].strip()):
            blank += 1
            continue
        if len(cells) != width:
            raise _ragged(survey, dialect, line, cells, names)
        if len(rows) >= size or characters >= _BLOCK_CHARACTERS:
            yield block()
            rows.clear()
            lines.clear()
            notes.clear()
            blank = characters = 0
        if previous and line - previous > _LONG_ROW + blank:
            notes.append(f"the row on line {previous} spans {line - previous:,} lines: check its quotes")
        previous = line
        rows.append(cells)
        lines.append(line)
        characters += sum(map(len, cells))
    if rows:
        yield block()


def _records(survey: Survey, dialect: Dialect) -> Iterator[tuple[int, list[str]]]:
    """Yield the line on which each record begins, and its cells (none for a blank line)."""
    with survey.open() as file:
        if dialect.quoted:
            reader = csv.reader(file, delimiter=dialect.delimiter, strict=True)
        else:
            reader = csv.reader(file, delimiter=dialect.delimiter, quoting=csv.QUOTE_NONE)
        line = 1
        try:
            for cells in reader:
                yield line, cells
                line = reader.line_num + 1
        except csv.Error as error:
            raise _bad_quote(survey, line, reader.line_num, str(error)) from error


def _bad_quote(survey: Survey, begins: int, ends: int, problem: str) -> DataError:
    start = shorten(survey.line(begins))
    remedy = 'Close the quote; inside a quoted cell a quote is written twice (""), not with a backslash.'
    if "expected after" in problem:
        spot = "" if ends == begins else f" on line {ends}"
        told = (
            f"a quoted cell ends{spot} with a quote that has text after it, in the row that begins {start!r}"
        )
    elif "unexpected end" in problem:
        told = f"a quote opens in the row that begins {start!r} and never closes"
    elif "field larger" in problem:
        told = f"a cell has more than {_CELL_LIMIT:,} characters (an open quote?), in the row {start!r}"
    else:
        told = f"{problem}, in the row that begins {start!r}"
    return DataError(told, where=f"{survey.path}, line {begins}", remedy=remedy)


def _ragged(survey: Survey, dialect: Dialect, line: int, cells: list[str], names: list[str]) -> DataError:
    name = _SEPARATORS[dialect.delimiter].removeprefix("a ")
    if len(cells) < len(names):
        remedy = "Add what is missing, or remove the row."
    elif dialect.quoted and any(cell.startswith(' "') for cell in cells):
        remedy = f"Remove the space between the {name} and the quote."
    elif dialect.quoted:
        remedy = f"Put double quotes around a text that holds a {name}."
    else:
        remedy = f"Remove the {name} from the text, or write it as a space."
    found = counted(len(cells), "cell")
    return DataError(
        f"has {found}, the header has {len(names)}: {shorten(dialect.delimiter.join(cells))!r}",
        where=f"{survey.path}, line {line}",
        remedy=remedy,
    )


def _header(survey: Survey, line: int, cells: list[str]) -> tuple[list[str], list[str]]:
    """Return the column names and what to say about them; raises DataError when they cannot serve."""
    where = f"{survey.path}, line {line}"
    names = [cell.strip() for cell in cells]
    notes = []
    empty = [position for position, name in enumerate(names, 1) if not name]
    if len(empty) == 1:
        # pandas writes its index under an empty name; a trailing separator gives one too.
        names[empty[0] - 1] = f"column {empty[0]}"
        notes.append(f"column {empty[0]} has no name in the header: called {names[empty[0] - 1]!r}")
    elif empty:
        raise DataError(
            f"columns {', '.join(map(str, empty[:10]))} have no name in the header",
            where=where,
            remedy="The first line must name every column.",
        )
    for position, name in enumerate(names, 1):
        if names.index(name) + 1 != position:
            raise DataError(
                f"the column name {shorten(name)!r} stands twice,"
                f" in columns {names.index(name) + 1} and {position}",
                where=where,
                remedy="The first line must give every column a name of its own.",
            )
    return names, notes


def _consistent(survey: Survey, delimiter: str) -> bool:
    """Tell whether the first rows all have the same number of cells, at least two."""
    dialect = Dialect(delimiter=delimiter, quoted=delimiter != "\t")
    try:
        rows = [cells for _, cells in itertools.islice(_records(survey, dialect), 50) if cells]
    except DataError:
        return False
    return len(rows[0]) > 1 and len({len(row) for row in rows}) == 1 if rows else False


def _tab_dialect(survey: Survey) -> Dialect:
    """Decide whether quotes in a TSV are part of the text, or enclose cells as Excel writes them.

    A program that quotes encloses every cell that holds a quote. So one cell with a stray quote shows that
    the file is written without quoting, provided that every line then has the header's number of cells.
    """
    enclosed = 0
    width = None
    with survey.open() as file:
        for line in file:
            cells = line.rstrip("\r\n")
            if not cells:
                continue
            if width is None:
                width = cells.count("\t")
            elif cells.count("\t") != width:
                return _uneven(survey)
            if '"' in cells and enclosed >= 0:
                enclosed = _count_enclosed(cells.split("\t"), enclosed)
    if enclosed > 0:
        return Dialect(delimiter="\t", quoted=True, notes=("cells in double quotes are read without them",))
    said = ("double quotes are read as part of the text",) if enclosed < 0 else ()
    return Dialect(delimiter="\t", quoted=False, notes=said)


def _uneven(survey: Survey) -> Dialect:
    """Some line has another width: quoted if the file reads well so, else unquoted, to name that line."""
    quoted = Dialect(delimiter="\t", quoted=True, notes=("cells in double quotes are read without them",))
    try:
        widths = {len(cells) for _, cells in _records(survey, quoted) if cells}
    except DataError:
        widths = set()
    return quoted if len(widths) == 1 else Dialect(delimiter="\t", quoted=False)


def _count_enclosed(cells: list[str], enclosed: int) -> int:
    """Add the cells that are enclosed in quotes; -1 once a cell holds a quote and is not."""
    for cell in cells:
        if '"' in cell:
            if not _QUOTED_CELL.fullmatch(cell):
                return -1
            enclosed += 1
    return enclosed
