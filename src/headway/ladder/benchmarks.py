"""A run on the files of a benchmark: the official figures with intervals, and the files that its server takes."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from headway.bundle.record import Score
from headway.bundle.run import Run
from headway.core.answers import told
from headway.core.errors import DataError, RunError, UsageError
from headway.core.files import write_json, write_text
from headway.data.examples import Examples
from headway.data.glue import GlueTask, glue_examples, glue_inputs, glue_task, read_glue
from headway.data.snli import LABELS, read_snli
from headway.data.squad import SquadFile, read_squad
from headway.data.table import listed
from headway.metrics import correlation, spans, squad
from headway.metrics.classification import f1_counts, from_matthews_counts, matthews_counts
from headway.metrics.metric import Metric, OfClasses, OfRows
from headway.metrics.row_bootstrap import mean, row_interval

SEED = 0  # of the intervals
_LOWEST, _HIGHEST = 0.0, 5.0  # of STS-B


@dataclass(frozen=True, kw_only=True)
class BenchmarkScore:
    """The official figures of one file."""

    part: str
    rows: int
    scores: dict[str, Score]
    left_out: int = 0  # pairs without a gold label


@dataclass(frozen=True, kw_only=True)
class BenchmarkResult:
    """What a run reaches on a benchmark's files, and the submission files that were written."""

    scores: tuple[BenchmarkScore, ...]
    written: tuple[Path, ...] = ()


def score_glue(run: Run, folder: Path, out: Path, rung: str | None = None) -> BenchmarkResult:
    """Score the files of a task's folder that have labels, and answer those that have none into ``out``.

    Raises DataError, UsageError where the run was not trained for such a task, and RunError where a submission file is
    there already.
    """
    task = glue_task(folder)
    labels = _answers(run, task.labels, task.name, len(task.texts), rung)
    scores: list[BenchmarkScore] = []
    written: list[Path] = []
    for name, part in task.scored.items():
        if (folder / name).is_file():
            examples = glue_examples(read_glue(folder / name, task), task)
            if examples is None:
                raise DataError(
                    "has no labels, or hidden ones (-1), to score against", where=str(folder / name)
                )
            scores.append(_score(run, rung, examples, labels, task.metrics, part))
    for name, submission in task.answered.items():
        if (folder / name).is_file():
            written.append(_submit(run, rung, task, folder / name, out / submission, labels))
    if not scores and not written:
        files = listed((*task.scored, *task.answered))
        raise DataError(f"holds none of {task.name}'s files ({files})", where=str(folder))
    return BenchmarkResult(scores=tuple(scores), written=tuple(written))


def score_snli(run: Run, path: Path, rung: str | None = None) -> BenchmarkResult:
    """Score a run on SNLI's own file; pairs without a gold label are left out. Raises DataError, UsageError."""
    labels = _answers(run, LABELS, "SNLI", 2, rung)
    examples, left_out = read_snli(path)
    found = _score(run, rung, examples, labels, ("accuracy",), f"SNLI {path.name}", left_out)
    return BenchmarkResult(scores=(found,))


def score_squad(run: Run, path: Path, out: Path, rung: str | None = None) -> BenchmarkResult:
    """Score a run on a file in SQuAD's form, and write its answers as the official script and server take them: an
    object of each question's id and the answer, empty for none.

    Where some questions have no answer they and the others are scored apart too. A file whose answers are hidden is
    answered and not scored. Raises DataError, UsageError where the run answers no questions, and RunError where the
    answers are there already.
    """
    if run.record.data.task != "answers":
        raise UsageError(
            f"the run learned {run.record.data.task}, SQuAD wants answers", where=str(run.folder)
        )
    file = read_squad(path)
    if not file.hidden:
        file.require_answers()
    target = out / "predictions.json"
    _require_free(target)
    outputs = run.predictor(rung).predict(
        [(question.question, question.context) for question in file.questions]
    )
    answers = {
        question.id: told(question.context, likeliest[0])
        for question, likeliest in zip(file.questions, outputs, strict=True)
    }
    target.parent.mkdir(parents=True, exist_ok=True)
    write_json(target, answers, indent=None)
    scores = () if file.hidden else _squad_scores(file, answers)
    return BenchmarkResult(scores=scores, written=(target,))


def _squad_scores(file: SquadFile, answers: Mapping[str, str]) -> tuple[BenchmarkScore, ...]:
    """Return the figures of all questions, by KorQuAD's rule where they are Korean; of those with and without an answer
    too, where there are both.
    """
    rule = squad.rule_of([question.question for question in file.questions])
    parts = {f"{rule.name} {Path(file.source).name}": list(file.questions)}
    answered = [question for question in file.questions if question.answers]
    if 0 < len(answered) < len(file.questions):
        parts["  with an answer"] = answered
        parts["  without an answer"] = [question for question in file.questions if not question.answers]
    found = []
    for part, questions in parts.items():
        golds = {question.id: [span.text for span in question.answers or ()] for question in questions}
        scored = squad.score(golds, answers, rule)
        scores = {}
        for name, each in (("exact_match", scored.exact), ("answer_f1", scored.f1)):
            interval = row_interval(np.stack([np.ones(len(each)), each], axis=1), mean, SEED)
            scores[name] = Score(value=interval.value, low=interval.low, high=interval.high)
        found.append(BenchmarkScore(part=part, rows=len(questions), scores=scores))
    return tuple(found)


def official_metric(name: str, classes: int) -> Metric:
    """Return the metric of this name, for so many classes; F1 is that of the class named second, "1"."""
    if name == "f1":
        return OfRows(name, f1_counts(1), spans.from_counts)
    if name == "matthews":
        return OfRows(name, matthews_counts(classes), from_matthews_counts)
    if name == "pearson":
        return OfRows(name, correlation.moments, correlation.from_moments)
    if name == "spearman":
        return OfRows(name, correlation.rank_moments, correlation.from_moments)
    return OfClasses(name, classes)


def _answers(run: Run, names: Sequence[str], benchmark: str, texts: int, rung: str | None) -> np.ndarray:
    """Return, for each of the run's labels, its place among the benchmark's names: by name, whatever their orders."""
    known = run.predictor(rung).labels
    if set(known) != set(names) or run.record.data.task == "answers":
        kind = "passages" if run.record.data.task == "answers" else "numbers"
        given = f"answers with {listed(known)}" if known else f"answers with {kind}"
        wanted = f"with {listed(tuple(names))}" if names else "with numbers"
        raise UsageError(f"the run {given}; {benchmark} is answered {wanted}", where=str(run.folder))
    if len(run.record.data.text_columns) != texts:
        wanted = "pairs of texts" if texts == 2 else "single texts"
        raise UsageError(f"the run was not trained on {wanted}, which {benchmark} has", where=str(run.folder))
    return np.array([list(names).index(name) for name in known], dtype=np.int64)


def _said(run: Run, rung: str | None, inputs: Sequence[Any], labels: np.ndarray) -> np.ndarray:
    outputs = run.predictor(rung).predict(inputs)
    return labels[outputs.argmax(axis=1)] if len(labels) else outputs


def _score(
    run: Run,
    rung: str | None,
    examples: Examples,
    labels: np.ndarray,
    metrics: Sequence[str],
    part: str,
    left_out: int = 0,
) -> BenchmarkScore:
    said = _said(run, rung, examples.inputs, labels)
    scores = {}
    for name in metrics:
        found = official_metric(name, len(examples.names)).interval(examples.targets, said, SEED)
        scores[name] = Score(value=found.value, low=found.low, high=found.high)
    return BenchmarkScore(part=part, rows=len(examples), scores=scores, left_out=left_out)


def _require_free(target: Path) -> None:
    if target.exists():
        raise RunError("already exists", where=str(target), remedy="Choose another --out, or remove it.")


def _submit(
    run: Run, rung: str | None, task: GlueTask, source: Path, target: Path, labels: np.ndarray
) -> Path:
    """Write `index`, `prediction`: a label's name, or a number from 0 to 5."""
    _require_free(target)
    table = read_glue(source, task)
    said = _said(run, rung, glue_inputs(table, task), labels)
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    writer.writerow(["index", "prediction"])
    for row, answer in enumerate(said):
        told = task.labels[answer] if task.labels else f"{min(max(answer, _LOWEST), _HIGHEST):.3f}"
        writer.writerow([str(row), told])
    target.parent.mkdir(parents=True, exist_ok=True)
    write_text(target, text.getvalue())
    return target
