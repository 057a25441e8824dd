"""From the user's files to the rows of a run, and everything that is to be said about them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from headway.bundle.record import DataFacts, NumberFacts
from headway.core.files import sha256_file
from headway.core.progress import Progress
from headway.data.checks import Checked, check_examples, check_test
from headway.data.columns import Columns, choose_columns, choose_texts
from headway.data.corpus import read_corpus
from headway.data.examples import Examples, Task
from headway.data.inputs import characters
from headway.data.readers import read_table
from headway.data.table import Table
from headway.ladder.picture_intake import holds_pictures, take_in_pictures
from headway.ladder.rows import Rows, at_most, join_test, label_facts, part_rows
from headway.ladder.squad_intake import holds_questions, take_in_questions


@dataclass(frozen=True, kw_only=True)
class Intake:
    """What the user brings and how it is to be read."""

    data: Any  # a path or a data frame
    test: Any | None = None
    text: str | Sequence[str] | None = None
    label: str | None = None
    task: Task | None = None
    drop_limit: float = 0.05  # share of the rows that may have no text or label
    drop_rare: bool = False
    max_rows: int = 100_000
    seed: int = 0


def take_in(intake: Intake, progress: Progress) -> tuple[Rows, DataFacts]:
    """Read, check and part the user's rows; say each note aloud. Raises DataError, UsageError, ResourceError."""
    if holds_questions(intake.data, intake.task):
        return take_in_questions(intake, progress)
    if holds_pictures(intake.data, intake.text):
        return take_in_pictures(intake, progress)
    table = read_table(intake.data, tagged=intake.task == "tags")
    columns = choose_columns(table, intake.text, intake.label)
    progress.say(f"{table.source}: {len(table):,} rows; {columns.why}")
    checked = check_examples(
        table, columns, task=intake.task, drop_limit=intake.drop_limit, drop_rare=intake.drop_rare
    )
    notes = list(checked.notes)
    dropped = Counter(checked.dropped)
    test_source = None
    if intake.test is None:
        examples = at_most(checked.examples, intake.max_rows, intake.seed, notes)
        rows = part_rows(examples, intake.seed)
    else:
        test_table = read_table(intake.test, tagged=checked.examples.task == "tags")
        test_source = test_table.source
        tested = check_test(test_table, columns, checked.examples, drop_limit=intake.drop_limit)
        notes += [f"{test_source}: {note}" for note in tested.notes]
        dropped["also in the test file"] += tested.training_removed
        dropped.update({f"{reason} in the test file": count for reason, count in tested.dropped.items()})
        training = at_most(checked.examples.take(tested.training_kept), intake.max_rows, intake.seed, notes)
        rows = join_test(training, tested.examples)
    for note in notes:
        progress.say(f"  {note}")
    progress.say(f"  {rows.words}")
    return rows, _facts(intake, table, columns, checked, rows, notes, +dropped, test_source)


def read_unlabelled(path: Path, known: str) -> list[str]:
    """Read texts without labels: the lines of a .txt file, or a column of a table (``known``, if it has that).

    Empty ones are left out. Raises DataError, UsageError.
    """
    if path.suffix == ".txt":
        texts: list[str | None] = [line for document in read_corpus(path).documents for line in document]
    else:
        table = read_table(path)
        texts = table.texts(choose_texts(table, known=(known,))[0])
    return [text for text in texts if text and text.strip()]


def _facts(
    intake: Intake,
    table: Table,
    columns: Columns,
    checked: Checked,
    rows: Rows,
    notes: list[str],
    dropped: Counter[str],
    test_source: str | None,
) -> DataFacts:
    examples = rows.examples
    lengths = np.array([characters(one) for one in examples.inputs])
    is_file = isinstance(intake.data, str | Path)
    return DataFacts(
        source=table.source,
        sha256=sha256_file(Path(intake.data)) if is_file else None,
        test_source=test_source,
        task=examples.task,
        text_column=columns.texts[0],
        second_text_column=columns.texts[1] if len(columns.texts) > 1 else None,
        label_column=columns.label,
        rows_read=len(table),
        rows_used=len(examples),
        dropped=dict(dropped),
        duplicate_rows=checked.duplicate_rows,
        conflicting_rows=checked.conflicting_rows,
        labels=label_facts(examples),
        numbers=_number_facts(examples),
        characters_median=int(np.median(lengths)),
        characters_p95=int(np.quantile(lengths, 0.95)),
        characters_max=int(lengths.max()),
        split=rows.words,
        training_rows=len(rows.parts[0].train),
        held_out_rows=len(rows.held_out),
        notes=tuple(notes),
    )


def _number_facts(examples: Examples) -> NumberFacts | None:
    """Return how the numbers lie; None of classes."""
    if examples.task != "numbers":
        return None
    numbers = examples.targets
    return NumberFacts(
        lowest=float(numbers.min()),
        highest=float(numbers.max()),
        mean=float(numbers.mean()),
        deviation=float(numbers.std()),
    )
