"""From what the user asks for to what a climb needs: rows, rungs and plan, for a new run or a resumed one."""

import hashlib
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from headway.bundle.record import DataFacts
from headway.core import device as machine
from headway.core.circumstances import require_same
from headway.core.errors import UsageError
from headway.core.files import sha256_file
from headway.core.progress import Progress
from headway.core.times import parse_seconds
from headway.core.versions import installed_versions
from headway.data.examples import TASKS, Task
from headway.data.inputs import are_pairs, identity, same_text, shown
from headway.ladder.intake import Intake, read_unlabelled, take_in
from headway.ladder.judges import KNOWN_METRICS, judge_of
from headway.ladder.picture_intake import holds_pictures
from headway.ladder.picture_rungs import picture_rungs
from headway.ladder.plan import Plan, choose_rungs
from headway.ladder.rows import Rows
from headway.ladder.rungs import USUAL, Rung, text_rungs
from headway.ladder.squad_intake import holds_questions
from headway.training.reading_settings import ReadingSettings
from headway.training.settings import TrainingSettings
from headway.weights import catalog
from headway.weights.cache import cache_folder


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the user asks for, by the names of `api.fit`; the bytes of a run follow from these and its data."""

    data: Any  # a path or a data frame
    test: Any | None
    text: str | tuple[str, ...] | None
    label: str | None
    model: str | None  # None: the usual one for such data
    student: str | int | None
    unlabelled: str | None
    recipe: Mapping[str, Any] | None
    metric: str | None
    rungs: str | tuple[str, ...] | None
    budget: str | float
    tolerance: float
    seed: int
    refit: bool
    device: str | None
    max_rows: int
    drop_limit: float
    drop_rare: bool
    task: Task | None = None
    vectors: str | None = None
    language_model: str | tuple[str, ...] | None = None

    def check(self) -> None:
        """Raise UsageError on what is wrong whatever the data are."""
        if self.tolerance < 0:
            raise UsageError(f"must be 0 or more points, not {self.tolerance}", where="--tolerance")
        if self.metric is not None and _plain(self.metric) not in KNOWN_METRICS:
            names = ", ".join(name.replace("_", "-") for name in KNOWN_METRICS)
            raise UsageError(f"unknown metric {self.metric!r}", where="--metric", remedy=f"Known: {names}.")
        if self.task is not None and self.task not in TASKS:
            raise UsageError(
                f"unknown task {self.task!r}", where="--task", remedy=f"Known: {', '.join(TASKS)}."
            )
        if self.device is not None:
            machine.choose_device(self.device)
        if self.recipe:
            self._settings_class().from_dict({"epochs": 1, "learning_rate": 1.0, **self.recipe})
        parse_seconds(self.budget)
        known = [rung for task in TASKS for rung in self._ladder((), task, pairs=False)]
        choose_rungs(self.rungs, list(dict.fromkeys(rung.name for rung in known)))

    def stored(self) -> dict[str, Any]:
        """Return plain values for the plan: files by their whole paths, data frames as None."""
        values = dict(vars(self))
        for name in ("data", "test"):
            given = values[name]
            values[name] = str(Path(given).absolute()) if isinstance(given, str | Path) else None
        for name in ("model", "student", "unlabelled", "vectors"):
            if isinstance(values[name], str) and Path(values[name]).exists():
                values[name] = str(Path(values[name]).absolute())
        if self.language_model is not None:
            values["language_model"] = [
                model if model in catalog.CATALOG else str(Path(model).absolute())
                for model in self._language_models()
            ]
        return values

    @classmethod
    def restored(cls, plan: Plan, data: Any | None, test: Any | None) -> Self:
        """Return the options of a run that goes on; data frames have to be given again. Raises UsageError."""
        values = dict(plan.options)
        values["data"] = data if values["data"] is None else values["data"]
        if values["data"] is None:
            raise UsageError(
                "the run was made from a data frame", where="data", remedy="Give the same data frame again."
            )
        values["test"] = test if values["test"] is None else values["test"]
        return cls(**values)

    def hashes(self) -> dict[str, str]:
        """Return the hashes of the user's files, and of a model that is a folder."""
        files = {
            "the data": self.data,
            "the test file": self.test,
            "the unlabelled texts": self.unlabelled,
            "the vectors": self.vectors,
        }
        found = {
            what: sha256_file(Path(path))
            for what, path in files.items()
            if isinstance(path, str | Path) and Path(path).is_file()
        }
        folders = {"the model": self.model, "the student": self.student, "the vectors": self.vectors}
        numbered = enumerate(self._language_models(), 1)
        folders |= {f"language model {number}": name for number, name in numbered}
        for what, name in folders.items():
            if isinstance(name, str) and name not in catalog.published() and Path(name).is_dir():
                found[what] = _hash_folder(Path(name))
        return found

    def prepare(self, progress: Progress) -> "Prepared":
        """Read the data and put the plan up, without its decisions. Raises DataError, UsageError, ResourceError."""
        intake = Intake(
            data=self.data,
            test=self.test,
            text=self.text,
            label=self.label,
            task=self.task,
            drop_limit=self.drop_limit / 100,
            drop_rare=self.drop_rare,
            max_rows=self.max_rows,
            seed=self.seed,
        )
        hashes = self.hashes()
        rows, facts = take_in(intake, progress)
        if rows.examples.task == "answers":
            self._refuse_what_is_for_texts("questions")
        _require_served(self.recipe or {}, rows.examples.task)
        unlabelled = self._unlabelled(rows, facts, progress)
        examples = rows.examples
        ladder = self._ladder(unlabelled, examples.task, pairs=are_pairs(examples.inputs))
        asked = choose_rungs(self.rungs, [rung.name for rung in ladder])
        metric, why = judge_of(examples).choose(
            examples, None if self.metric is None else _plain(self.metric)
        )
        progress.say(f"  {why}")
        plan = Plan(
            options=self.stored(),
            seed=self.seed,
            metric=metric,
            metric_why=why,
            tolerance=self.tolerance / 100,
            budget_seconds=parse_seconds(self.budget),
            rungs=asked,
            refit=self.refit,
            split=rows.words,
            hashes=hashes | {"the rows": _hash_rows(rows)},
            machine=machine_facts(self.device),
            versions=installed_versions(),
        )
        chosen = [rung for rung in ladder if rung.name in (asked or USUAL)]
        return Prepared(rows, facts, chosen, plan)

    def _language_models(self) -> tuple[str, ...]:
        """The general language models that were named."""
        given = self.language_model
        return () if given is None else (given,) if isinstance(given, str) else tuple(given)

    def _ladder(self, unlabelled: Sequence[str], task: Task, *, pairs: bool) -> list[Rung]:
        if holds_pictures(self.data, self.text):
            self._refuse_what_is_for_texts("pictures")
            if self.task not in (None, "classes"):
                raise UsageError(f"pictures have classes, not {self.task}", where="--task")
            return picture_rungs(self.device, self.model, recipe=self.recipe)
        return text_rungs(
            self.device,
            self.model,
            task=task,
            pairs=pairs,
            student=self.student,
            unlabelled=unlabelled,
            vectors=self.vectors,
            language_models=self._language_models(),
            recipe=self.recipe,
        )

    def _refuse_what_is_for_texts(self, found: str) -> None:
        for name in ("student", "unlabelled", "vectors", "language_model"):
            if getattr(self, name) is not None:
                raise UsageError(f"is for texts, and these are {found}", where=f"--{name.replace('_', '-')}")

    def _settings_class(self) -> type[TrainingSettings]:
        if holds_questions(self.data, self.task):
            return ReadingSettings
        if not holds_pictures(self.data, self.text):
            return TrainingSettings
        from headway.training.picture_settings import PictureSettings

        return PictureSettings

    def _unlabelled(self, rows: Rows, facts: DataFacts, progress: Progress) -> tuple[str, ...]:
        """Read the texts without labels; those that stand among the rows are left out, so that no held-out row
        is learned from.
        """
        if self.unlabelled is None:
            return ()
        if are_pairs(rows.examples.inputs):
            raise UsageError(
                "texts without labels do not help where the rows are pairs", where="--unlabelled"
            )
        texts = read_unlabelled(Path(self.unlabelled), facts.text_column)
        known = {same_text(shown(one)) for one in rows.examples.inputs}
        fresh = tuple(text for text in dict.fromkeys(texts) if same_text(text) not in known)
        progress.say(
            f"  {Path(self.unlabelled).name}: {len(fresh):,} texts without labels; "
            f"{len(texts) - len(fresh):,} left out that stand in the data or twice"
        )
        return fresh


@dataclass(frozen=True)
class Prepared:
    """A run before its first step."""

    rows: Rows
    facts: DataFacts
    rungs: list[Rung]
    plan: Plan


def _plain(metric: str) -> str:
    """'Macro-F1' -> 'macro_f1'."""
    return metric.lower().replace("-", "_")


def machine_facts(device: str | None) -> dict[str, str]:
    """Return what the bytes of a run depend on in this machine; the device itself once torch is loaded."""
    threads = os.environ.get("OMP_NUM_THREADS") or str(machine.cores())
    facts = {"processor": machine.processor(), "threads": threads, "device": device or "fastest"}
    facts["processes"] = os.environ.get("WORLD_SIZE", "1")
    if "torch" in sys.modules:
        from headway.core.arithmetic import FILE, decide

        chosen = machine.choose_device(device)
        facts |= {"torch device": str(chosen), "arithmetic": str(decide(chosen, cache_folder() / FILE))}
    return facts


def require_same_machine(plan: Plan, device: str | None, allow_inexact: bool, progress: Progress) -> None:
    """Raise RunError where this machine or its software differ from the run's, unless that is allowed."""
    if "torch device" in plan.machine:
        import torch  # noqa: F401  # so that the device is known
    now = machine_facts(device) | installed_versions()
    require_same(plan.machine | plan.versions, now, allow_inexact, progress)


def _require_served(recipe: Mapping[str, Any], task: Task) -> None:
    """Raise UsageError on a start that the task has not."""
    if task == "tags" and recipe.get("start", "fresh") != "fresh":
        raise UsageError("is for classes, labels and numbers, and these are tags", where="start")
    if task != "classes" and recipe.get("contrastive"):
        raise UsageError(f"is for classes, and these are {task}", where="contrastive")


def _hash_rows(rows: Rows) -> str:
    digest = hashlib.sha256()
    for one in rows.examples.inputs:
        digest.update(json.dumps(identity(one)).encode() + b"\n")
    digest.update(json.dumps(rows.examples.names).encode())
    digest.update(rows.examples.target_bytes)
    for part in rows.parts:
        digest.update(part.train.tobytes() + b"/" + part.held_out.tobytes())
    return digest.hexdigest()


def _hash_folder(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.iterdir() if path.is_file()):
        digest.update(f"{path.name} {sha256_file(path)}\n".encode())
    return digest.hexdigest()
