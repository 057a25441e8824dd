"""What is wrong with a labelled table: rows left out are counted, what cannot be learned from is refused."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from headway.core.errors import DataError, UsageError
from headway.data.columns import Columns
from headway.data.examples import Examples, Task
from headway.data.glue import refuse_hidden
from headway.data.inputs import (
    TextPair,
    characters,
    duplicate_groups,
    kin_groups,
    parts,
    same_input,
    same_text,
)
from headway.data.label_sets import as_table, common_names, read_sets
from headway.data.recognition import as_number, read_numbers, recognise_task
from headway.data.table import Table, counted, did_you_mean, listed, shorten
from headway.data.tags import as_numbers, kinds_of, read_tagged, tag_names, without

EMPTY_TEXT = "empty text"
MISSING_LABEL = "missing label"
RARE_LABEL = "label seen only once"
LEAST_ROWS = 20
_LONG_TEXT = 100_000
_SHOWN = 5
_WHOLE = re.compile(r"-?\d+\.0+")
_INVISIBLE = " \t\r\n\v\f\u00a0\u200b\u200c\u200d\u2060\ufeff"
_NULL_WORDS = {"nan", "na", "n/a", "none", "null", "<na>", "unknown", "#n/a"}


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


@dataclass(eq=False)
class _Rows:
    """The rows still in, while checking."""

    table: Table
    columns: Columns
    inputs: list[Any]
    labels: list[str]
    index: npt.NDArray[np.int64]  # row in the table
    dropped: dict[str, list[int]]  # reason -> rows of the table
    notes: list[str]

    def keep(self, mask: npt.NDArray[np.bool_], reason: str) -> None:
        self.dropped[reason] = self.index[~mask].tolist()
        self.inputs = [one for one, kept in zip(self.inputs, mask.tolist(), strict=True) if kept]
        self.labels = [label for label, kept in zip(self.labels, mask.tolist(), strict=True) if kept]
        self.index = self.index[mask]

    def where(self, position: int, word: int = 0) -> str:
        return self.table.where(int(self.index[position]), word)

    @property
    def places(self) -> list[str]:
        """Name each row, for a message."""
        return [self.where(place) for place in range(len(self.labels))]

    def first(self, label: str) -> str:
        return self.where(self.labels.index(label))


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
    rows = _usable(table, columns, drop_limit)
    _require_rows(rows)
    task = task or ("tags" if table.words_on_lines else recognise_task(rows.labels, rows.inputs))
    if task == "tags":
        return _account(rows, task, *_tags(rows, drop_rare))
    for name in columns.texts:
        table.texts(name, slice(0))  # which lists are not
    if task == "numbers":
        groups = duplicate_groups(rows.inputs)
        targets = _numbers(rows)
        _require_two(rows, len(np.unique(targets)))
        rows.notes.append(
            f"the labels are taken as numbers, from {targets.min():g} to {targets.max():g}; as classes: --task classes"
        )
        return _account(rows, task, (), targets, groups)
    if task == "labels":
        return _account(rows, task, *_label_sets(rows, drop_rare))
    _refuse_identifiers(rows)
    groups = _settle_rare(rows, drop_rare)
    _require_rows(rows)
    _require_two(rows, len(set(rows.labels)))
    rows.notes += _label_notes(rows)
    names = tuple(sorted(set(rows.labels)))
    return _account(rows, task, names, _classes(rows, names), groups)


def check_test(
    table: Table, columns: Columns, training: Examples, *, drop_limit: float = 0.05
) -> CheckedTest:
    """Check a test table against the labels and the inputs of ``training``.

    Training rows whose input stands in the test table too (up to case and white space) are to be left out:
    ``training_kept`` holds the others. Raises DataError for a label that the training rows do not have, for one that is
    no number where they are, and where no training row of a label would be left.
    """
    rows = _test_rows(table, columns, drop_limit)
    targets = _targets(rows, training.task, training.names)
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
    checked = _account(rows, training.task, training.names, targets, duplicate_groups(rows.inputs))
    return CheckedTest(**vars(checked), training_kept=kept, training_removed=removed)


def check_scored(
    table: Table, columns: Columns, task: Task, names: tuple[str, ...], *, drop_limit: float = 0.05
) -> Checked:
    """Check a table that a finished run is scored on: its labels must be among ``names``, or numbers where it gives
    such. Raises DataError, UsageError.
    """
    rows = _test_rows(table, columns, drop_limit)
    refuse_hidden(rows.labels, table.source)
    targets = _targets(rows, task, names)
    return _account(rows, task, names, targets, duplicate_groups(rows.inputs))


def _test_rows(table: Table, columns: Columns, drop_limit: float) -> _Rows:
    for name in columns.texts:
        table.require(name, "--text")
    table.require(columns.label, "--label")
    rows = _usable(table, columns, drop_limit)
    if not rows.inputs:
        raise DataError("no test row is left", where=table.source)
    return rows


def _targets(rows: _Rows, task: Task, names: tuple[str, ...]) -> npt.NDArray[Any]:
    """Return the labels as the task has them; raises DataError on the first that is none of them."""
    if task == "numbers":
        return _numbers(rows)
    if task == "classes":
        return _classes(rows, names)
    if task == "tags":
        return as_numbers(_sentences(rows), names, rows.places)
    return as_table(read_sets(rows.labels, rows.places), names, rows.places)


def _label_sets(
    rows: _Rows, drop_rare: bool
) -> tuple[tuple[str, ...], npt.NDArray[np.bool_], npt.NDArray[np.int64]]:
    """Return the names, which row has which, and the duplicate groups; refuse, or leave out, names that fewer than two
    different inputs have.
    """
    sets = read_sets(rows.labels, rows.places)
    names, rare = common_names(sets, kin_groups(rows.inputs))
    if rare and not drop_rare:
        raise DataError(
            f"the label {shorten(rare[0])!r} stands on one row only"
            + (f" (so do {len(rare) - 1:,} more: {listed(rare[1:], 4)})" if len(rare) > 1 else ""),
            where=next(rows.places[row] for row, own in enumerate(sets) if rare[0] in own),
            remedy="Add rows, merge the label into another, or leave such labels out with --drop-rare.",
        )
    if len(names) < 2:
        raise DataError(
            f"the rows have {counted(len(names), 'label')}; two are needed",
            where=f"{rows.table.source}, column {rows.columns.label!r}",
            remedy="Choose another column with --label, or pass --task classes.",
        )
    kept = [tuple(name for name in own if name in set(names)) for own in sets]
    table = as_table(kept, names, rows.places)
    if rare:
        rows.notes.append(f"{counted(len(rare), 'label')} of one row left out ({listed(rare, 5)})")
    rows.notes.append(
        f"a row has any number of {len(names):,} labels, {table.sum(axis=1).mean():.1f} on average; "
        f"{int((~table.any(axis=1)).sum()):,} rows have none"
    )
    return names, table, duplicate_groups(rows.inputs)


def _tags(
    rows: _Rows, drop_rare: bool
) -> tuple[tuple[str, ...], npt.NDArray[np.object_], npt.NDArray[np.int64]]:
    """Return the tags' names, each sentence's tags, and the duplicate groups; refuse, or make O, spans of a type that
    fewer than two different sentences have.
    """
    tags = _sentences(rows)
    groups = duplicate_groups(rows.inputs)
    kinds, rare = kinds_of(tags, groups)
    if rare and not drop_rare:
        raise DataError(
            f"the type {shorten(rare[0])!r} has spans in one sentence only{did_you_mean(rare[0], kinds)}"
            + (f" (so do {len(rare) - 1:,} more: {listed(rare[1:], 4)})" if len(rare) > 1 else ""),
            where=next(
                rows.where(row, place)
                for row, own in enumerate(tags)
                for place, tag in enumerate(own)
                if tag == f"B-{rare[0]}"
            ),
            remedy="Correct it, add sentences, or count such words as outside of spans (O) with --drop-rare.",
        )
    if not kinds:
        raise DataError(
            "all words are outside of spans (O); there is nothing to learn",
            where=f"{rows.table.source}, column {rows.columns.label!r}",
            remedy="Choose another column with --label, or tag some spans: B-type, I-type.",
        )
    if rare:
        tags = without(tags, rare)
        rows.notes.append(f"spans of {listed(rare, 5)}, each in one sentence only, are read as O")
    words, spans = sum(map(len, tags)), sum(tag[0] == "B" for own in tags for tag in own)
    rows.notes.append(
        f"taken for tagging: {len(tags):,} sentences of {words:,} words, "
        f"{spans:,} spans of {counted(len(kinds), 'type')}"
    )
    names = tag_names(kinds)
    return names, as_numbers(tags, names, rows.places), groups


def _sentences(rows: _Rows) -> list[tuple[str, ...]]:
    """Take the inputs for sentences and return their words' tags, in BIO."""
    found = read_tagged(rows.inputs, rows.labels, rows.table, rows.index.tolist())
    rows.inputs = list(found.sentences)
    rows.notes += found.notes
    return found.tags


def _numbers(rows: _Rows) -> npt.NDArray[np.float64]:
    """Return the labels as numbers; raises DataError on the first that is none."""
    return read_numbers(rows.labels, rows.places)


def _classes(rows: _Rows, names: tuple[str, ...]) -> npt.NDArray[np.int64]:
    """Return the labels as places among the names; raises DataError on the first that is none of them."""
    number = {name: position for position, name in enumerate(names)}
    for position, label in enumerate(rows.labels):
        if label not in number:
            raise DataError(
                f"the label {shorten(label)!r} is not among the training labels{did_you_mean(label, names)}",
                where=rows.where(position),
                remedy=f"Correct it, or add training rows. Training has: {listed(names)}.",
            )
    return np.fromiter((number[label] for label in rows.labels), np.int64, len(rows.labels))


def _account(
    rows: _Rows,
    task: Task,
    names: tuple[str, ...],
    targets: npt.NDArray[Any],
    groups: npt.NDArray[np.int64],
) -> Checked:
    kin = kin_groups(rows.inputs)
    bound = int((np.bincount(kin)[kin] > np.bincount(groups, minlength=1)[groups]).sum())
    if bound:
        rows.notes.append(
            f"{bound:,} rows share their first text with another pair (never split between parts)"
        )
    examples = Examples(
        inputs=tuple(rows.inputs),
        targets=targets,
        names=names,
        groups=kin,
        lines=rows.table.lines[rows.index],
        source=rows.table.source,
        unit=rows.table.unit,
        task=task,
    )
    answers = _numbered(targets)
    pairs, first = np.unique(np.stack([groups, answers], axis=1), axis=0, return_index=True)
    duplicates = len(targets) - len(first)
    contested = np.flatnonzero(np.bincount(pairs[:, 0]) > 1)
    conflicting = np.flatnonzero(np.isin(groups, contested))
    notes = [*rows.table.notes, *rows.notes, *_text_notes(rows, duplicates, conflicting)]
    dropped = {reason: found for reason, found in rows.dropped.items() if found}
    lines = rows.table.lines
    return Checked(
        examples=examples,
        dropped={reason: len(found) for reason, found in dropped.items()},
        dropped_lines={reason: tuple(lines[found[:_SHOWN]].tolist()) for reason, found in dropped.items()},
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


# Rows without a text or a label


def _usable(table: Table, columns: Columns, drop_limit: float) -> _Rows:
    """Take the rows that have a text and a label; raises DataError when too many have not."""
    if not 0 <= drop_limit <= 1:
        raise UsageError(f"must be a share from 0 to 1, not {drop_limit}", where="--drop-limit")
    texts = (
        table.labels if table.holds_lists(columns.label) else table.texts
    )  # words beside their tags are lists too
    given = [[text or "" for text in texts(name)] for name in columns.texts]
    inputs: list[Any] = given[0] if len(given) == 1 else list(map(TextPair, *given))
    raw = [label or "" for label in table.labels(columns.label)]
    labels = [label.strip() for label in raw]
    rows = _Rows(table, columns, inputs, labels, np.arange(len(table), dtype=np.int64), {}, [])
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
            rows.notes.append(f"{told} ({_lines(table, found)})")
    return rows


def _refuse_dropped(rows: _Rows, drop_limit: float) -> None:
    table = rows.table
    lost = sum(map(len, rows.dropped.values()))
    if lost <= drop_limit * len(table):
        return
    told = "; ".join(
        f"{len(found):,} with {_article(reason)} ({_lines(table, found)})"
        for reason, found in rows.dropped.items()
        if found
    )
    raise DataError(
        f"{lost:,} of {len(table):,} rows ({lost / len(table):.1%}) cannot be used: {told}",
        where=f"{table.source}, columns {' and '.join(map(repr, (*rows.columns.texts, rows.columns.label)))}",
        remedy=f"Fill or remove them, or allow more to be left out with --drop-limit (now {100 * drop_limit:g} %).",
    )


def _article(reason: str) -> str:
    return {EMPTY_TEXT: "an empty text", MISSING_LABEL: "a missing label"}.get(reason, f"a {reason}")


def _lines(table: Table, found: list[int]) -> str:
    shown = ", ".join(str(line) for line in table.lines[found[:_SHOWN]].tolist())
    unit = table.unit if len(found) == 1 else f"{table.unit}s"
    return f"{unit} {shown}, …" if len(found) > _SHOWN else f"{unit} {shown}"


def _require_rows(rows: _Rows) -> None:
    if len(rows.inputs) < LEAST_ROWS:
        raise DataError(
            f"{counted(len(rows.inputs), 'usable row')}; at least {LEAST_ROWS} are needed",
            where=rows.table.source,
            remedy="Tag more sentences, some hundreds; a blank line ends each."
            if rows.table.words_on_lines
            else "Label more texts; some hundreds are better.",
        )


def _require_two(rows: _Rows, different: int) -> None:
    if different < 2:
        raise DataError(
            f"all {len(rows.labels):,} rows have the label {shorten(rows.labels[0])!r}; two are needed",
            where=f"{rows.table.source}, column {rows.columns.label!r}",
            remedy="Add rows of another label, or choose another column with --label.",
        )


# Labels that are none


def _refuse_identifiers(rows: _Rows) -> None:
    distinct = set(rows.labels)
    if len(distinct) < 0.8 * len(rows.labels):
        return
    mean = sum(map(len, distinct)) / len(distinct)
    numeric = sum(as_number(label) is not None for label in distinct) > 0.8 * len(distinct)
    kind = (
        "a text"
        if mean > 40
        else "an identifier, or a number (--task numbers)"
        if numeric
        else "an identifier"
    )
    swapped = " (or did you swap --text and --label?)" if mean > 40 else ""
    raise DataError(
        f"the label looks like {kind}: {len(distinct):,} different values in {len(rows.labels):,} rows,"
        f" such as {shorten(rows.labels[0])!r}",
        where=f"{rows.table.source}, column {rows.columns.label!r}",
        remedy=f"Choose another column with --label{swapped}.",
    )


def _settle_rare(rows: _Rows, drop_rare: bool) -> npt.NDArray[np.int64]:
    """Refuse, or leave out, labels that fewer than two different texts have; return the duplicate groups."""
    groups = duplicate_groups(rows.inputs)
    texts_of: dict[str, set[int]] = {}
    for label, group in zip(rows.labels, kin_groups(rows.inputs).tolist(), strict=True):
        texts_of.setdefault(label, set()).add(group)
    rare = sorted(label for label, found in texts_of.items() if len(found) < 2)
    if not rare:
        return groups
    if not drop_rare:
        name = rare[0]
        times = rows.labels.count(name)
        told = (
            "stands on one row only"
            if times == 1
            else f"stands on {times} rows, but with one and the same text"
        )
        others = f" (so do {len(rare) - 1:,} more: {listed(tuple(rare[1:]), 4)})" if len(rare) > 1 else ""
        raise DataError(
            f"the label {shorten(name)!r} {told}{others}; it needs one text to learn from and one to test on",
            where=rows.first(name),
            remedy="Add rows, merge the label into another, or leave such rows out with --drop-rare.",
        )
    mask = ~np.isin(np.asarray(rows.labels, dtype=object), rare)
    rows.keep(mask, RARE_LABEL)
    found = rows.dropped[RARE_LABEL]
    rows.notes.append(
        f"{counted(len(rare), 'label')} with fewer than two texts left out ({listed(tuple(rare), 5)}):"
        f" {counted(len(found), 'row')} ({_lines(rows.table, found)})"
    )
    return groups[mask]


# What is said, and stops nothing


def _label_notes(rows: _Rows) -> list[str]:
    counts = Counter(rows.labels)
    notes = []
    alike: dict[str, list[str]] = {}
    for name in sorted(counts):
        alike.setdefault(same_text(name), []).append(name)
    for group in alike.values():
        if len(group) > 1:
            told = " and ".join(f"{name!r} ({counted(counts[name], 'row')})" for name in group)
            notes.append(f"labels that are nearly the same are taken as different: {told}")
    for name in sorted(counts):
        if name.lower() in _NULL_WORDS:
            notes.append(
                f"{name!r} is taken as a label ({counted(counts[name], 'row')}), not as a missing one"
            )
    median = float(np.median(list(counts.values())))
    if median < 5:
        notes.append(f"few rows per label: {len(counts):,} labels, a median of {median:g} rows each")
    return notes


def _text_notes(rows: _Rows, duplicates: int, conflicting: npt.NDArray[np.int64]) -> Iterable[str]:
    if duplicates:
        told = "row repeats" if duplicates == 1 else "rows repeat"
        yield f"{duplicates:,} {told} an earlier text under the same label (kept, never split between parts)"
    if len(conflicting):
        found = rows.index[conflicting].tolist()
        where = _lines(rows.table, found)
        yield f"{len(found):,} rows have a text that stands under more than one label ({where})"
    lengths = [characters(one) for one in rows.inputs]
    longest = max(range(len(lengths)), key=lengths.__getitem__)
    if lengths[longest] > _LONG_TEXT:
        line = rows.table.lines[rows.index[longest]]
        yield f"the longest text has {lengths[longest]:,} characters ({rows.table.unit} {line})"


def _kept_training(rows: _Rows, training: Examples) -> npt.NDArray[np.int64]:
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
