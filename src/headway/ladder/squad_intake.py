"""From files in SQuAD's form to the rows of a run, and everything that is to be said about them."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from headway.bundle.record import DataFacts, LabelFacts
from headway.core.errors import DataError, UsageError
from headway.core.files import sha256_file
from headway.core.progress import Progress
from headway.data.examples import Task
from headway.data.inputs import duplicate_groups, same_text
from headway.data.recognition import is_squad
from headway.data.squad import SquadFile, check_questions, read_squad
from headway.data.table import counted
from headway.ladder.rows import Rows, at_most, join_test, part_rows

if TYPE_CHECKING:
    from headway.ladder.intake import Intake

_FEWEST = 10  # questions, below which nothing can be held out


def holds_questions(data: Any, task: Task | None) -> bool:
    """Return whether the data are to be read as SQuAD's JSON: they look like it, or the task says so."""
    return task == "answers" or (task is None and is_squad(data))


def take_in_questions(intake: "Intake", progress: Progress) -> tuple[Rows, DataFacts]:
    """Read, check and part the user's questions; say each note aloud. Raises DataError, UsageError."""
    if intake.text is not None or intake.label is not None:
        raise UsageError("SQuAD's JSON has no columns to choose", where="--text, --label")
    file = _read(intake.data)
    progress.say(
        f"{file.source}: SQuAD's JSON, {file.words}; taken for questions that a passage answers (--task overrides)"
    )
    checked = check_questions(file, intake.drop_limit)
    notes, dropped = list(checked.notes), dict(checked.dropped)
    test_source = None
    if intake.test is None:
        examples = at_most(checked.examples, intake.max_rows, intake.seed, notes)
        if len(set(examples.groups.tolist())) < 2 or len(examples) < _FEWEST:
            raise DataError(
                f"holds {file.words}, too few to hold some of them out",
                where=file.source,
                remedy="Add paragraphs, or hold out a file of your own: --test FILE",
            )
        rows = part_rows(examples, intake.seed)
    else:
        test_file = _read(intake.test)
        test_source = test_file.source
        tested = check_questions(test_file, intake.drop_limit)
        notes += [f"{test_source}: {note}" for note in tested.notes]
        dropped |= {f"{reason} in the test file": count for reason, count in tested.dropped.items()}
        contexts = {same_text(pair.second) for pair in tested.examples.inputs}
        new = [same_text(pair.second) not in contexts for pair in checked.examples.inputs]
        removed = len(new) - sum(new)
        if removed:
            dropped["on a paragraph of the test file"] = removed
            notes.append(
                f"{counted(removed, 'question')} left out whose paragraph stands in the test file too"
            )
        if not any(new):
            raise DataError("no question is left to learn from", where=file.source)
        training = at_most(checked.examples.take(np.flatnonzero(new)), intake.max_rows, intake.seed, notes)
        rows = join_test(training, tested.examples)
    for note in notes:
        progress.say(f"  {note}")
    progress.say(f"  {rows.words}")
    return rows, _facts(intake, file, rows, notes, dropped, test_source)


def _read(source: Any) -> SquadFile:
    if not isinstance(source, str | Path):
        raise UsageError("answers are learned from a file in SQuAD's form", where="--task")
    return read_squad(Path(source))


def _facts(
    intake: "Intake",
    file: SquadFile,
    rows: Rows,
    notes: list[str],
    dropped: dict[str, int],
    test_source: str | None,
) -> DataFacts:
    examples = rows.examples
    lengths = np.array([len(pair.second) for pair in examples.inputs])
    answered = int(examples.strata.sum())
    counts = {"with an answer": answered, "without an answer": len(examples) - answered}
    return DataFacts(
        source=file.source,
        sha256=sha256_file(Path(intake.data)),
        test_source=test_source,
        task=examples.task,
        text_column="question",
        second_text_column="context",
        label_column="answers",
        rows_read=len(file.questions),
        rows_used=len(examples),
        dropped=dropped,
        duplicate_rows=len(examples) - len(set(duplicate_groups(examples.inputs).tolist())),
        conflicting_rows=0,
        labels=tuple(LabelFacts(name=name, rows=count) for name, count in counts.items() if count),
        characters_median=int(np.median(lengths)),
        characters_p95=int(np.quantile(lengths, 0.95)),
        characters_max=int(lengths.max()),
        split=rows.words,
        training_rows=len(rows.parts[0].train),
        held_out_rows=len(rows.held_out),
        notes=tuple(notes),
    )
