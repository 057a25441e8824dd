"""A finished run scored on a labelled table that it has not seen."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headway.bundle.record import Score
from headway.bundle.run import Run
from headway.core.files import sha256_file
from headway.data.checks import check_scored
from headway.data.columns import Columns, choose_columns, choose_texts
from headway.data.examples import Examples, Task
from headway.data.readers import read_table
from headway.data.table import Table
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
    table = read_table(data)
    columns = _columns(run, table, text, label)
    task: Task = "numbers" if run.record.data.task == "numbers" else "classes"
    checked = check_scored(table, columns, task, run.predictor(rung).labels)
    decides = run.record.verdict.metric
    scores = scored(checked.examples, run, rung)
    notes = [*checked.notes, *_seen(run, data)]
    return TableScore(
        rung=rung or run.record.verdict.ships,
        source=table.source,
        rows=len(checked.examples),
        scores=dict(sorted(scores.items(), key=lambda item: item[0] != decides)),
        notes=tuple(notes),
    )


def scored(examples: Examples, run: Run, rung: str | None) -> dict[str, Score]:
    """Return each of the task's metrics on the examples, with its interval."""
    judge = judge_of(examples)
    said = judge.said(run.predictor(rung).predict(examples.inputs))
    found = {metric.name: metric.interval(examples.targets, said, SEED) for metric in judge.metrics}
    return {name: Score(value=one.value, low=one.low, high=one.high) for name, one in found.items()}


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
