"""The climb: each rung is trained on the same parts, predicts the same held-out rows, and is timed."""

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from headway.bundle.predictors import Calibrated, load_predictor, set_temperature
from headway.core.errors import DiskError, HeadwayError
from headway.core.files import atomic_folder, folder_size
from headway.core.progress import Prefixed, Progress
from headway.core.seeding import derive
from headway.core.times import human_seconds
from headway.data.pictures import are_pictures
from headway.ladder.judge import metric_named
from headway.ladder.judges import judge_of
from headway.ladder.kept import Finished, Kept
from headway.ladder.measured import Measured, mean_seed_scores
from headway.ladder.plan import Plan
from headway.ladder.rows import Rows
from headway.ladder.rungs import TEACHERS, Rung
from headway.ladder.wording import METRIC_TITLES, figure, seeds_words

LATENCY_ROWS = 100
LATENCY_SECONDS = 3.0


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
    kept: Kept,
    progress: Progress,
    below: Ascent | None = None,
) -> Ascent:
    """Go through the rungs as the plan decided, and keep the predictors of those measured under ``folder/rungs``.

    ``below`` is what was climbed before; what ``kept`` holds is not done again. A rung that fails is recorded and the
    climb goes on; an interruption ends the climb and keeps what was finished; a disk that fails ends it with DiskError.
    """
    decisions = {decision.rung: decision for decision in plan.decisions}
    new = [Step(rung=rung) for rung in rungs]
    ascent = (
        Ascent(steps=new)
        if below is None
        else Ascent(steps=[*below.steps, *new], interrupted=below.interrupted)
    )
    for step in _teachers_first(new):
        if ascent.interrupted:
            step.reason = "the climb was interrupted before it"
            continue
        decision = decisions[step.rung.name]
        step.estimate_seconds = decision.seconds
        step.status, step.reason = "failed" if decision.failed else "not tried", decision.reason
        if decision.tried:
            try:
                step.measured = _measure(step.rung, rows, plan, folder, kept, progress)
                step.status = "measured"
            except DiskError:
                raise
            except HeadwayError as error:
                step.status, step.reason = "failed", str(error)
            except KeyboardInterrupt:
                step.status, step.reason = "interrupted", "interrupted"
                ascent.interrupted = True
        progress.end()
        progress.say(_line(step, rows, plan.metric))
    return ascent


def _teachers_first(steps: Sequence[Step]) -> list[Step]:
    """Return the steps in the order of training: as they are, but no pupil before its teacher."""
    waiting = [step for step in steps if step.rung.name in TEACHERS]
    ordered: list[Step] = []
    for step in steps:
        if step not in waiting:
            ordered.append(step)
            ordered += [pupil for pupil in waiting if TEACHERS[pupil.rung.name] == step.rung.name]
    return ordered + [pupil for pupil in waiting if pupil not in ordered]


def refit(step: Step, rows: Rows, plan: Plan, folder: Path, kept: Kept, progress: Progress) -> None:
    """Train the step's rung on all rows and put that predictor in the place of the measured one."""
    assert step.measured is not None
    name = step.rung.name
    watched = Prefixed(progress, f"{step.rung.title}, all rows")
    seed = derive(plan.seed, name, "all rows")
    at_once = plan.decision(name).tokens_at_once
    finished = kept.train(
        step.rung, "all rows", rows.examples, [], seed, watched, keep=True, tokens_at_once=at_once
    )
    progress.end()
    _ship(finished, folder / "rungs" / name, step.measured.temperature)


def _ship(finished: Finished, target: Path, temperature: float | None) -> None:
    """Copy a kept predictor to where the run has it, with its temperature."""
    assert finished.predictor is not None
    with atomic_folder(target) as folder:
        shutil.copytree(finished.predictor, folder, dirs_exist_ok=True)
        set_temperature(folder, temperature)


def _measure(rung: Rung, rows: Rows, plan: Plan, folder: Path, kept: Kept, progress: Progress) -> Measured:
    """Train on each part and predict what it holds out; time the first part's predictor as it loads from disk."""
    before = kept.measured(rung.name)
    if before is not None:
        return before
    trainings = [_train_part(rung, rows, plan, number, kept, progress) for number in range(len(rows.parts))]
    held_out = rows.held_out
    predicted = np.concatenate([part.held_out for part in rows.parts])
    outputs = np.concatenate([finished.outputs for finished in trainings])[np.argsort(predicted)]
    temperature = judge_of(rows.examples).temperature(outputs, rows.examples.targets[held_out])
    saved = folder / "rungs" / rung.name
    _ship(trainings[0], saved, temperature)
    inputs = [rows.examples.inputs[row] for row in held_out]
    predictor = load_predictor(saved)
    median, slow = latency(predictor, inputs)
    measured = Measured(
        outputs=outputs,
        temperature=temperature,
        train_seconds=float(np.mean([finished.seconds for finished in trainings])),
        latency_ms=median,
        latency_p95_ms=slow,
        size_bytes=folder_size(saved),
        parameters=predictor.predictor.parameters,
        settings=predictor.predictor.settings,
        texts_cut=predictor.predictor.cut(inputs),
        opens_with=predictor.predictor.opens_with,
        seed_scores=mean_seed_scores([finished.seed_scores for finished in trainings]),
    )
    kept.keep_measured(rung.name, measured)
    return measured


def _train_part(rung: Rung, rows: Rows, plan: Plan, number: int, kept: Kept, progress: Progress) -> Finished:
    """Train on one part; its predictor is kept where it ships, teaches, or is to explain its errors."""
    part, examples = rows.parts[number], rows.examples
    name = rung.title if len(rows.parts) == 1 else f"{rung.title}, {number + 1} of {len(rows.parts)}"
    teaches = {TEACHERS.get(decision.rung) for decision in plan.decisions if decision.tried}
    return kept.train(
        rung,
        f"part {number + 1}",
        examples.take(part.train),
        [examples.inputs[row] for row in part.held_out],
        derive(plan.seed, rung.name, number),
        Prefixed(progress, name),
        keep=number == 0 or rung.name in teaches or are_pictures(examples.inputs),
        tokens_at_once=plan.decision(rung.name).tokens_at_once,
    )


def latency(predictor: Calibrated, inputs: Sequence[Any]) -> tuple[float, float]:
    """Return the median and the 95th percentile of the milliseconds that one input takes."""
    chosen = [inputs[i] for i in np.linspace(0, len(inputs) - 1, min(LATENCY_ROWS, len(inputs))).astype(int)]
    for one in chosen[:3]:
        predictor.predict([one])
    times = []
    began = time.perf_counter()
    for one in chosen:
        started = time.perf_counter()
        predictor.predict([one])
        times.append(time.perf_counter() - started)
        if time.perf_counter() - began > LATENCY_SECONDS:
            break
    return float(np.median(times) * 1e3), float(np.quantile(times, 0.95) * 1e3)


def _line(step: Step, rows: Rows, metric: str) -> str:
    """Return the line that is said when a rung is done."""
    title = step.rung.title
    if step.measured is None:
        return f"{title}: {step.status} ({step.reason})"
    judge = judge_of(rows.examples)
    true, said = rows.examples.targets[rows.held_out], judge.said(step.measured.outputs)
    score = metric_named(judge, metric).value(true, said)
    trained = human_seconds(step.measured.train_seconds)
    spread = step.measured.seed_scores
    seeds = "" if spread is None else f"; {seeds_words(spread)}"
    return f"{title}: {METRIC_TITLES[metric]} {figure(score, metric)}, trained in {trained}{seeds}"
