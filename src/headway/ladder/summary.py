"""From what was measured to the record of the run and the held-out predictions."""

import csv
import io
from dataclasses import replace

from headway.bundle.record import RungRecord
from headway.data.pictures import are_pictures
from headway.ladder.climb import Ascent, Step
from headway.ladder.comparison import Comparison, compare
from headway.ladder.judge import Details
from headway.ladder.judges import judge_of
from headway.ladder.measured import Measured
from headway.ladder.rows import Rows

MOST_PICTURES = 24  # errors that are shown, each with what explains it


def compare_rungs(ascent: Ascent, rows: Rows, metric: str, seed: int) -> Comparison | None:
    """Compare the measured rungs on the held-out rows; None when there are none."""
    judge = judge_of(rows.examples)
    said = {step.rung.name: judge.said(step.measured.outputs) for step in ascent.steps if step.measured}
    if not said:
        return None
    return compare(rows.examples.targets[rows.held_out], said, judge.metrics, metric, seed)


def rung_records(ascent: Ascent, comparison: Comparison | None) -> tuple[RungRecord, ...]:
    """Return each rung's record, cheapest first."""
    return tuple(_rung_record(step, comparison) for step in ascent.steps)


def _rung_record(step: Step, comparison: Comparison | None) -> RungRecord:
    rung, measured = step.rung, step.measured
    if measured is None or comparison is None:
        return RungRecord(
            name=rung.name,
            title=rung.title,
            status=step.status,
            reason=step.reason,
            estimate_seconds=step.estimate_seconds,
        )
    return RungRecord(
        name=rung.name,
        title=rung.title,
        status="measured",
        estimate_seconds=step.estimate_seconds,
        scores=comparison.scores[rung.name],
        versus=comparison.versus[rung.name],
        train_seconds=measured.train_seconds,
        latency_ms=measured.latency_ms,
        latency_p95_ms=measured.latency_p95_ms,
        size_bytes=measured.size_bytes,
        parameters=measured.parameters,
        settings=measured.settings,
        seed_scores=None if measured.seed_scores is None else tuple(measured.seed_scores),
        texts_cut=measured.texts_cut,
        opens_with=measured.opens_with,
    )


def shipped_details(measured: Measured, rows: Rows) -> Details:
    """Return what else is to be told of the shipped rung's answers."""
    judge = judge_of(rows.examples)
    details = judge.details(measured.outputs, measured.temperature, rows.examples.take(rows.held_out))
    if are_pictures(rows.examples.inputs):
        return replace(details, errors=details.errors[:MOST_PICTURES])
    return details


def predictions_csv(ascent: Ascent, rows: Rows) -> str:
    """Return the held-out rows as CSV: line, label, and what each measured rung said."""
    judge, held_out = judge_of(rows.examples), rows.examples.take(rows.held_out)
    measured = {step.rung.name: step.measured for step in ascent.steps if step.measured}
    told = [judge.cells(figures.outputs, figures.temperature, held_out) for figures in measured.values()]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["line", "label", *(cell for rung in measured for cell in judge.header(rung))])
    for row, line in enumerate(held_out.lines):
        cells = [cell for answers in told for cell in answers[row]]
        writer.writerow([str(line), judge.target_cell(held_out.targets[row]), *cells])
    return out.getvalue()
