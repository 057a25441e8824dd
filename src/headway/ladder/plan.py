"""The plan: what depends on the user, the machine or the clock, decided once and written before the first step."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from headway.core.device import available_memory
from headway.core.errors import HeadwayError, ResourceError, RunError, UsageError
from headway.core.files import human_bytes, read_json, write_json
from headway.core.progress import Progress
from headway.core.times import human_seconds
from headway.ladder.rows import Rows
from headway.ladder.rungs import Rung, Workload

PLAN_FILE = "plan.json"
FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class Decision:
    """Whether a rung is tried in this run, and what it was estimated to take."""

    rung: str
    tried: bool
    reason: str | None = None  # why not
    failed: bool = False  # the estimate itself came to an error, which is the reason
    seconds: float | None = None
    memory: int | None = None
    tokens_at_once: int | None = None  # how much of a batch is computed at once, so that memory holds
    misfit: str | None = None  # what speaks against it on these inputs: it is tried only by name


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything that the bytes of a run depend on beside the data and the code."""

    options: dict[str, Any]  # what the user asked for, by the names of `api.fit`
    command: str = ""  # the same as a command line
    seed: int
    metric: str
    metric_why: str
    tolerance: float  # a fraction of one
    budget_seconds: float
    rungs: tuple[str, ...] | None  # None: those whose estimates fit the budget
    refit: bool
    split: str
    hashes: dict[str, str]  # of the user's files, of the rows made of them, and of a model's folder
    machine: dict[str, str]  # processor, threads, device
    versions: dict[str, str]
    decisions: tuple[Decision, ...] = ()
    format: int = FORMAT

    def save(self, folder: Path) -> None:
        """Write ``plan.json``."""
        write_json(folder / PLAN_FILE, asdict(self))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read ``plan.json``; raises RunError when it is missing, damaged or of another version."""
        path = folder / PLAN_FILE
        stored = read_json(path)
        if not isinstance(stored, dict) or stored.get("format") != FORMAT:
            found = stored.get("format") if isinstance(stored, dict) else None
            raise RunError(f"has format {found}, this version reads {FORMAT}", where=str(path))
        try:
            decisions = tuple(Decision(**values) for values in stored.pop("decisions"))
            rungs = stored.pop("rungs")
            return cls(**stored, decisions=decisions, rungs=None if rungs is None else tuple(rungs))
        except (KeyError, TypeError) as error:
            raise RunError(f"is damaged: {error}", where=str(path), remedy="Make the run again.") from error

    def decision(self, rung: str) -> Decision:
        """Return what was decided on a rung."""
        return next(decision for decision in self.decisions if decision.rung == rung)

    def require_same_data(self, hashes: Mapping[str, str], folder: Path) -> None:
        """Raise RunError when the data or the model's folder have changed since the run began."""
        changed = [what for what, found in hashes.items() if self.hashes.get(what) != found]
        if changed:
            raise RunError(
                f"{', '.join(changed)} changed since this run began",
                where=str(folder),
                remedy="Put back what was there, or make a new run.",
            )


def decide(
    rows: Rows,
    rungs: Sequence[Rung],
    plan: Plan,
    missing: Mapping[str, str],
    progress: Progress,
) -> tuple[Decision, ...]:
    """Estimate each rung that the plan has not decided on and choose those that are tried, cheapest first.

    Returns the plan's decisions and the new ones. What a rung is trained on and how plays no part in them.

    ``missing`` names weights that are not here, and why. A rung is not tried when its weights are missing, when it
    needs more memory than is free, or, unless the plan names it, when its estimate exceeds what those before it leave
    of the budget.
    """
    trainings = [*(len(part.train) for part in rows.parts), *([len(rows.examples)] if plan.refit else [])]
    work = Workload(rows.examples.inputs, len(rows.examples.names), tuple(trainings), len(rows.held_out))
    decisions = list(plan.decisions)
    left = plan.budget_seconds - sum(decision.seconds or 0.0 for decision in decisions if decision.tried)
    known = {decision.rung for decision in decisions}
    for rung in rungs:
        if rung.name in known:
            continue
        decision = _decide(rung, work, None if plan.rungs is not None else left, missing)
        if decision.misfit and decision.tried:
            progress.say(f"  {rung.title}: {decision.misfit}")
        if decision.tried and decision.seconds is not None:
            left -= decision.seconds
            if decision.seconds >= 1:
                at_once = decision.tokens_at_once
                progress.say(
                    f"  {rung.title}: about {human_seconds(decision.seconds)}"
                    f", {human_bytes(decision.memory or 0)} of memory"
                    + ("" if at_once is None else f" with at most {at_once:,} tokens at once")
                )
        decisions.append(decision)
    return tuple(decisions)


def _decide(rung: Rung, work: Workload, left: float | None, missing: Mapping[str, str]) -> Decision:
    lacking = [missing[need] for need in rung.needs if need in missing]
    if lacking:
        return Decision(rung=rung.name, tried=False, reason=lacking[0])
    try:
        estimate = rung.estimate(work)
    except UsageError:  # what was asked for cannot be: said at once
        raise
    except ResourceError as error:
        return Decision(rung=rung.name, tried=False, reason=str(error))
    except HeadwayError as error:
        return Decision(rung=rung.name, tried=False, failed=True, reason=str(error))
    reason = None
    free = available_memory()
    if estimate.memory > free:
        reason = f"needs about {human_bytes(estimate.memory)} of memory, {human_bytes(free)} are free"
    elif left is not None and estimate.misfit:
        reason = f"{estimate.misfit}; --rungs {rung.name} tries it all the same"
    elif left is not None and estimate.seconds > left:
        reason = (
            f"would take about {human_seconds(estimate.seconds)}, "
            f"{human_seconds(max(left, 0.0))} of the budget are left"
        )
    return Decision(rung=rung.name, tried=reason is None, reason=reason, **asdict(estimate))


def choose_rungs(asked: str | Sequence[str] | None, known: Sequence[str]) -> tuple[str, ...] | None:
    """Read ``--rungs``: None, "all", "a,b" or a sequence; raises UsageError on an unknown name."""
    if asked is None:
        return None
    names = [name.strip() for name in asked.split(",")] if isinstance(asked, str) else list(asked)
    if names == ["all"]:
        return tuple(known)
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known)
            hint = f"Did you mean {near[0]}? " if near else ""
            raise UsageError(
                f"unknown rung {name!r}", where="--rungs", remedy=f"{hint}Known: {', '.join(known)}, all."
            )
    return tuple(name for name in known if name in names)
