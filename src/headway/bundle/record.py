"""The record of a run: what `run.json` holds, and what the report, `headway show` and Python users read.

Seconds and bytes are plain numbers; scores are fractions of one (accuracy 0.91), their intervals 95 %.
"""

from dataclasses import asdict, dataclass, fields, is_dataclass
from typing import Any, Self, get_args, get_type_hints

FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class Score:
    """One metric of one rung on the held-out rows, with its 95 % bootstrap interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Difference:
    """This rung minus ``against`` on the same rows, in the deciding metric: paired interval and p-value."""

    against: str
    value: float
    low: float
    high: float
    p: float


@dataclass(frozen=True, kw_only=True)
class RungRecord:
    """One rung of the ladder: measured, or why not."""

    name: str  # "ngrams"
    title: str  # "n-grams + logistic regression"
    status: str  # "measured" | "not tried" | "failed" | "interrupted"
    reason: str | None = None  # why not, when it was not measured
    estimate_seconds: float | None = None
    scores: dict[str, Score] | None = None  # "accuracy", "macro_f1"; of numbers "pearson", "spearman"
    versus: Difference | None = None  # against the best cheaper rung
    train_seconds: float | None = None  # one training (folds: the mean of them)
    latency_ms: float | None = None  # one text, median
    latency_p95_ms: float | None = None
    size_bytes: int | None = None  # on disk
    parameters: int | None = None
    settings: dict[str, Any] | None = None  # what this rung chose or was told: C, learning rate, epochs, ...
    texts_cut: int | None = None  # held-out texts longer than the model reads
    opens_with: str | None = None  # how other software opens the folder
    seed_scores: tuple[float, ...] | None = (
        None  # of trainings by several seeds, on the rows kept to choose the best by
    )


@dataclass(frozen=True, kw_only=True)
class LabelFacts:
    """One class: its name and its rows."""

    name: str
    rows: int


@dataclass(frozen=True, kw_only=True)
class NumberFacts:
    """How the numbers to learn lie."""

    lowest: float
    highest: float
    mean: float
    deviation: float


@dataclass(frozen=True, kw_only=True)
class PictureFacts:
    """Width and height of the picture with the fewest pixels, the middle one and the one with the most."""

    smallest: tuple[int, ...]
    median: tuple[int, ...]
    largest: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class DataFacts:
    """What was read, what was left out and why, and how it was split."""

    source: str
    sha256: str | None  # of the file; None for a data frame
    test_source: str | None
    text_column: str
    label_column: str
    rows_read: int
    rows_used: int
    dropped: dict[str, int]  # reason -> rows
    duplicate_rows: int  # rows whose text stands earlier in the table, same label
    conflicting_rows: int  # rows whose text stands elsewhere under another label
    labels: tuple[LabelFacts, ...]
    characters_median: int
    characters_p95: int
    characters_max: int
    split: str  # in words: "1600 rows to train, 400 held out" / "5 folds, out-of-fold predictions pooled"
    training_rows: int
    held_out_rows: int
    notes: tuple[str, ...]  # everything that was said aloud about the data
    task: str = "classes"  # or "numbers", "labels" (several a row), "tags", "answers"
    second_text_column: str | None = None  # of pairs of texts
    numbers: NumberFacts | None = None  # where they are learned, in the place of labels
    pictures: PictureFacts | None = None  # where the rows are pictures

    @property
    def text_columns(self) -> tuple[str, ...]:
        """The column of texts, or the two of pairs."""
        return (self.text_column, *([] if self.second_text_column is None else [self.second_text_column]))

    @property
    def row(self) -> str:
        """What a row is, in a word."""
        if self.pictures:
            return "picture"
        return {"tags": "sentence", "answers": "question"}.get(self.task, "text")


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What ships and why, in words."""

    ships: str  # rung name
    best: str  # rung name with the best score
    metric: str  # the deciding metric, one of those in the scores
    metric_why: str
    tolerance: float  # as a fraction: 0.01
    sentence: str  # one sentence to act on
    undecided: tuple[str, ...]  # sentences: what is not decided, and how many rows would decide


@dataclass(frozen=True, kw_only=True)
class ErrorExample:
    """One held-out row that the shipped rung got wrong: the most confident first, of numbers the farthest off."""

    line: int
    text: str
    label: str
    predicted: str
    probability: float | None = None  # None where the answer is a number


@dataclass(frozen=True, kw_only=True)
class ClassScore:
    """The shipped rung on one class."""

    name: str
    rows: int
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """Everything that is known of a run."""

    format: int
    created: str  # ISO 8601, UTC
    command: str
    seed: int
    machine: dict[str, str]  # processor, cores, threads, device
    versions: dict[str, str]
    data: DataFacts
    rungs: tuple[RungRecord, ...]  # cheapest first
    verdict: Verdict
    refitted: bool  # the shipped rung was trained again on all rows
    confusion: tuple[tuple[int, ...], ...]  # [true][predicted], label order of data.labels
    classes: tuple[ClassScore, ...]
    errors: tuple[ErrorExample, ...]
    calibration_error: float | None  # expected calibration error of the shipped rung, after temperature
    seconds: float  # the whole run
    mean_error: float | None = None  # of numbers: the mean absolute error of the shipped rung

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Rebuild a record from what ``to_dict`` gave."""
        record = _build(cls, values)
        assert isinstance(record, cls)
        return record


def _build(kind: Any, value: Any) -> Any:
    """Rebuild a value of the annotated type from plain JSON values."""
    if value is None:
        return None
    if isinstance(kind, type) and is_dataclass(kind):
        hints = get_type_hints(kind)
        return kind(**{f.name: _build(hints[f.name], value[f.name]) for f in fields(kind) if f.name in value})
    arguments = [argument for argument in get_args(kind) if argument is not type(None)]
    if isinstance(value, dict) and len(arguments) == 2:
        return {key: _build(arguments[1], item) for key, item in value.items()}
    if isinstance(value, list | tuple) and Ellipsis in arguments:
        return tuple(_build(arguments[0], item) for item in value)
    if len(arguments) == 1:
        return _build(arguments[0], value)
    return value
