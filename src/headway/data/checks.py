"""What is wrong with a labelled table: rows left out are counted, what cannot be learned from is refused."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from headway.core.errors import DataError
from headway.data.columns import Columns
from headway.data.examples import Examples, Task
from headway.data.glue import refuse_hidden
from headway.data.inputs import characters, kin_groups, same_input
from headway.data.recognition import recognise_task
from headway.data.table import Table, counted, listed, shorten
from headway.data.targets import Targets, known_targets, learned_targets
from headway.data.usable_rows import SHOWN, UsableRows, usable_rows

_LONG_TEXT = 100_000  # characters


@dataclass(frozen=True, kw_only=True, eq=False)
class Checked:
    """Examples that can be learned from, and an account of every row of the table that is not among them."""

    examples: Examples
    dropped: dict[str, int]  # reason -> rows
    dropped_lines: dict[str, tuple[int, ...]]  # reason -> the first few source lines
    duplicate_rows: int  # rows whose text stands earlier, under the same label
    conflicting_rows: int  # rows whose text stands elsewhere under another label
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class CheckedTest(Checked):
    """A test table, and the training rows whose texts do not stand in it."""

    training_kept: npt.NDArray[np.int64]
    training_removed: int


def check_examples(
    table: Table,
    columns: Columns,
    *,
    task: Task | None = None,
    drop_limit: float = 0.05,
    drop_rare: bool = False,
) -> Checked:
    """Check a training table; ``task`` is recognised from the labels where it is not told.

    Rows without text or label are left out and counted. DataError is raised when they are more than
    ``drop_limit`` (a share), when the labels of classes look like identifiers, when a label has fewer than
    two different texts (unless ``drop_rare`` leaves it out), when there is one label, when a label of numbers is none,
    or on fewer than 20 rows.
    Of tags the same holds of the types of their spans.
    """
    rows = usable_rows(table, columns, drop_limit)
    rows.require_enough()
    task = task or ("tags" if table.words_on_lines else recognise_task(rows.labels, rows.inputs))
    if task != "tags":
        for name in columns.texts:
            table.texts(name, slice(0))  # which lists are not
    return _account(rows, task, learned_targets(rows, task, drop_rare))


def check_test(
    table: Table, columns: Columns, training: Examples, *, drop_limit: float = 0.05
) -> CheckedTest:
    """Check a test table against the labels and the inputs of ``training``.

    Training rows whose input stands in the test table too (up to case and white space) are to be left out:
    ``training_kept`` holds the others. Raises DataError for a label that the training rows do not have, for one that is
    no number where they are, and where no training row of a label would be left.
    """
    rows = _test_rows(table, columns, drop_limit)
    targets = known_targets(rows, training.task, training.names)
    kept = _kept_training(rows, training)
    removed = len(training) - len(kept)
    if removed:
        told = "is" if removed == 1 else "are"
        rows.notes.append(
            f"{counted(removed, 'training row')} whose text stands in the test table {told} left out"
        )
    absent = sorted(set(training.names) - set(rows.labels))
    if absent and training.task == "classes":
        rows.notes.append(f"the test table has no row of {listed(tuple(absent), 5)}")
    return CheckedTest(
        **vars(_account(rows, training.task, targets)), training_kept=kept, training_removed=removed
    )


def check_scored(
    table: Table, columns: Columns, task: Task, names: tuple[str, ...], *, drop_limit: float = 0.05
) -> Checked:
    """Check a table that a finished run is scored on: its labels must be among ``names``, or numbers where it gives
    such. Raises DataError, UsageError.
    """
    rows = _test_rows(table, columns, drop_limit)
    refuse_hidden(rows.labels, table.source)
    return _account(rows, task, known_targets(rows, task, names))


def _test_rows(table: Table, columns: Columns, drop_limit: float) -> UsableRows:
    for name in columns.texts:
        table.require(name, "--text")
    table.require(columns.label, "--label")
    rows = usable_rows(table, columns, drop_limit)
    if not rows.inputs:
        raise DataError("no test row is left", where=table.source)
    return rows


def _account(rows: UsableRows, task: Task, targets: Targets) -> Checked:
    groups = targets.groups
    kin = kin_groups(rows.inputs)
    bound = int((np.bincount(kin)[kin] > np.bincount(groups, minlength=1)[groups]).sum())
    if bound:
        rows.notes.append(
            f"{bound:,} rows share their first text with another pair (never split between parts)"
        )
    examples = Examples(
        inputs=tuple(rows.inputs),
        targets=targets.values,
        names=targets.names,
        groups=kin,
        lines=rows.table.lines[rows.index],
        source=rows.table.source,
        unit=rows.table.unit,
        task=task,
    )
    answers = _numbered(targets.values)
    pairs, first = np.unique(np.stack([groups, answers], axis=1), axis=0, return_index=True)
    duplicates = len(answers) - len(first)
    contested = np.flatnonzero(np.bincount(pairs[:, 0]) > 1)
    conflicting = np.flatnonzero(np.isin(groups, contested))
    notes = [*rows.table.notes, *rows.notes, *_text_notes(rows, duplicates, conflicting)]
    dropped = {reason: found for reason, found in rows.dropped.items() if found}
    lines = rows.table.lines
    return Checked(
        examples=examples,
        dropped={reason: len(found) for reason, found in dropped.items()},
        dropped_lines={reason: tuple(lines[found[:SHOWN]].tolist()) for reason, found in dropped.items()},
        duplicate_rows=duplicates,
        conflicting_rows=len(conflicting),
        notes=tuple(notes),
    )


def _numbered(targets: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Return a number for each row's target, [B]; equal ones have the same."""
    if targets.dtype != np.object_:
        return np.unique(targets, axis=0, return_inverse=True)[1].reshape(-1)
    numbers: dict[bytes, int] = {}
    return np.fromiter(
        (numbers.setdefault(own.tobytes(), len(numbers)) for own in targets), np.int64, len(targets)
    )


def _text_notes(rows: UsableRows, duplicates: int, conflicting: npt.NDArray[np.int64]) -> Iterable[str]:
    if duplicates:
        told = "row repeats" if duplicates == 1 else "rows repeat"
        yield f"{duplicates:,} {told} an earlier text under the same label (kept, never split between parts)"
    if len(conflicting):
        found = rows.index[conflicting].tolist()
        where = rows.lines(found)
        yield f"{len(found):,} rows have a text that stands under more than one label ({where})"
    lengths = [characters(one) for one in rows.inputs]
    longest = max(range(len(lengths)), key=lengths.__getitem__)
    if lengths[longest] > _LONG_TEXT:
        line = rows.table.lines[rows.index[longest]]
        yield f"the longest text has {lengths[longest]:,} characters ({rows.table.unit} {line})"


def _kept_training(rows: UsableRows, training: Examples) -> npt.NDArray[np.int64]:
    tested = set(map(same_input, rows.inputs))
    kept = np.fromiter((same_input(one) not in tested for one in training.inputs), np.bool_, len(training))
    if training.task in {"numbers", "tags"}:
        gone = "" if kept.any() else "every training text"
    else:
        left = training.rows_of_names(kept)
        name = training.names[int(np.argmin(left))]
        gone = "" if left.all() else f"every training text of the label {shorten(name)!r}"
    if gone:
        raise DataError(
            f"{gone} stands in the test table too",
            where=rows.table.source,
            remedy="Give a test table of other texts, or leave --test out: rows are then held out for you.",
        )
    return np.flatnonzero(kept)
