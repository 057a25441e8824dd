"""The climb: each rung is estimated, trained on the same parts, predicts the same held-out rows, and is timed."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from headway.bundle.predictors import load_predictor, log_probabilities, save_predictor
from headway.core.device import available_memory
from headway.core.errors import HeadwayError
from headway.core.files import atomic_folder, folder_size, human_bytes
from headway.core.progress import Prefixed, Progress
from headway.core.seeding import derive
from headway.core.times import human_seconds
from headway.ladder.comparison import METRIC_TITLES
from headway.ladder.plan import Plan
from headway.ladder.rows import Rows
from headway.ladder.rungs import Rung, Workload
from headway.ladder.wording import percent
from headway.metrics.calibration import fit_temperature
from headway.metrics.classification import score as score_of

if TYPE_CHECKING:
    from headway.models.base import Predictor

LATENCY_TEXTS = 100
LATENCY_SECONDS = 3.0


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What one rung did on the held-out rows, and what it cost."""

    probabilities: np.ndarray  # [held-out rows, C], uncalibrated
    temperature: float
    train_seconds: float
    latency_ms: float
    latency_p95_ms: float
    size_bytes: int
    parameters: int
    settings: dict[str, Any]
    texts_cut: int
    opens_with: str | None

    @property
    def predicted(self) -> np.ndarray:
        """The predicted class of each held-out row."""
        best: np.ndarray = self.probabilities.argmax(axis=1)
        return best


@dataclass(kw_only=True)
class Step:
    """One rung of this climb: measured, or why not."""

    rung: Rung
    estimate_seconds: float | None = None
    measured: Measured | None = None
    status: str = "not tried"
    reason: str | None = None


@dataclass(kw_only=True)
class Ascent:
    """All rungs in ladder order, and whether the user stopped the climb."""

    steps: list[Step] = field(default_factory=list)
    interrupted: bool = False

    @property
    def measured(self) -> list[Step]:
        """The steps that have figures."""
        return [step for step in self.steps if step.measured]


def climb(
    rows: Rows,
    rungs: Sequence[Rung],
    plan: Plan,
    folder: Path,
    progress: Progress,
    missing: Mapping[str, str],
) -> Ascent:
    """Try each rung, cheapest first, and keep the predictors of those measured under ``folder/rungs``.

    ``missing`` names weights that are not here, and why: rungs that need them are not tried.
    A rung whose estimate exceeds what is left of the budget, or the memory there is, is not tried unless
    the plan names it. A rung that fails is recorded and the climb goes on; an interruption ends the climb and keeps
    what was finished.
    """
    started = time.monotonic()
    ascent = Ascent(steps=[Step(rung=rung) for rung in rungs])
    for step in ascent.steps:
        if ascent.interrupted:
            step.reason = "the climb was interrupted before it"
            continue
        try:
            left = plan.budget_seconds - (time.monotonic() - started)
            lacking = [missing[need] for need in step.rung.needs if need in missing]
            step.reason = lacking[0] if lacking else _reason_against(step, rows, plan, left)
            if step.reason is None:
                step.measured = _measure(step.rung, rows, plan.seed, folder, progress)
                step.status = "measured"
        except HeadwayError as error:
            step.status, step.reason = "failed", str(error)
        except KeyboardInterrupt:
            step.status, step.reason = "interrupted", "interrupted"
            ascent.interrupted = True
        progress.end()
        progress.say(_line(step, rows, plan.metric))
    return ascent


def refit(step: Step, rows: Rows, plan: Plan, folder: Path, progress: Progress) -> None:
    """Train the step's rung on all rows and put that predictor in the place of the measured one."""
    assert step.measured is not None
    watched = Prefixed(progress, f"{step.rung.title}, all rows")
    predictor = step.rung.fit(rows.examples, derive(plan.seed, step.rung.name, "all rows"), watched)
    progress.end()
    with atomic_folder(folder / "rungs" / step.rung.name) as target:
        save_predictor(predictor, target, step.measured.temperature)


def _reason_against(step: Step, rows: Rows, plan: Plan, seconds_left: float) -> str | None:
    """Return why the rung is not tried, or None."""
    trainings = [*(len(part.train) for part in rows.parts), *([len(rows.examples)] if plan.refit else [])]
    work = Workload(rows.examples.texts, len(rows.examples.names), tuple(trainings), len(rows.held_out))
    estimate = step.rung.estimate(work)
    step.estimate_seconds = estimate.seconds
    memory = available_memory()
    if estimate.memory > memory:
        return f"needs about {human_bytes(estimate.memory)} of memory, {human_bytes(memory)} are free"
    if plan.rungs is None and estimate.seconds > seconds_left:
        left = human_seconds(max(seconds_left, 0.0))
        return f"would take about {human_seconds(estimate.seconds)}, {left} of the budget are left"
    return None


def _measure(rung: Rung, rows: Rows, seed: int, folder: Path, progress: Progress) -> Measured:
    """Train and predict, save the first part's predictor, and time that one as it loads from disk."""
    first, probabilities, seconds = _train_and_predict(rung, rows, seed, progress)
    held_out = rows.held_out
    temperature = fit_temperature(log_probabilities(probabilities), rows.examples.labels[held_out])
    saved = folder / "rungs" / rung.name
    with atomic_folder(saved) as target:
        save_predictor(first, target, temperature)
    texts = [rows.examples.texts[row] for row in held_out]
    median, slow = latency(saved, texts)
    return Measured(
        probabilities=probabilities,
        temperature=temperature,
        train_seconds=seconds,
        latency_ms=median,
        latency_p95_ms=slow,
        size_bytes=folder_size(saved),
        parameters=first.parameters,
        settings=first.settings,
        texts_cut=first.cut(texts),
        opens_with=first.opens_with,
    )


def _train_and_predict(
    rung: Rung, rows: Rows, seed: int, progress: Progress
) -> tuple["Predictor", np.ndarray, float]:
    """Train on each part; return the first part's predictor, the held-out rows' probabilities, mean seconds a training.

    The probabilities [held-out rows, C] are in the order of ``rows.held_out``.
    """
    examples = rows.examples
    place = np.full(len(examples), -1)
    place[rows.held_out] = np.arange(len(rows.held_out))
    probabilities = np.empty((len(rows.held_out), len(examples.names)))
    predictors: list[Predictor] = []
    seconds = []
    for number, part in enumerate(rows.parts):
        name = rung.title if len(rows.parts) == 1 else f"{rung.title}, {number + 1} of {len(rows.parts)}"
        started = time.perf_counter()
        training = examples.take(part.train)
        predictor = rung.fit(training, derive(seed, rung.name, number), Prefixed(progress, name))
        seconds.append(time.perf_counter() - started)
        texts = [examples.texts[row] for row in part.held_out]
        probabilities[place[part.held_out]] = predictor.probabilities(texts)
        predictors = predictors or [predictor]
    return predictors[0], probabilities, float(np.mean(seconds))


def latency(folder: Path, texts: Sequence[str]) -> tuple[float, float]:
    """Return the median and the 95th percentile of the milliseconds that one text takes, by the saved predictor."""
    predictor = load_predictor(folder)
    chosen = [texts[i] for i in np.linspace(0, len(texts) - 1, min(LATENCY_TEXTS, len(texts))).astype(int)]
    for text in chosen[:3]:
        predictor.probabilities([text])
    times = []
    began = time.perf_counter()
    for text in chosen:
        started = time.perf_counter()
        predictor.probabilities([text])
        times.append(time.perf_counter() - started)
        if time.perf_counter() - began > LATENCY_SECONDS:
            break
    return float(np.median(times) * 1e3), float(np.quantile(times, 0.95) * 1e3)


def _line(step: Step, rows: Rows, metric: str) -> str:
    """Return the line that is said when a rung is done."""
    title = step.rung.title
    if step.measured is None:
        return f"{title}: {step.status} ({step.reason})"
    true = rows.examples.labels[rows.held_out]
    score = score_of(metric, true, step.measured.predicted, len(rows.examples.names))
    figures = (
        f"{METRIC_TITLES[metric]} {percent(score)}, trained in {human_seconds(step.measured.train_seconds)}"
    )
    return f"{title}: {figures}"
