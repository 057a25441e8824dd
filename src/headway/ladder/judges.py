"""The judges, one for each kind of task."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from headway.bundle.predictors import log_probabilities
from headway.bundle.record import ClassScore, ErrorExample
from headway.data.examples import Examples
from headway.data.inputs import shown
from headway.data.label_sets import names_cell
from headway.data.recognition import number_words
from headway.ladder.answer_judge import AnswerJudge
from headway.ladder.judge import WORST_ERRORS, Details, Judge, Outputs, asked_metric
from headway.ladder.tag_judge import TagJudge
from headway.metrics import correlation
from headway.metrics.calibration import expected_calibration_error, fit_temperature, tempered
from headway.metrics.classification import METRICS, confusion, per_class
from headway.metrics.label_sets import all_right, label_counts, macro_f1, micro_f1
from headway.metrics.metric import Metric, OfClasses, OfRows
from headway.metrics.row_bootstrap import mean
from headway.metrics.squad import rule_of

IMBALANCE = 3.0  # largest class to smallest class, above which macro-F1 decides


def judge_of(examples: Examples) -> Judge:
    """Return the judge of the examples' task."""
    if examples.task == "numbers":
        return NumberJudge()
    if examples.task == "tags":
        return TagJudge(examples.names)
    if examples.task == "answers":
        return AnswerJudge(rule_of([question.question for question in examples.targets]))
    return LabelJudge(examples.names) if examples.task == "labels" else ClassJudge(examples.names)


@dataclass(frozen=True)
class ClassJudge:
    """Of classes: outputs are probabilities [B, C], the likeliest class is the answer."""

    names: Sequence[str]

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """Accuracy and macro-F1."""
        return tuple(OfClasses(name, len(self.names)) for name in METRICS)

    def choose(self, examples: Examples, asked: str | None = None) -> tuple[str, str]:
        """Return what the user asked for; else macro-F1 when the largest class has more than three times the rows of
        the smallest, since accuracy would hardly notice the smallest; else accuracy.
        """
        if asked is not None:
            return asked_metric(self, asked)
        rows = np.bincount(examples.targets, minlength=len(self.names))
        largest, smallest = int(rows.argmax()), int(rows.argmin())
        if rows[largest] / max(1, rows[smallest]) > IMBALANCE:
            return "macro_f1", (
                f"macro-F1 decides, because the classes are unequal: {self.names[largest]!r} has "
                f"{rows[largest]:,} rows, {self.names[smallest]!r} has {rows[smallest]:,}"
            )
        return "accuracy", (
            f"accuracy decides, because no class has more than {IMBALANCE:g} times the rows of another"
        )

    def temperature(self, outputs: Outputs, targets: np.ndarray) -> float | None:
        """Fit one temperature to the held-out rows."""
        return fit_temperature(log_probabilities(outputs), targets)

    def said(self, outputs: Outputs) -> np.ndarray:
        """Return the likeliest class of each row, [B]."""
        best: np.ndarray = outputs.argmax(axis=1)
        return best

    def details(self, outputs: Outputs, temperature: float | None, held_out: Examples) -> Details:
        """Return the confusion matrix, each class's scores, the worst errors and the calibration error."""
        true, said, classes = held_out.targets, self.said(outputs), len(self.names)
        probabilities = _calibrated(outputs, temperature)
        scores = per_class(true, said, classes)
        class_scores = tuple(
            ClassScore(
                name=name,
                rows=int(scores.rows[place]),
                precision=float(scores.precision[place]),
                recall=float(scores.recall[place]),
                f1=float(scores.f1[place]),
            )
            for place, name in enumerate(self.names)
        )
        return Details(
            confusion=tuple(tuple(int(count) for count in row) for row in confusion(true, said, classes)),
            classes=class_scores,
            errors=self._worst_errors(probabilities, said, held_out),
            calibration_error=expected_calibration_error(probabilities, true),
        )

    def _worst_errors(
        self, probabilities: np.ndarray, said: np.ndarray, held_out: Examples
    ) -> tuple[ErrorExample, ...]:
        """Return the wrong rows, the most confident first."""
        confidence = probabilities.max(axis=1)
        wrong = np.flatnonzero(said != held_out.targets)
        worst = wrong[np.argsort(-confidence[wrong], kind="stable")][:WORST_ERRORS]
        return tuple(
            ErrorExample(
                line=int(held_out.lines[row]),
                text=shown(held_out.inputs[row]),
                label=self.names[held_out.targets[row]],
                predicted=self.names[said[row]],
                probability=float(confidence[row]),
            )
            for row in worst
        )

    def target_cell(self, target: Any) -> str:
        """Return the class's name."""
        return str(self.names[target])

    def header(self, rung: str) -> list[str]:
        """Return one column for the class, one for its probability."""
        return [rung, f"{rung}_probability"]

    def cells(self, outputs: Outputs, temperature: float | None, held_out: Examples) -> list[list[str]]:
        """Return the likeliest class's name and calibrated probability."""
        confidence = _calibrated(outputs, temperature).max(axis=1)
        return [
            [self.names[best], f"{share:.6f}"]
            for best, share in zip(self.said(outputs), confidence, strict=True)
        ]


def _calibrated(outputs: Outputs, temperature: float | None) -> np.ndarray:
    assert temperature is not None
    return tempered(log_probabilities(outputs), temperature)


@dataclass(frozen=True)
class NumberJudge:
    """Of numbers: outputs are the answers themselves, [B]."""

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """Pearson's and Spearman's correlation."""
        return (
            OfRows("pearson", correlation.moments, correlation.from_moments),
            OfRows("spearman", correlation.rank_moments, correlation.from_moments),
        )

    def choose(self, examples: Examples, asked: str | None = None) -> tuple[str, str]:
        """Return what the user asked for, else Pearson's correlation."""
        if asked is not None:
            return asked_metric(self, asked)
        return "pearson", "Pearson's correlation decides, because the labels are numbers"

    def temperature(self, outputs: Outputs, targets: np.ndarray) -> float | None:
        """Return None: no output is a probability."""
        return None

    def said(self, outputs: Outputs) -> np.ndarray:
        """Return the outputs."""
        return outputs

    def details(self, outputs: Outputs, temperature: float | None, held_out: Examples) -> Details:
        """Return the largest errors and the mean absolute one."""
        off = np.abs(outputs - held_out.targets)
        worst = np.argsort(-off, kind="stable")[:WORST_ERRORS]
        errors = tuple(
            ErrorExample(
                line=int(held_out.lines[row]),
                text=shown(held_out.inputs[row]),
                label=self.target_cell(held_out.targets[row]),
                predicted=self.target_cell(outputs[row]),
            )
            for row in worst
        )
        return Details(errors=errors, mean_error=float(off.mean()))

    def target_cell(self, target: Any) -> str:
        """Return the number in six digits."""
        return number_words(target)

    def header(self, rung: str) -> list[str]:
        """Return one column."""
        return [rung]

    def cells(self, outputs: Outputs, temperature: float | None, held_out: Examples) -> list[list[str]]:
        """Return the numbers in six digits."""
        return [[number_words(number)] for number in outputs]


@dataclass(frozen=True)
class LabelJudge:
    """Of several labels a row: outputs are each label's probability [B, C]; those above a half are the answer."""

    names: Sequence[str]

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """F1 over all labels, the mean of the labels' F1, and the share of rows whose labels are all right."""
        return (
            OfRows("micro_f1", label_counts, micro_f1),
            OfRows("macro_f1", label_counts, macro_f1),
            OfRows("all_right", all_right, mean),
        )

    def choose(self, examples: Examples, asked: str | None = None) -> tuple[str, str]:
        """Return what the user asked for, else micro-F1."""
        if asked is not None:
            return asked_metric(self, asked)
        return "micro_f1", "micro-F1 decides, because a row may have several labels"

    def temperature(self, outputs: Outputs, targets: np.ndarray) -> float | None:
        """Return None: the probabilities of a row do not add up to 1, and are left as they are."""
        return None

    def said(self, outputs: Outputs) -> np.ndarray:
        """Return which labels are more likely than not, bool [B, C]."""
        likely: np.ndarray = outputs > 0.5
        return likely

    def details(self, outputs: Outputs, temperature: float | None, held_out: Examples) -> Details:
        """Return each label's scores and the rows with the labels that are farthest off."""
        true, said = held_out.targets, self.said(outputs)
        both, rows, named = (true & said).sum(axis=0), true.sum(axis=0), said.sum(axis=0)
        scores = tuple(
            ClassScore(
                name=name,
                rows=int(rows[place]),
                precision=float(both[place] / max(named[place], 1)),
                recall=float(both[place] / max(rows[place], 1)),
                f1=float(2 * both[place] / max(rows[place] + named[place], 1)),
            )
            for place, name in enumerate(self.names)
        )
        off = np.abs(outputs - true).max(axis=1)
        wrong = np.flatnonzero((true != said).any(axis=1))
        worst = wrong[np.argsort(-off[wrong], kind="stable")][:WORST_ERRORS]
        errors = tuple(
            ErrorExample(
                line=int(held_out.lines[row]),
                text=shown(held_out.inputs[row]),
                label=self.target_cell(true[row]),
                predicted=self.target_cell(said[row]),
            )
            for row in worst
        )
        return Details(classes=scores, errors=errors)

    def target_cell(self, target: Any) -> str:
        """Return the labels' names as a JSON list."""
        return names_cell(self.names, target)

    def header(self, rung: str) -> list[str]:
        """Return one column."""
        return [rung]

    def cells(self, outputs: Outputs, temperature: float | None, held_out: Examples) -> list[list[str]]:
        """Return the names of the labels that are more likely than not."""
        return [[self.target_cell(row)] for row in self.said(outputs)]


# What `--metric` may name, whatever the task.
KNOWN_METRICS: tuple[str, ...] = tuple(
    dict.fromkeys(
        metric.name
        for judge in (ClassJudge(()), NumberJudge(), LabelJudge(()), TagJudge(()), AnswerJudge())
        for metric in judge.metrics
    )
)
