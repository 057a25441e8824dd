"""From a folder, a zip file or a table of pictures to the rows of a run, and everything that is to be said of them."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from headway.bundle.record import DataFacts, PictureFacts
from headway.core.errors import DataError, HeadwayError, UsageError
from headway.core.progress import Progress
from headway.data.columns import Columns, choose_columns
from headway.data.examples import Examples
from headway.data.picture_checks import CheckedPictures, check_pictures
from headway.data.pictures import is_picture_source, list_pictures, looks_like_paths, with_test
from headway.data.readers import read_chunks, read_table
from headway.data.splits import stratified_sample
from headway.data.table import Table, counted, listed
from headway.ladder.facts import data_facts
from headway.ladder.rows import Part, Rows, part_rows

if TYPE_CHECKING:
    from headway.ladder.intake import Intake

_LOOKED_AT = 200  # rows of a table


def holds_pictures(data: Any, text: str | Sequence[str] | None = None) -> bool:
    """Return whether this is a folder or zip of pictures, or a table whose text column holds their paths.

    What cannot be read is no picture: whoever reads it next says what is wrong.
    """
    if isinstance(data, str | Path) and is_picture_source(data):
        return True
    try:
        is_path = isinstance(data, str | Path)
        table = next(iter(read_chunks(data, _LOOKED_AT))) if is_path else read_table(data)
        column = _text_column(table, text)
        return column in table.names and looks_like_paths(table, column)
    except (HeadwayError, StopIteration):
        return False


def _text_column(table: Table, text: str | Sequence[str] | None) -> str:
    """Return the column that would be read as a text; where it cannot be told, as where paths and labels are all that
    there is, one that holds paths.
    """
    if text is not None:
        return text if isinstance(text, str) else text[0]
    try:
        return choose_columns(table).texts[0]
    except UsageError:
        named = [name for name in table.names if looks_like_paths(table, name)]
        return named[0] if named else table.names[0]


def take_in_pictures(intake: "Intake", progress: Progress) -> tuple[Rows, DataFacts]:
    """List, check and part the user's pictures. Raises DataError, UsageError."""
    column = intake.text if intake.text is None or isinstance(intake.text, str) else intake.text[0]
    pictures = list_pictures(intake.data, path=column, label=intake.label)
    found = len(pictures) + len(pictures.faults)
    progress.say(f"{pictures.store.source}: {found:,} pictures of {len(pictures.names):,} classes")
    if intake.test is not None:
        pictures = with_test(pictures, list_pictures(intake.test, path=column, label=intake.label))
    checked = check_pictures(
        pictures, drop_limit=intake.drop_limit, drop_rare=intake.drop_rare, progress=progress
    )
    notes, dropped = list(checked.notes), Counter(checked.dropped)
    examples = _examples(checked)
    test = checked.pictures.test
    if test is None:
        kept = _at_most(examples, np.arange(len(examples)), intake, notes)
        rows = part_rows(examples.take(kept), intake.seed)
    else:
        repeated = np.isin(examples.groups, examples.groups[test]) & ~test
        dropped["also in the test part"] += int(repeated.sum())
        if repeated.any():
            told = counted(int(repeated.sum()), "training picture")
            notes.append(f"{told} left out that stand in the test part too")
        _require_trained(examples, ~test & ~repeated)
        kept = _at_most(examples, np.flatnonzero(~test & ~repeated), intake, notes)
        rows = _with_own_test(examples, kept, np.flatnonzero(test))
    facts = data_facts(
        intake.data,
        rows,
        Columns(texts=("picture",), label="class", why="as in a folder of class folders"),
        read=found,
        dropped=+dropped,
        duplicates=checked.exact_duplicates + checked.near_duplicates,
        conflicting=checked.conflicting,
        notes=notes,
        test_source=None if intake.test is None else str(intake.test),
        pictures=_sizes(checked),
    )
    return rows, facts


def _examples(checked: CheckedPictures) -> Examples:
    pictures = checked.pictures
    return Examples(
        inputs=tuple(pictures.picture(row, known) for row, known in enumerate(checked.hashes)),
        targets=pictures.labels,
        names=pictures.names,
        groups=checked.groups,
        lines=np.arange(1, len(pictures) + 1),
        source=pictures.store.source,
        unit="picture",
    )


def _at_most(examples: Examples, rows: np.ndarray, intake: "Intake", notes: list[str]) -> np.ndarray:
    """Return a stratified sample of the rows when they are more than ``max_rows``, and say so."""
    if len(rows) <= intake.max_rows:
        return rows
    chosen = stratified_sample(examples.strata[rows], examples.groups[rows], intake.max_rows, intake.seed)
    notes.append(
        f"a stratified sample of {len(chosen):,} of the {len(rows):,} pictures is used; --max-rows changes that"
    )
    sampled: np.ndarray = rows[chosen]
    return sampled


def _require_trained(examples: Examples, training: np.ndarray) -> None:
    """Raise DataError for a class that has no picture to learn from."""
    untrained = np.setdiff1d(examples.targets, examples.targets[training])
    if len(untrained):
        names = tuple(examples.names[label] for label in untrained.tolist())
        raise DataError(
            f"the training part has no picture of {listed(names)} that is not in the test part too",
            where=examples.source,
            remedy="Add some, or take such pictures out of the test part.",
        )


def _with_own_test(examples: Examples, training: np.ndarray, held_out: np.ndarray) -> Rows:
    joined = examples.take(np.concatenate([training, held_out]))
    part = Part(np.arange(len(training)), np.arange(len(training), len(joined)))
    words = f"{len(training):,} pictures to train, {len(held_out):,} held out (the test part given)"
    return Rows(joined, (part,), "test file", words)


def _sizes(checked: CheckedPictures) -> PictureFacts:
    areas = checked.sizes.prod(axis=1)
    sides = [tuple(checked.sizes[row].tolist()) for row in np.argsort(areas, kind="stable")]
    return PictureFacts(smallest=sides[0], median=sides[len(sides) // 2], largest=sides[-1])
