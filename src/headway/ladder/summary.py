"""From what was measured to the record of the run and the held-out predictions."""

import csv
import io

import numpy as np

from headway.bundle.predictors import log_probabilities
from headway.bundle.record import ClassScore, ErrorExample, RungRecord
from headway.ladder.climb import Ascent, Step
from headway.ladder.comparison import Comparison, compare
from headway.ladder.measured import Measured
from headway.ladder.rows import Rows
from headway.metrics.calibration import expected_calibration_error, tempered
from headway.metrics.classification import confusion, per_class

WORST_ERRORS = 50


def compare_rungs(ascent: Ascent, rows: Rows, metric: str, seed: int) -> Comparison | None:
    """Compare the measured rungs on the held-out rows; None when there are none."""
    predictions = {step.rung.name: step.measured.predicted for step in ascent.steps if step.measured}
    if not predictions:
        return None
    true = rows.examples.labels[rows.held_out]
    return compare(true, predictions, len(rows.examples.names), metric, seed)


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
        texts_cut=measured.texts_cut,
        opens_with=measured.opens_with,
    )


def shipped_details(
    measured: Measured, rows: Rows
) -> tuple[tuple[tuple[int, ...], ...], tuple[ClassScore, ...], tuple[ErrorExample, ...], float]:
    """Return the shipped rung's confusion matrix, class scores, worst errors and calibration error."""
    examples, held_out = rows.examples, rows.held_out
    true, classes = examples.labels[held_out], len(examples.names)
    probabilities = tempered(log_probabilities(measured.probabilities), measured.temperature)
    matrix = confusion(true, measured.predicted, classes)
    scores = per_class(true, measured.predicted, classes)
    class_scores = tuple(
        ClassScore(
            name=name,
            rows=int(scores.rows[place]),
            precision=float(scores.precision[place]),
            recall=float(scores.recall[place]),
            f1=float(scores.f1[place]),
        )
        for place, name in enumerate(examples.names)
    )
    return (
        tuple(tuple(int(count) for count in row) for row in matrix),
        class_scores,
        _worst_errors(probabilities, measured.predicted, rows),
        expected_calibration_error(probabilities, true),
    )


def _worst_errors(probabilities: np.ndarray, predicted: np.ndarray, rows: Rows) -> tuple[ErrorExample, ...]:
    """Return the wrong held-out rows, the most confident first."""
    examples, held_out = rows.examples, rows.held_out
    confidence = probabilities.max(axis=1)
    wrong = np.flatnonzero(predicted != examples.labels[held_out])
    worst = wrong[np.argsort(-confidence[wrong], kind="stable")][:WORST_ERRORS]
    return tuple(
        ErrorExample(
            line=int(examples.lines[held_out[place]]),
            text=examples.texts[held_out[place]],
            label=examples.names[examples.labels[held_out[place]]],
            predicted=examples.names[predicted[place]],
            probability=float(confidence[place]),
        )
        for place in worst
    )


def predictions_csv(ascent: Ascent, rows: Rows) -> str:
    """Return the held-out rows as CSV: line, label, and each measured rung's prediction with its probability."""
    examples = rows.examples
    measured = [(step.rung.name, step.measured) for step in ascent.steps if step.measured]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(
        ["line", "label", *(cell for name, _ in measured for cell in (name, f"{name}_probability"))]
    )
    calibrated = [
        tempered(log_probabilities(m.probabilities), m.temperature).max(axis=1) for _, m in measured
    ]
    for place, row in enumerate(rows.held_out):
        cells = [str(examples.lines[row]), examples.names[examples.labels[row]]]
        for (_, figures), confidence in zip(measured, calibrated, strict=True):
            cells += [examples.names[figures.predicted[place]], f"{confidence[place]:.6f}"]
        writer.writerow(cells)
    return out.getvalue()
