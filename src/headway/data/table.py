"""A table as it was read: its columns, the source line of each row, and what was said aloud while reading."""

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from headway.core.errors import DataError, UsageError

if TYPE_CHECKING:
    import polars

_NOT_TEXT = ("List", "Array", "Struct", "Object", "Binary")


@dataclass(frozen=True, eq=False)
class Table:
    """Columns by name, in the file's order.

    A column is a plain list while a file streams (which needs no polars), a polars series once it is kept.
    ``lines`` holds the 1-based source line of each row, or the row's number for Parquet and data frames
    (``unit`` says which). ``notes`` are sentences that the user must hear.
    """

    columns: "Mapping[str, list[str | None] | polars.Series]"
    lines: npt.NDArray[np.int64]
    source: str
    notes: tuple[str, ...] = ()
    unit: str = "line"
    words_on_lines: bool = False  # a row's words stand on lines of their own, from its line on

    def __len__(self) -> int:
        return len(self.lines)

    @property
    def names(self) -> tuple[str, ...]:
        """The column names, in order."""
        return tuple(self.columns)

    @cached_property
    def frame(self) -> "polars.DataFrame":
        """All columns as a polars data frame."""
        import polars

        return polars.DataFrame(
            {
                name: polars.Series(name, column, dtype=polars.String) if isinstance(column, list) else column
                for name, column in self.columns.items()
            }
        )

    def texts(self, name: str, rows: slice = slice(None)) -> list[str | None]:
        """Return a column's values as texts, None where a value is missing.

        Raises DataError when the column holds lists, structs or bytes.
        """
        column = self.columns[name]
        if isinstance(column, list):
            return column[rows]
        if str(column.dtype).startswith(_NOT_TEXT):
            raise DataError(
                f"column {name!r} holds {column.dtype}, not texts",
                where=self.source,
                remedy="Choose another column, or write this one as text.",
            )
        return _as_texts(column[rows])

    def holds_lists(self, name: str) -> bool:
        """Return whether a column's values are lists."""
        column = self.columns[name]
        return not isinstance(column, list) and str(column.dtype).startswith("List")

    def labels(self, name: str) -> list[str | None]:
        """Return a column's values as texts, lists of texts or of whole numbers among them as JSON."""
        column = self.columns[name]
        if isinstance(column, list) or not self.holds_lists(name):
            return self.texts(name)
        return [None if row is None else json.dumps(row, ensure_ascii=False) for row in column.to_list()]

    def where(self, row: int, word: int = 0) -> str:
        """Name a row for a message, or a word of it where these have lines: ``reviews.csv, line 7``."""
        line = int(self.lines[row]) + (word if self.words_on_lines else 0)
        return f"{self.source}, {self.unit} {line}"

    def require(self, name: str, option: str) -> str:
        """Return ``name`` if it is a column; raises UsageError that names close ones otherwise."""
        if name in self.columns:
            return name
        raise UsageError(
            f"there is no column {name!r}{did_you_mean(name, self.names)}",
            where=f"{option}, {self.source}",
            remedy=f"Its columns{' (by its first line)' * (self.unit == 'line')} are: {listed(self.names)}.",
        )


def did_you_mean(name: str, known: tuple[str, ...]) -> str:
    """Return ``; did you mean 'label'?`` for the closest known name, or nothing."""
    lower = {other.lower(): other for other in reversed(known)}
    close = difflib.get_close_matches(name.lower(), lower, n=1)
    return f"; did you mean {lower[close[0]]!r}?" if close else ""


def listed(names: tuple[str, ...], limit: int = 20) -> str:
    """Return the names, quoted and joined, at most ``limit`` of them."""
    shown = ", ".join(repr(shorten(name)) for name in names[:limit])
    return f"{shown} and {len(names) - limit} more" if len(names) > limit else shown


def counted(count: int, noun: str) -> str:
    """Return ``1 row`` or ``1,234 rows``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def shorten(text: str, limit: int = 60) -> str:
    """Return the start of a text on one line, for a message."""
    line = " ".join(text[: 4 * limit].split())
    return line if len(line) <= limit and len(text) <= 4 * limit else line[: limit - 1] + "…"


def _as_texts(column: "polars.Series") -> list[str | None]:
    import polars

    if column.dtype.is_float():
        column = column.fill_nan(None)
    texts: list[str | None] = column.cast(polars.String).to_list()
    return texts
