"""A finished run scored on labelled rows or pictures that it has not seen."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from headway.bundle.record import Score
from headway.bundle.run import Run
from headway.core.errors import DataError, UsageError
from headway.core.files import sha256_file
from headway.data.checks import check_scored
from headway.data.columns import Columns, choose_columns, choose_texts
from headway.data.examples import TASKS, Examples
from headway.data.picture_checks import fault_notes, usable
from headway.data.pictures import PictureSet, list_pictures
from headway.data.readers import read_table
from headway.data.squad import question_examples, read_squad
from headway.data.table import Table, did_you_mean, listed, shorten
from headway.ladder.judges import judge_of
from headway.ladder.plan import PLAN_FILE, Plan

SEED = 0  # of the intervals


@dataclass(frozen=True, kw_only=True)
class TableScore:
    """What a rung of a run reaches on a table's rows, by the run's metrics, the deciding one first."""

    rung: str
    source: str
    rows: int
    scores: dict[str, Score]
    notes: tuple[str, ...]


def score_table(
    run: Run,
    data: Any,
    *,
    text: str | Sequence[str] | None = None,
    label: str | None = None,
    rung: str | None = None,
) -> TableScore:
    """Score a rung (the shipped one by default) on a table's labelled rows.

    Columns are those of the training table where they are not told. Raises DataError on labels that the run does not
    know, UsageError.
    """
    if run.reads_pictures:
        column = text if text is None or isinstance(text, str) else text[0]
        return _score_pictures(run, list_pictures(data, path=column, label=label), rung)
    if run.record.data.task == "answers":
        return _score_questions(run, data, rung)
    table = read_table(data, tagged=run.reads_words)
    columns = _columns(run, table, text, label)
    task = next(task for task in TASKS if task == run.record.data.task)
    checked = check_scored(table, columns, task, run.predictor(rung).labels)
    examples = checked.examples
    outputs = run.predictor(rung).predict(examples.inputs)
    notes = [*checked.notes, *_seen(run, data)]
    return _scored(run, rung, examples, outputs, table.source, notes)


def _score_questions(run: Run, data: Any, rung: str | None) -> TableScore:
    """Score a rung on a file in SQuAD's form; an answer need not be where its offset says."""
    if not isinstance(data, str | Path):
        raise UsageError("answers are scored on a file in SQuAD's form", where="data")
    file = read_squad(Path(data))
    file.require_answers()
    examples = question_examples(list(file.questions), file.source)
    outputs = run.predictor(rung).predict(examples.inputs)
    return _scored(run, rung, examples, outputs, file.source, _seen(run, data))


def _score_pictures(run: Run, pictures: PictureSet, rung: str | None) -> TableScore:
    """Score a rung on labelled pictures; those that cannot be used are left out, and said."""
    predictor = run.predictor(rung)
    unknown = tuple(name for name in pictures.names if name not in predictor.labels)
    if unknown:
        raise DataError(
            f"the run does not know the class {shorten(unknown[0])!r}"
            f"{did_you_mean(unknown[0], predictor.labels)}",
            where=pictures.store.source,
            remedy=f"Its classes: {listed(predictor.labels)}.",
        )
    all_of_them = [pictures.picture(row) for row in range(len(pictures))]
    kept, faults = usable(all_of_them)
    if not kept:
        raise DataError("no picture can be used", where=pictures.store.source)
    place = np.array([predictor.labels.index(name) for name in pictures.names])
    examples = Examples(
        inputs=tuple(all_of_them[row] for row in kept),
        targets=place[pictures.labels[kept]],
        names=predictor.labels,
        groups=np.arange(len(kept)),
        lines=np.arange(1, len(kept) + 1),
        source=pictures.store.source,
        unit="picture",
    )
    notes = [*pictures.notes, *fault_notes([*pictures.faults, *faults])]
    outputs = predictor.predict(examples.inputs)
    return _scored(run, rung, examples, outputs, pictures.store.source, notes)


def _scored(
    run: Run, rung: str | None, examples: Examples, outputs: np.ndarray, source: str, notes: Sequence[str]
) -> TableScore:
    """Measure outputs by each of the task's metrics, the run's deciding one first."""
    judge, decides = judge_of(examples), run.record.verdict.metric
    said = judge.said(outputs)
    scores = {}
    for metric in sorted(judge.metrics, key=lambda metric: metric.name != decides):
        found = metric.interval(examples.targets, said, SEED)
        scores[metric.name] = Score(value=found.value, low=found.low, high=found.high)
    return TableScore(
        rung=rung or run.record.verdict.ships,
        source=source,
        rows=len(examples),
        scores=scores,
        notes=tuple(notes),
    )


def _seen(run: Run, data: Any) -> list[str]:
    """Say so where the file is one that the run was made from."""
    if not isinstance(data, str | Path) or not (run.folder / PLAN_FILE).is_file():
        return []
    if sha256_file(Path(data)) not in Plan.load(run.folder).hashes.values():
        return []
    return ["the run was trained on these rows, or chosen by them: the scores flatter it"]


def _columns(run: Run, table: Table, text: str | Sequence[str] | None, label: str | None) -> Columns:
    facts = run.record.data
    texts = choose_texts(table, text, known=facts.text_columns)
    known = facts.label_column if facts.label_column in table.columns else None
    return choose_columns(table, texts, label or known)
