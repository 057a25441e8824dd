"""A run folder: `run.json`, `report.html`, `predictions.csv`, and one folder a rung under `rungs/`."""

import difflib
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from headway.bundle.predictors import Calibrated, load_predictor
from headway.bundle.record import FORMAT, RunRecord
from headway.core.answers import NOTHING
from headway.core.errors import RunError, UsageError
from headway.core.files import read_json
from headway.data.inputs import Sentence, TextPair
from headway.data.tags import best_tags, sentence_of
from headway.metrics.spans import spans

RECORD_FILE = "run.json"
REPORT_FILE = "report.html"
PREDICTIONS_FILE = "predictions.csv"


class Prediction(NamedTuple):
    """The predicted label of one input, its probability, and each label's probability."""

    label: str
    probability: float
    probabilities: dict[str, float]


class LabelSet(NamedTuple):
    """The labels of one input that are more likely than not, and each label's probability."""

    labels: tuple[str, ...]
    probabilities: dict[str, float]


class TaggedSentence(NamedTuple):
    """The words of one sentence, their tags, and the spans that these make."""

    words: tuple[str, ...]
    tags: tuple[str, ...]

    @property
    def spans(self) -> tuple[tuple[str, str], ...]:
        """Type and words of each span: (("location", "Empire State Building"),)."""
        found = spans(self.tags)
        return tuple((kind, " ".join(self.words[start:end])) for start, end, kind in found)


class Passage(NamedTuple):
    """A passage of a context, where it stands there, and its probability; empty and without a place: no answer."""

    text: str
    start: int | None
    end: int | None
    probability: float


class Answer(NamedTuple):
    """What answers a question on a context, as `Passage` has it, and the likeliest answers, this one first."""

    text: str
    start: int | None
    end: int | None
    probability: float
    likeliest: tuple[Passage, ...]

    @classmethod
    def of(cls, context: str, answers: np.ndarray) -> "Answer":
        """Name what a predictor gave, [20, 3] (`core.answers`)."""
        likeliest = []
        for first, behind, probability in answers[answers[:, 2] > 0].tolist():
            start, end = (None, None) if first == NOTHING else (int(first), int(behind))
            text = "" if start is None else context[start:end]
            likeliest.append(Passage(text, start, end, probability))
        return cls(*likeliest[0], tuple(likeliest))


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

    def predict(self, inputs: Any, rung: str | None = None) -> Any:
        """Predict one input or a sequence of them, with the shipped rung or the one named.

        An input is a text, or (first, second) where the run was trained on pairs, or the path of a picture's file, or a
        list of words where the run tags these (or a text, which is cut at white space), or (question, context). Each
        gives a `Prediction`; a number where the run learned numbers, a `LabelSet` where a row may have several labels,
        a `TaggedSentence`, an `Answer`.
        Raises UsageError on an input of another kind, PictureError on a picture that cannot be used.
        """
        if isinstance(inputs, str | Path) or (self.reads_pairs and _is_pair(inputs)):
            return self.predict([inputs], rung)[0]
        rows = [self._input(one, place) for place, one in enumerate(inputs)]
        predictor = self.predictor(rung)
        outputs = predictor.predict(rows)
        if self.reads_words:
            return [
                _tagged(words, shares, predictor.labels) for words, shares in zip(rows, outputs, strict=True)
            ]
        if self.answers_questions:
            return [Answer.of(pair.second, answers) for pair, answers in zip(rows, outputs, strict=True)]
        if not predictor.labels:
            return [float(number) for number in outputs]
        predictions: list[Prediction | LabelSet] = []
        for row in outputs:
            best = int(row.argmax())
            shares = {label: float(value) for label, value in zip(predictor.labels, row, strict=True)}
            if self.record.data.task == "labels":
                own = tuple(label for label, share in shares.items() if share > 0.5)
                predictions.append(LabelSet(own, shares))
            else:
                predictions.append(Prediction(predictor.labels[best], float(row[best]), shares))
        return predictions

    @property
    def reads_pairs(self) -> bool:
        """Whether a row is a pair of texts."""
        return len(self.record.data.text_columns) == 2

    @property
    def answers_questions(self) -> bool:
        """Whether a row is a question on a context, which a passage of it answers."""
        return self.record.data.task == "answers"

    @property
    def reads_words(self) -> bool:
        """Whether a row is a sentence of words, each of which gets a tag."""
        return self.record.data.task == "tags"

    @property
    def reads_pictures(self) -> bool:
        """Whether a row is a picture."""
        return self.record.data.pictures is not None

    def _input(self, one: Any, place: int) -> Any:
        """Return an input as predictors read it."""
        if self.reads_pairs and _is_pair(one):
            return TextPair(*one)
        if self.reads_pictures and isinstance(one, str | Path):
            from headway.data.pictures import Picture

            return Picture.file(one)
        if self.reads_words and (isinstance(one, str) or _are_words(one)):
            return sentence_of(one) if isinstance(one, str) else Sentence(one)
        if not (self.reads_pairs or self.reads_pictures or self.reads_words) and isinstance(one, str):
            return one
        wanted = (
            "a pair of texts"
            if self.reads_pairs
            else "a picture's path"
            if self.reads_pictures
            else "a sentence's words"
            if self.reads_words
            else "a text"
        )
        raise UsageError(
            f"expected {wanted}, found {type(one).__name__}: {one!r:.80}", where=f"inputs[{place}]"
        )

    def __repr__(self) -> str:
        return f"Run({str(self.folder)!r}, ships={self.record.verdict.ships!r})"


def _is_pair(one: Any) -> bool:
    return isinstance(one, list | tuple) and len(one) == 2 and all(isinstance(text, str) for text in one)


def _are_words(one: Any) -> bool:
    return isinstance(one, list | tuple) and all(isinstance(word, str) for word in one)


def _tagged(words: Sentence, shares: np.ndarray, names: tuple[str, ...]) -> TaggedSentence:
    return TaggedSentence(tuple(words), tuple(names[tag] for tag in best_tags(shares, names)))
