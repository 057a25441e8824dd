"""The rows of a labelled table that have a text and a label; the others are counted, and refused when they are many."""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from headway.core.errors import DataError, UsageError
from headway.data.columns import Columns
from headway.data.inputs import TextPair, parts
from headway.data.table import Table, counted, shorten

EMPTY_TEXT = "empty text"
MISSING_LABEL = "missing label"
LEAST_ROWS = 20
SHOWN = 5  # lines of dropped rows that are named
_WHOLE = re.compile(r"-?\d+\.0+")
_INVISIBLE = " \t\r\n\v\f\u00a0\u200b\u200c\u200d\u2060\ufeff"


@dataclass(eq=False)
class UsableRows:
    """The rows still in, while a table is checked."""

    table: Table
    columns: Columns
    inputs: list[Any]
    labels: list[str]
    index: npt.NDArray[np.int64]  # row in the table
    dropped: dict[str, list[int]]  # reason -> rows of the table
    notes: list[str]

    def keep(self, mask: npt.NDArray[np.bool_], reason: str) -> None:
        """Leave out the rows that the mask, [B], does not have, for that reason."""
        self.dropped[reason] = self.index[~mask].tolist()
        self.inputs = [one for one, kept in zip(self.inputs, mask.tolist(), strict=True) if kept]
        self.labels = [label for label, kept in zip(self.labels, mask.tolist(), strict=True) if kept]
        self.index = self.index[mask]

    def where(self, position: int, word: int = 0) -> str:
        """Name a row, or a word of it, for a message."""
        return self.table.where(int(self.index[position]), word)

    @property
    def places(self) -> list[str]:
        """Name each row, for a message."""
        return [self.where(place) for place in range(len(self.labels))]

    @property
    def column(self) -> str:
        """Name the column of labels, for a message."""
        return f"{self.table.source}, column {self.columns.label!r}"

    def lines(self, found: list[int]) -> str:
        """Name the first few of these rows of the table: ``lines 3, 8``."""
        table = self.table
        shown = ", ".join(str(line) for line in table.lines[found[:SHOWN]].tolist())
        unit = table.unit if len(found) == 1 else f"{table.unit}s"
        return f"{unit} {shown}, …" if len(found) > SHOWN else f"{unit} {shown}"

    def require_enough(self) -> None:
        """Raise DataError on fewer than 20 rows."""
        if len(self.inputs) < LEAST_ROWS:
            raise DataError(
                f"{counted(len(self.inputs), 'usable row')}; at least {LEAST_ROWS} are needed",
                where=self.table.source,
                remedy="Tag more sentences, some hundreds; a blank line ends each."
                if self.table.words_on_lines
                else "Label more texts; some hundreds are better.",
            )

    def require_two(self, different: int) -> None:
        """Raise DataError where there are not two different labels."""
        if different < 2:
            raise DataError(
                f"all {len(self.labels):,} rows have the label {shorten(self.labels[0])!r}; two are needed",
                where=self.column,
                remedy="Add rows of another label, or choose another column with --label.",
            )


def usable_rows(table: Table, columns: Columns, drop_limit: float) -> UsableRows:
    """Take the rows that have a text and a label; raises DataError when more than this share have not."""
    if not 0 <= drop_limit <= 1:
        raise UsageError(f"must be a share from 0 to 1, not {drop_limit}", where="--drop-limit")
    texts = (
        table.labels if table.holds_lists(columns.label) else table.texts
    )  # words beside their tags are lists too
    given = [[text or "" for text in texts(name)] for name in columns.texts]
    inputs: list[Any] = given[0] if len(given) == 1 else list(map(TextPair, *given))
    raw = [label or "" for label in table.labels(columns.label)]
    labels = [label.strip() for label in raw]
    rows = UsableRows(table, columns, inputs, labels, np.arange(len(table), dtype=np.int64), {}, [])
    whole = (all(text.strip(_INVISIBLE) for text in parts(one)) for one in inputs)
    rows.keep(np.fromiter(whole, np.bool_, len(inputs)), EMPTY_TEXT)
    rows.keep(np.fromiter(map(bool, rows.labels), np.bool_, len(rows.labels)), MISSING_LABEL)
    spaced = sum(label != bare for label, bare in zip(raw, labels, strict=True) if bare)
    if spaced:
        rows.notes.append(f"spaces around the label are ignored in {counted(spaced, 'row')}")
    _refuse_dropped(rows, drop_limit)
    if rows.labels and all(map(_WHOLE.fullmatch, set(rows.labels))):
        # pandas turns a column of integers with a gap into floats.
        rows.labels = [label.split(".")[0] for label in rows.labels]
        rows.notes.append(f"labels such as {shorten(labels[rows.index[0]])!r} are read as {rows.labels[0]!r}")
    for reason, found in rows.dropped.items():
        if found:
            told = f"{counted(len(found), 'row')} with {_article(reason)} left out"
            rows.notes.append(f"{told} ({rows.lines(found)})")
    return rows


def _refuse_dropped(rows: UsableRows, drop_limit: float) -> None:
    table = rows.table
    lost = sum(map(len, rows.dropped.values()))
    if lost <= drop_limit * len(table):
        return
    told = "; ".join(
        f"{len(found):,} with {_article(reason)} ({rows.lines(found)})"
        for reason, found in rows.dropped.items()
        if found
    )
    raise DataError(
        f"{lost:,} of {len(table):,} rows ({lost / len(table):.1%}) cannot be used: {told}",
        where=f"{table.source}, columns {' and '.join(map(repr, (*rows.columns.texts, rows.columns.label)))}",
        remedy=f"Fill or remove them, or allow more to be left out with --drop-limit (now {100 * drop_limit:g} %).",
    )


def _article(reason: str) -> str:
    return {EMPTY_TEXT: "an empty text", MISSING_LABEL: "a missing label"}[reason]
