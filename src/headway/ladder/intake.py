"""From the user's files to the rows of a run, and everything that is to be said about them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headway.bundle.record import DataFacts
from headway.core.progress import Progress
from headway.data.checks import check_examples, check_test
from headway.data.columns import choose_columns, choose_texts
from headway.data.corpus import read_corpus
from headway.data.examples import Task
from headway.data.readers import read_table
from headway.ladder.facts import data_facts
from headway.ladder.picture_intake import holds_pictures, take_in_pictures
from headway.ladder.rows import Rows, at_most, join_test, part_rows
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
        rows, facts = take_in_questions(intake, progress)
    elif holds_pictures(intake.data, intake.text):
        rows, facts = take_in_pictures(intake, progress)
    else:
        rows, facts = _take_in_table(intake, progress)
    for note in (*facts.notes, facts.split):
        progress.say(f"  {note}")
    return rows, facts


def _take_in_table(intake: Intake, progress: Progress) -> tuple[Rows, DataFacts]:
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
    facts = data_facts(
        intake.data,
        rows,
        columns,
        read=len(table),
        dropped=+dropped,
        duplicates=checked.duplicate_rows,
        conflicting=checked.conflicting_rows,
        notes=notes,
        test_source=test_source,
    )
    return rows, facts


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
