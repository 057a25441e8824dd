"""A prepared run: its decisions, the climb, the conclusion, and what stays when it breaks off."""

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from headway.bundle.run import PREDICTIONS_FILE, RECORD_FILE, REPORT_FILE, Run
from headway.core import device as machine
from headway.core.errors import FetchError
from headway.core.files import disk_errors, write_json, write_text
from headway.core.progress import Progress

if TYPE_CHECKING:
    from headway.bundle.record import RunRecord
    from headway.ladder.climb import Ascent
    from headway.ladder.kept import Kept
    from headway.ladder.preparation import Prepared
    from headway.ladder.rungs import Rung
    from headway.weights.published import Published


def begun(prepared: "Prepared", folder: Path, progress: Progress) -> "Prepared":
    """Decide on the rungs that are measured before torch is loaded, and write the plan so far."""
    from headway.ladder.plan import decide
    from headway.ladder.rungs import LIGHT

    light = [rung for rung in prepared.rungs if rung.name in LIGHT]
    plan = replace(prepared.plan, decisions=decide(prepared.rows, light, prepared.plan, {}, progress))
    plan.save(folder)
    return replace(prepared, plan=plan)


def decided(
    prepared: "Prepared",
    folder: Path,
    fetch: bool | Callable[["Published"], bool] | None,
    progress: Progress,
) -> "Prepared":
    """Decide what else depends on machine and clock, and write the plan, before the first step of a network."""
    from headway.ladder.plan import decide
    from headway.ladder.preparation import machine_facts

    missing = missing_weights(prepared.rungs, fetch, progress)
    plan = replace(
        prepared.plan,
        decisions=decide(prepared.rows, prepared.rungs, prepared.plan, missing, progress),
        machine=machine_facts(prepared.plan.options["device"]),
    )
    if "arithmetic" in plan.machine:
        progress.say(f"  Networks are trained in {plan.machine['arithmetic']}")
    plan.save(folder)
    return replace(prepared, plan=plan)


@contextmanager
def left_resumable(folder: Path, kept: "Kept") -> Iterator[None]:
    """When the run ends in an error, keep what was finished and say how to go on; remove a folder without any."""
    try:
        yield
    except BaseException as error:
        if kept.worth_keeping():
            error.add_note(f"What was finished is kept; go on with: headway fit --resume {folder}")
        elif not (folder / RECORD_FILE).exists():
            shutil.rmtree(folder, ignore_errors=True)
        raise


def climb_prepared(
    prepared: "Prepared",
    folder: Path,
    fetch: bool | Callable[["Published"], bool] | None,
    kept: "Kept",
    progress: Progress,
    started: float,
) -> Run:
    """Climb, conclude, and remove what only an unfinished run needs.

    The rungs without torch come first; then what the plan leaves open is decided, and the others follow.
    """
    from headway.ladder.climb import climb
    from headway.ladder.preparation import machine_facts
    from headway.ladder.rungs import LIGHT

    light = [rung for rung in prepared.rungs if rung.name in LIGHT]
    others = [rung for rung in prepared.rungs if rung.name not in LIGHT]
    with disk_errors(folder):
        ascent = climb(prepared.rows, light, prepared.plan, folder, kept, progress)
        if ascent.interrupted:  # the plan on disk stays open: who goes on decides
            facts = machine_facts(prepared.plan.options["device"])
            prepared = replace(prepared, plan=replace(prepared.plan, machine=facts))
        elif len(prepared.plan.decisions) < len(prepared.rungs):
            prepared = decided(prepared, folder, fetch, progress)
        ascent = climb(prepared.rows, others, prepared.plan, folder, kept, progress, ascent)
        record = _conclude(ascent, prepared, folder, kept, progress, started)
        if not ascent.interrupted:
            kept.remove()
    return Run(folder, record)


def _conclude(
    ascent: "Ascent",
    prepared: "Prepared",
    folder: Path,
    kept: "Kept",
    progress: Progress,
    started: float,
) -> "RunRecord":
    """Compare, decide, refit what ships, and write predictions, report and record; the record comes last."""
    from headway.bundle.record import FORMAT, RunRecord
    from headway.ladder.climb import refit
    from headway.ladder.explanations import explain_errors
    from headway.ladder.summary import compare_rungs, predictions_csv, rung_records, shipped_details
    from headway.ladder.verdict import decide
    from headway.report.page import render

    rows, plan = prepared.rows, prepared.plan
    comparison = compare_rungs(ascent, rows, plan.metric, plan.seed)
    if comparison is None and ascent.interrupted:
        raise KeyboardInterrupt
    rungs = rung_records(ascent, comparison)
    verdict = decide(comparison, rungs, metric_why=plan.metric_why, split=rows.kind, tolerance=plan.tolerance)
    shipped = next(step for step in ascent.measured if step.rung.name == verdict.ships)
    assert shipped.measured is not None
    details = shipped_details(shipped.measured, rows)
    explanations = (
        {} if ascent.interrupted else explain_errors(verdict.ships, details.errors, rows, kept, progress)
    )
    refitted = plan.refit and not ascent.interrupted
    if refitted:
        progress.say(f"Training {shipped.rung.title} again on all {len(rows.examples):,} rows")
        refit(shipped, rows, plan, folder, kept, progress)
    record = RunRecord(
        format=FORMAT,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        command=plan.command,
        seed=plan.seed,
        machine={**plan.machine, "cores": str(machine.cores())},
        versions=plan.versions,
        data=prepared.facts,
        rungs=rungs,
        verdict=verdict,
        refitted=refitted,
        confusion=details.confusion,
        classes=details.classes,
        errors=details.errors,
        calibration_error=details.calibration_error,
        mean_error=details.mean_error,
        seconds=time.monotonic() - started,
    )
    write_text(folder / PREDICTIONS_FILE, predictions_csv(ascent, rows))
    write_text(folder / REPORT_FILE, render(record, explanations))
    write_json(folder / RECORD_FILE, record.to_dict())
    return record


def missing_weights(
    rungs: Sequence["Rung"], fetch: bool | Callable[["Published"], bool] | None, progress: Progress
) -> dict[str, str]:
    """Fetch what may be fetched; return catalog name -> why not, for weights that stay missing."""
    needs = dict.fromkeys(need for rung in rungs for need in rung.needs)
    if not needs:
        return {}
    from headway.weights import cache, catalog

    missing: dict[str, str] = {}
    for name in needs:
        entry = catalog.find_published(name)
        if cache.is_cached(entry):
            continue
        command = f"headway zoo fetch {name}"
        if not entry.comes_along and not (fetch(entry) if callable(fetch) else fetch):
            missing[name] = f"its weights are not cached ({entry.summary}); fetch them with: {command}"
            progress.say(f"  {entry.title} is not cached ({entry.summary}); its rungs are skipped.")
            progress.say(f"  Fetch it with: {command}")
            continue
        try:
            cache.fetch(entry, progress, offline=entry.comes_along)
        except FetchError as error:
            missing[name] = f"its weights could not be fetched; try: {command}"
            progress.say(f"  {error}")
    return missing
