"""A run folder: `run.json`, `report.html`, `predictions.csv`, and one folder a rung under `rungs/`."""

import difflib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, overload

from headway.bundle.predictors import Calibrated, load_predictor
from headway.bundle.record import FORMAT, RunRecord
from headway.core.errors import RunError, UsageError
from headway.core.files import read_json

RECORD_FILE = "run.json"
REPORT_FILE = "report.html"
PREDICTIONS_FILE = "predictions.csv"


class Prediction(NamedTuple):
    """The predicted label of one text, its probability, and each label's probability."""

    label: str
    probability: float
    probabilities: dict[str, float]


class Run:
    """A finished run, opened from its folder."""

    def __init__(self, folder: Path, record: RunRecord) -> None:
        self.folder = folder
        self.record = record

    @classmethod
    def open(cls, folder: str | Path) -> "Run":
        """Open a run folder; raises RunError when it is missing, unfinished, damaged or of a later version."""
        folder = Path(folder)
        path = folder / RECORD_FILE
        if not folder.is_dir():
            near = difflib.get_close_matches(
                folder.name,
                [entry.name for entry in folder.parent.glob("*/") if (entry / RECORD_FILE).is_file()],
            )
            hint = (
                f"Did you mean {folder.parent / near[0]}?"
                if near
                else "A run folder is made by `headway fit`."
            )
            raise RunError("there is no such folder", where=str(folder), remedy=hint)
        if not path.is_file():
            unfinished = (folder / "plan.json").is_file()
            problem = (
                "the run in it did not finish" if unfinished else "is not a run folder (it has no run.json)"
            )
            remedy = (
                f"Go on with it: headway fit --resume {folder}"
                if (folder / "unfinished").is_dir()
                else "Make the run again with `headway fit`."
            )
            raise RunError(problem, where=str(folder), remedy=remedy)
        stored = read_json(path)
        if not isinstance(stored, dict) or stored.get("format") != FORMAT:
            found = stored.get("format") if isinstance(stored, dict) else None
            raise RunError(f"has format {found}, this version reads {FORMAT}", where=str(path))
        try:
            return cls(folder, RunRecord.from_dict(stored))
        except (KeyError, TypeError, AttributeError) as error:
            raise RunError(f"is damaged: {error}", where=str(path), remedy="Make the run again.") from error

    @property
    def report(self) -> Path:
        """The path of the report."""
        return self.folder / REPORT_FILE

    @property
    def verdict(self) -> str:
        """What ships and why, in one sentence."""
        return self.record.verdict.sentence

    @cached_property
    def _loaded(self) -> dict[str, Calibrated]:
        return {}

    def predictor(self, rung: str | None = None) -> Calibrated:
        """Load one rung's predictor (the shipped rung's by default), once."""
        name = rung or self.record.verdict.ships
        measured = [record.name for record in self.record.rungs if record.status == "measured"]
        if name not in measured:
            raise UsageError(
                f"there is no rung {name!r}",
                where=str(self.folder),
                remedy=f"Its rungs: {', '.join(measured)}.",
            )
        if name not in self._loaded:
            self._loaded[name] = load_predictor(self.folder / "rungs" / name)
        return self._loaded[name]

    @overload
    def predict(self, texts: str, rung: str | None = None) -> Prediction: ...  # type: ignore[overload-overlap]
    @overload
    def predict(self, texts: Sequence[str], rung: str | None = None) -> list[Prediction]: ...
    def predict(self, texts: str | Sequence[str], rung: str | None = None) -> Prediction | list[Prediction]:
        """Predict one text or a sequence of texts, with the shipped rung or the one named."""
        if isinstance(texts, str):
            return self.predict([texts], rung)[0]
        texts = list(texts)
        for position, text in enumerate(texts):
            if not isinstance(text, str):
                raise UsageError(
                    f"expected a text, found {type(text).__name__}: {text!r:.80}", where=f"texts[{position}]"
                )
        predictor = self.predictor(rung)
        predictions = []
        for row in predictor.predict(texts):
            best = int(row.argmax())
            shares = {label: float(value) for label, value in zip(predictor.labels, row, strict=True)}
            predictions.append(Prediction(predictor.labels[best], float(row[best]), shares))
        return predictions

    def __repr__(self) -> str:
        return f"Run({str(self.folder)!r}, ships={self.record.verdict.ships!r})"
