"""What an unfinished run has finished: its folder `unfinished/`, from which a killed run goes on.

    unfinished/lock                       held while a process is at work
    unfinished/RUNG/shared/               what a rung keeps for all of its trainings
    unfinished/RUNG/TRAINING/             what one training keeps while it goes on: checkpoints, a teacher's words
    unfinished/RUNG/TRAINING/finished/    its predictor, what that said of the held-out rows, and how long it took
    unfinished/RUNG/measured/             the rung's figures

Each `finished` and `measured` appears whole or not at all. The folder is gone when the run is finished.
"""

import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from headway.bundle.predictors import save_predictor
from headway.core.files import atomic_folder, disk_errors, exclusive, read_json, sweep, write_json
from headway.core.progress import Progress
from headway.core.tensors import load_arrays, rows_from_arrays, rows_to_arrays, save_arrays
from headway.data.examples import Examples
from headway.ladder.measured import SEED_SCORES, Measured
from headway.ladder.rungs import TEACHERS, Rung, Scratch

if TYPE_CHECKING:
    from headway.models.base import Predictor

NAME = "unfinished"
_ATTEMPT = "attempt.json"
_FIGURES, _ARRAYS, _PREDICTOR = "figures.json", "figures.safetensors", "predictor"


class Finished(NamedTuple):
    """One training that is done."""

    predictor: Path | None  # its folder, where it is kept
    outputs: np.ndarray  # [held-out rows of the part, ...]
    seconds: float
    seed_scores: list[float] | None = None  # of several trainings of which the best was taken


class Kept:
    """The folder `unfinished/` of a run folder."""

    def __init__(self, run: Path) -> None:
        self.folder = run / NAME

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the run for this process alone, and remove what killed writers left half-written.

        Raises RunError when another process is at work in it.
        """
        with exclusive(self.folder / "lock"):
            sweep(self.folder.parent)
            yield

    def worth_keeping(self) -> bool:
        """Return whether anything was finished or checkpointed."""
        return any(path.name not in {"lock", _ATTEMPT} for path in self.folder.rglob("*") if path.is_file())

    def remove(self) -> None:
        """Remove all of it."""
        shutil.rmtree(self.folder)

    def scratch(self, rung: str, training: str, tokens_at_once: int | None = None) -> Scratch:
        """Return the folders in which a training may keep its work, and its teacher's predictor if that is here."""
        own = self.folder / rung
        teacher = self.predictor(TEACHERS.get(rung, rung), training)
        return Scratch(own / "shared", own / training, teacher, tokens_at_once)

    def predictor(self, rung: str, training: str) -> Path | None:
        """Return the folder of a finished training's predictor, if that was kept."""
        folder = self.folder / rung / training / "finished" / _PREDICTOR
        return folder if folder.is_dir() else None

    def train(
        self,
        rung: Rung,
        training: str,
        examples: Examples,
        inputs: Sequence[Any],
        seed: int,
        progress: Progress,
        *,
        keep: bool,
        tokens_at_once: int | None = None,
    ) -> Finished:
        """Train a rung and let it predict ``inputs``, unless that is done; ``keep``: the predictor too.

        ``tokens_at_once`` is what the plan has decided.
        """
        scratch = self.scratch(rung.name, training, tokens_at_once)
        done = scratch.training / "finished"
        if not done.is_dir():
            before = _spent(scratch.training)
            started = time.perf_counter()
            predictor = rung.fit(examples, seed, progress, scratch)
            seconds = before + time.perf_counter() - started
            self._finish(done, predictor, predictor.predict(inputs), seconds, keep=keep)
        with disk_errors(scratch.training):
            for path in scratch.training.iterdir():
                if path != done:
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
        saved = done / _PREDICTOR
        figures = read_json(done / _FIGURES)
        outputs = rows_from_arrays(load_arrays(done / _ARRAYS))
        return Finished(saved if saved.is_dir() else None, outputs, **figures)

    def _finish(
        self, done: Path, predictor: "Predictor", outputs: np.ndarray, seconds: float, *, keep: bool
    ) -> None:
        with atomic_folder(done) as target:
            if keep:
                (target / _PREDICTOR).mkdir()
                save_predictor(predictor, target / _PREDICTOR)
            save_arrays(target / _ARRAYS, rows_to_arrays(outputs))
            scores = predictor.settings.get(SEED_SCORES)
            write_json(target / _FIGURES, {"seconds": seconds, "seed_scores": scores})

    def measured(self, rung: str) -> Measured | None:
        """Return a rung's figures, if it was measured before."""
        folder = self.folder / rung / "measured"
        if not folder.is_dir():
            return None
        outputs = rows_from_arrays(load_arrays(folder / _ARRAYS))
        return Measured(outputs=outputs, **read_json(folder / _FIGURES))

    def keep_measured(self, rung: str, measured: Measured) -> None:
        """Keep a rung's figures."""
        figures: dict[str, Any] = {**vars(measured)}
        outputs = figures.pop("outputs")
        with atomic_folder(self.folder / rung / "measured") as target:
            save_arrays(target / _ARRAYS, rows_to_arrays(outputs))
            write_json(target / _FIGURES, figures)


def _spent(training: Path) -> float:
    """Return the seconds that earlier attempts put into a training, each up to what it kept last; begin a new one."""
    path, spent = training / _ATTEMPT, 0.0
    if path.is_file():
        attempt = read_json(path)
        last = max(entry.stat().st_mtime for entry in training.rglob("*"))
        spent = attempt["spent"] + max(0.0, last - attempt["began"])
    write_json(path, {"spent": spent, "began": time.time()})
    return spent
