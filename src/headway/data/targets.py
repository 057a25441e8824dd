"""The targets of labelled rows, as their task has them; labels that nothing could be learned from are refused."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from headway.core.errors import DataError
from headway.data.examples import Task
from headway.data.inputs import duplicate_groups, kin_groups, same_text
from headway.data.label_sets import as_table, common_names, read_sets
from headway.data.recognition import as_number, read_numbers
from headway.data.table import counted, did_you_mean, listed, shorten
from headway.data.tags import as_numbers, kinds_of, read_tagged, tag_names, without
from headway.data.usable_rows import UsableRows

RARE_LABEL = "label seen only once"
_NULL_WORDS = {"nan", "na", "n/a", "none", "null", "<na>", "unknown", "#n/a"}


@dataclass(frozen=True, eq=False)
class Targets:
    """What is to be learned of the rows."""

    names: tuple[str, ...]  # of classes, labels or tags; none of numbers
    values: npt.NDArray[Any]  # as `Examples` has them, [B] or [B, C]
    groups: npt.NDArray[np.int64]  # rows with the same input have the same number, [B]


def learned_targets(rows: UsableRows, task: Task, drop_rare: bool) -> Targets:
    """Return the targets of training rows, after leaving out of ``rows`` what is not learned from.

    Raises DataError on what `checks.check_examples` tells of labels.
    """
    if task == "tags":
        return _tags(rows, drop_rare)
    if task == "numbers":
        return _numbers(rows)
    return _label_sets(rows, drop_rare) if task == "labels" else _classes(rows, drop_rare)


def known_targets(rows: UsableRows, task: Task, names: tuple[str, ...]) -> Targets:
    """Return the targets among names that were learned; raises DataError on the first label that is none of them."""
    if task == "numbers":
        values: npt.NDArray[Any] = read_numbers(rows.labels, rows.places)
    elif task == "classes":
        values = _places(rows, names)
    elif task == "tags":
        values = as_numbers(_sentences(rows), names, rows.places)
    else:
        values = as_table(read_sets(rows.labels, rows.places), names, rows.places)
    return Targets(names, values, duplicate_groups(rows.inputs))


def _numbers(rows: UsableRows) -> Targets:
    numbers = read_numbers(rows.labels, rows.places)
    rows.require_two(len(np.unique(numbers)))
    rows.notes.append(
        f"the labels are taken as numbers, from {numbers.min():g} to {numbers.max():g}; as classes: --task classes"
    )
    return Targets((), numbers, duplicate_groups(rows.inputs))


# Classes


def _classes(rows: UsableRows, drop_rare: bool) -> Targets:
    _refuse_identifiers(rows)
    groups = _settle_rare(rows, drop_rare)
    rows.require_enough()
    names = tuple(sorted(set(rows.labels)))
    rows.require_two(len(names))
    rows.notes += _label_notes(Counter(rows.labels))
    return Targets(names, _places(rows, names), groups)


def _places(rows: UsableRows, names: tuple[str, ...]) -> npt.NDArray[np.int64]:
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


def _refuse_identifiers(rows: UsableRows) -> None:
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
        where=rows.column,
        remedy=f"Choose another column with --label{swapped}.",
    )


def _settle_rare(rows: UsableRows, drop_rare: bool) -> npt.NDArray[np.int64]:
    """Refuse, or leave out, labels that fewer than two different texts have; return the duplicate groups."""
    groups = duplicate_groups(rows.inputs)
    _, rare = common_names([(label,) for label in rows.labels], kin_groups(rows.inputs))
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
        raise DataError(
            f"the label {shorten(name)!r} {told}{_others(rare)}; it needs one text to learn from and one to test on",
            where=rows.where(rows.labels.index(name)),
            remedy="Add rows, merge the label into another, or leave such rows out with --drop-rare.",
        )
    mask = ~np.isin(np.asarray(rows.labels, dtype=object), rare)
    rows.keep(mask, RARE_LABEL)
    found = rows.dropped[RARE_LABEL]
    rows.notes.append(
        f"{counted(len(rare), 'label')} with fewer than two texts left out ({listed(rare, 5)}):"
        f" {counted(len(found), 'row')} ({rows.lines(found)})"
    )
    return groups[mask]


def _others(rare: Sequence[str]) -> str:
    """Say which labels share the fate of the first."""
    return f" (so do {len(rare) - 1:,} more: {listed(tuple(rare[1:]), 4)})" if len(rare) > 1 else ""


def _label_notes(counts: Counter[str]) -> list[str]:
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


# Several labels a row


def _label_sets(rows: UsableRows, drop_rare: bool) -> Targets:
    """Refuse, or leave out, names that fewer than two different inputs have."""
    sets = read_sets(rows.labels, rows.places)
    names, rare = common_names(sets, kin_groups(rows.inputs))
    if rare and not drop_rare:
        raise DataError(
            f"the label {shorten(rare[0])!r} stands on one row only{_others(rare)}",
            where=next(rows.where(row) for row, own in enumerate(sets) if rare[0] in own),
            remedy="Add rows, merge the label into another, or leave such labels out with --drop-rare.",
        )
    if len(names) < 2:
        raise DataError(
            f"the rows have {counted(len(names), 'label')}; two are needed",
            where=rows.column,
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
    return Targets(names, table, duplicate_groups(rows.inputs))


# Tags


def _tags(rows: UsableRows, drop_rare: bool) -> Targets:
    """Refuse, or make O, spans of a type that fewer than two different sentences have."""
    tags = _sentences(rows)
    groups = duplicate_groups(rows.inputs)
    kinds, rare = kinds_of(tags, groups)
    if rare and not drop_rare:
        raise DataError(
            f"the type {shorten(rare[0])!r} has spans in one sentence only"
            f"{did_you_mean(rare[0], kinds)}{_others(rare)}",
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
            where=rows.column,
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
    return Targets(names, as_numbers(tags, names, rows.places), groups)


def _sentences(rows: UsableRows) -> list[tuple[str, ...]]:
    """Take the inputs for sentences and return their words' tags, in BIO."""
    found = read_tagged(rows.inputs, rows.labels, rows.table, rows.index.tolist())
    rows.inputs = list(found.sentences)
    rows.notes += found.notes
    return found.tags
