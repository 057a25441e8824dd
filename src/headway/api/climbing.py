"""A prepared run at work: its decisions, the climb, the conclusion, and what stays when it breaks off."""

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

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

Fetch: TypeAlias = "bool | Callable[[Published], bool] | None"


@dataclass(frozen=True)
class Climbing:
    """A run at work."""

    folder: Path
    fetch: Fetch  # whether missing weights may be fetched, or who is asked; without, their rungs are skipped
    progress: Progress
    started: float = field(default_factory=time.monotonic)

    @cached_property
    def kept(self) -> "Kept":
        """What it has finished."""
        from headway.ladder.kept import Kept

        return Kept(self.folder)

    def begin(self, prepared: "Prepared") -> Run:
        """Make the folder, decide on the rungs that are measured before torch is loaded, and climb."""
        with self.new_folder():
            return self.climb(self._begun(prepared))

    @contextmanager
    def new_folder(self) -> Iterator[None]:
        """Make the run folder, which is not there yet, and hold it. Raises DiskError.

        It is left resumable, or removed, from the moment it is there: an interrupt may come before it is held.
        """
        with disk_errors(self.folder):
            self.folder.mkdir(parents=True)
        with self.left_resumable(), self.kept.held():
            yield

    def _begun(self, prepared: "Prepared") -> "Prepared":
        """Decide on the rungs that are measured before torch is loaded, and write the plan so far."""
        from headway.ladder.plan import decide
        from headway.ladder.rungs import LIGHT

        light = [rung for rung in prepared.rungs if rung.name in LIGHT]
        plan = replace(
            prepared.plan, decisions=decide(prepared.rows, light, prepared.plan, {}, self.progress)
        )
        plan.save(self.folder)
        return replace(prepared, plan=plan)

    def decided(self, prepared: "Prepared") -> "Prepared":
        """Decide what else depends on machine and clock, and write the plan, before the first step of a network."""
        from headway.ladder.plan import decide
        from headway.ladder.preparation import machine_facts

        missing = self.missing_weights(prepared.rungs)
        plan = replace(
            prepared.plan,
            decisions=decide(prepared.rows, prepared.rungs, prepared.plan, missing, self.progress),
            machine=machine_facts(prepared.plan.options["device"]),
        )
        if "arithmetic" in plan.machine:
            self.progress.say(f"  Networks are trained in {plan.machine['arithmetic']}")
        plan.save(self.folder)
        return replace(prepared, plan=plan)

    @contextmanager
    def left_resumable(self) -> Iterator[None]:
        """When the run ends in an error, keep what was finished and say how to go on; remove a folder without any."""
        try:
            yield
        except BaseException as error:
            if self.kept.worth_keeping():
                error.add_note(f"What was finished is kept; go on with: headway fit --resume {self.folder}")
            elif not (self.folder / RECORD_FILE).exists():
                shutil.rmtree(self.folder, ignore_errors=True)
            raise

    def climb(self, prepared: "Prepared") -> Run:
        """Climb, conclude, and remove what only an unfinished run needs.

        The rungs without torch come first; then what the plan leaves open is decided, and the others follow.
        """
        from headway.ladder.climb import climb
        from headway.ladder.preparation import machine_facts
        from headway.ladder.rungs import LIGHT

        light = [rung for rung in prepared.rungs if rung.name in LIGHT]
        others = [rung for rung in prepared.rungs if rung.name not in LIGHT]
        with disk_errors(self.folder):
            ascent = climb(prepared.rows, light, prepared.plan, self.folder, self.kept, self.progress)
            if ascent.interrupted:  # the plan on disk stays open: who goes on decides
                facts = machine_facts(prepared.plan.options["device"])
                prepared = replace(prepared, plan=replace(prepared.plan, machine=facts))
            elif len(prepared.plan.decisions) < len(prepared.rungs):
                prepared = self.decided(prepared)
            ascent = climb(
                prepared.rows, others, prepared.plan, self.folder, self.kept, self.progress, ascent
            )
            record = self._conclude(ascent, prepared)
            if not ascent.interrupted:
                self.kept.remove()
        return Run(self.folder, record)

    def _conclude(self, ascent: "Ascent", prepared: "Prepared") -> "RunRecord":
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
        verdict = decide(
            comparison, rungs, metric_why=plan.metric_why, split=rows.kind, tolerance=plan.tolerance
        )
        shipped = next(step for step in ascent.measured if step.rung.name == verdict.ships)
        assert shipped.measured is not None
        details = shipped_details(shipped.measured, rows)
        explanations = {}
        if not ascent.interrupted:
            explanations = explain_errors(verdict.ships, details.errors, rows, self.kept, self.progress)
        refitted = plan.refit and not ascent.interrupted
        if refitted:
            self.progress.say(f"Training {shipped.rung.title} again on all {len(rows.examples):,} rows")
            refit(shipped, rows, plan, self.folder, self.kept, self.progress)
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
            seconds=time.monotonic() - self.started,
        )
        write_text(self.folder / PREDICTIONS_FILE, predictions_csv(ascent, rows))
        write_text(self.folder / REPORT_FILE, render(record, explanations))
        write_json(self.folder / RECORD_FILE, record.to_dict())
        return record

    def missing_weights(self, rungs: Sequence["Rung"]) -> dict[str, str]:
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
            if not entry.comes_along and not (self.fetch(entry) if callable(self.fetch) else self.fetch):
                missing[name] = f"its weights are not cached ({entry.summary}); fetch them with: {command}"
                self.progress.say(f"  {entry.title} is not cached ({entry.summary}); its rungs are skipped.")
                self.progress.say(f"  Fetch it with: {command}")
                continue
            try:
                cache.fetch(entry, self.progress, offline=entry.comes_along)
            except FetchError as error:
                missing[name] = f"its weights could not be fetched; try: {command}"
                self.progress.say(f"  {error}")
        return missing
