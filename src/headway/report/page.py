"""The page: a run's record as one HTML file without scripts, that loads nothing and can be mailed.

The template escapes every string; this module only chooses and arranges what is shown.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from headway.bundle.record import ClassScore, RungRecord, RunRecord
from headway.core.files import human_bytes
from headway.core.times import human_seconds
from headway.ladder.wording import (
    METRIC_TITLES,
    figure,
    percent,
    seeds_words,
    signed_points,
    span,
    tolerance_words,
)
from headway.report import figures
from headway.report.plot import COSTS, draw

if TYPE_CHECKING:
    from headway.explain.pictures import Explanation
    from headway.report.thumbnails import Thumbnails

MATRIX_CLASSES = 25  # with more, the most confused pairs are listed instead
LISTED_PAIRS = 15
OPEN_CLASSES = 12  # with more, only the weakest are shown at once
WEAKEST = 8
WIDE, NARROW = 860, 340  # pixels of the two drawings; the style sheet shows the one that fits


@dataclass(frozen=True)
class Confused:
    """Rows of one class that were taken for another."""

    true: str
    predicted: str
    rows: int
    share: float  # of the true class


def render(record: RunRecord, explanations: Mapping[int, "Explanation"] | None = None) -> str:
    """Return the report as HTML; ``explanations`` are of errors on pictures, by line."""
    metric = record.verdict.metric
    ships = next(rung for rung in record.rungs if rung.name == record.verdict.ships)
    return _environment().get_template("page.html").render(
        record=record,
        data=record.data,
        verdict=record.verdict,
        ships=ships,
        name=figures.file_name(record.data.source),
        metrics=[metric, *(other for other in ships.scores or {} if other != metric)],
        metric_titles=METRIC_TITLES,
        titles={rung.name: rung.title for rung in record.rungs},
        figures=[
            [(kind, Markup(draw(record, width, cost))) for kind, width in (("wide", WIDE), ("narrow", NARROW))]
            for cost in COSTS
        ],
        tiles=_tiles(record, ships),
        details=[rung for rung in record.rungs if _has_details(rung)],
        matrix=record.confusion if len(record.confusion) <= MATRIX_CLASSES else (),
        pairs=_confused(record),
        classes=_classes(record),
        many=len(record.classes) > OPEN_CLASSES,
        largest=max((facts.rows for facts in record.data.labels), default=1),
        thumbnails=_thumbnails(explanations or {}),
        style=Markup(_style()),
    )  # fmt: skip


def _thumbnails(explanations: Mapping[int, "Explanation"]) -> dict[int, "Thumbnails"]:
    if not explanations:
        return {}
    from headway.report.thumbnails import thumbnails

    return thumbnails(explanations)


def _tiles(record: RunRecord, ships: RungRecord) -> list[tuple[str, str, str]]:
    """The shipped rung at a glance: what, figure, and a small line below it."""
    tiles = []
    metric = record.verdict.metric
    if ships.scores:
        score = ships.scores[metric]
        tiles.append(
            (
                METRIC_TITLES[metric],
                figure(score.value, metric),
                f"95 % interval {span(score.low, score.high)}",
            )
        )
    if ships.latency_ms is not None:
        slow = (
            ""
            if ships.latency_p95_ms is None
            else f"95 % within {figures.milliseconds(ships.latency_p95_ms)}"
        )
        tiles.append((f"time per {record.data.row}", figures.milliseconds(ships.latency_ms), slow))
    if ships.size_bytes is not None:
        parameters = f"{figures.millions(ships.parameters)} parameters" if ships.parameters else ""
        tiles.append(("size on disk", human_bytes(ships.size_bytes), parameters))
    if ships.train_seconds is not None:
        tiles.append(
            ("training time", human_seconds(ships.train_seconds), f"{record.data.training_rows:,} rows")
        )
    tiles.append(("held-out rows", f"{record.data.held_out_rows:,}", f"of {record.data.rows_used:,} used"))
    return tiles


def _has_details(rung: RungRecord) -> bool:
    return rung.status == "measured" and bool(
        rung.settings or rung.parameters or rung.texts_cut or rung.opens_with
    )


def _confused(record: RunRecord) -> list[Confused]:
    """The pairs that are confused most, most rows first."""
    names = [facts.name for facts in record.data.labels]
    pairs = [
        Confused(names[true], names[predicted], rows, rows / sum(row))
        for true, row in enumerate(record.confusion)
        for predicted, rows in enumerate(row)
        if rows and true != predicted
    ]
    return sorted(pairs, key=lambda pair: -pair.rows)[:LISTED_PAIRS]


def _classes(record: RunRecord) -> list[ClassScore]:
    """As recorded while they are few; weakest first when they are many."""
    if len(record.classes) <= OPEN_CLASSES:
        return list(record.classes)
    return sorted(record.classes, key=lambda score: (score.rows == 0, score.f1))


def _setting(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else figures.shown(str(value), 200)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "bytes": human_bytes,
        "day": figures.day,
        "duration": human_seconds,
        "figure": figure,
        "label": figures.label,
        "millions": figures.millions,
        "ms": figures.milliseconds,
        "p": figures.p_value,
        "percent": percent,
        "seeds": seeds_words,
        "setting": _setting,
        "shown": figures.shown,
        "signed": signed_points,
        "tolerance": tolerance_words,
        "unbroken": figures.unbroken,
    }
    environment.globals |= {"span": span, "weakest": WEAKEST, "matrix_classes": MATRIX_CLASSES}
    return environment


@cache
def _style() -> str:
    return (Path(__file__).parent / "page.css").read_text(encoding="utf-8")
