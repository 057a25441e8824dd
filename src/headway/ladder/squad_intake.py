"""From files in SQuAD's form to the rows of a run, and everything that is to be said about them."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from headway.bundle.record import DataFacts
from headway.core.errors import DataError, UsageError
from headway.core.progress import Progress
from headway.data.columns import Columns
from headway.data.examples import Task
from headway.data.inputs import duplicate_groups, same_text
from headway.data.recognition import is_squad
from headway.data.squad import SquadFile, check_questions, read_squad
from headway.data.table import counted
from headway.ladder.facts import data_facts
from headway.ladder.rows import Rows, at_most, join_test, part_rows

if TYPE_CHECKING:
    from headway.ladder.intake import Intake

_FEWEST = 10  # questions, below which nothing can be held out


def holds_questions(data: Any, task: Task | None) -> bool:
    """Return whether the data are to be read as SQuAD's JSON: they look like it, or the task says so."""
    return task == "answers" or (task is None and is_squad(data))


def take_in_questions(intake: "Intake", progress: Progress) -> tuple[Rows, DataFacts]:
    """Read, check and part the user's questions. Raises DataError, UsageError."""
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
    questions = rows.examples.inputs
    facts = data_facts(
        intake.data,
        rows,
        Columns(texts=("question", "context"), label="answers", why="as in SQuAD's JSON"),
        read=len(file.questions),
        dropped=dropped,
        duplicates=len(questions) - len(set(duplicate_groups(questions).tolist())),
        notes=notes,
        test_source=test_source,
    )
    return rows, facts


def _read(source: Any) -> SquadFile:
    if not isinstance(source, str | Path):
        raise UsageError("answers are learned from a file in SQuAD's form", where="--task")
    return read_squad(Path(source))
