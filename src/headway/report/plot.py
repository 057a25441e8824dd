"""The ladder as a picture: score against the time that one text takes, or against size, as inline SVG."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from types import MappingProxyType

from headway.bundle.record import RungRecord, RunRecord, Score
from headway.core.files import human_bytes
from headway.ladder.wording import CORRELATIONS, METRIC_TITLES, figure, score_words
from headway.report.figures import milliseconds, shown

_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 14, 34, 44
_LEAST = 1e-3  # milliseconds or megabytes; what is less is drawn here
_TITLE_LIMIT = 34
_LINE = 17  # height of a label


@dataclass(frozen=True)
class Cost:
    """What a rung costs whoever uses it: the horizontal scale, logarithmic."""

    of: Callable[[RungRecord], float | None]
    words: Callable[[float], str]
    title: str
    axis: str


COSTS: Mapping[str, Cost] = MappingProxyType(
    {
        "time": Cost(
            lambda rung: rung.latency_ms,
            milliseconds,
            "time per answer",
            "time per answer (median, log scale)",
        ),
        "size": Cost(
            lambda rung: None if rung.size_bytes is None else rung.size_bytes / 1e6,
            lambda megabytes: human_bytes(megabytes * 1e6),
            "size",
            "size on disk (log scale)",
        ),
    }
)


@dataclass(frozen=True)
class _Box:
    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: "_Box") -> bool:
        return not (
            self.right <= other.left
            or other.right <= self.left
            or self.bottom <= other.top
            or other.bottom <= self.top
        )

    def inside(self, other: "_Box") -> bool:
        return (
            self.left >= other.left
            and self.right <= other.right
            and self.top >= other.top
            and self.bottom <= other.bottom
        )


@dataclass(frozen=True)
class _Point:
    """One rung, in pixels."""

    title: str
    ships: bool
    below: bool  # its score is far below the scale
    x: float
    y: float
    high: float  # upper end of the whisker: the smaller y
    low: float


@dataclass(frozen=True)
class _Frame:
    """The drawing's size and its two scales: time by its logarithm, score linear."""

    width: int
    height: int
    first: int  # powers of ten
    last: int
    least: float
    most: float
    cost: Cost

    def x(self, value: float) -> float:
        share = (math.log10(max(value, _LEAST)) - self.first) / (self.last - self.first)
        return _LEFT + 16 + share * (self.width - _LEFT - _RIGHT - 32)

    def y(self, score: float) -> float:
        share = (score - self.least) / (self.most - self.least)
        return self.height - _BOTTOM - share * (self.height - _TOP - _BOTTOM)


def draw(record: RunRecord, width: int = 860, against: str = "time") -> str:
    """Return the SVG, ``width`` pixels wide, or "" when the cost (a key of COSTS) of no measured rung is known.

    Colours come from the page's style sheet. Labels keep clear of points, whiskers and one another. A lowest
    score that would squeeze all others together stands below the scale, as a triangle with its figure.
    """
    metric, cost = record.verdict.metric, COSTS[against]
    timed = [
        (rung, value, rung.scores[metric])
        for rung in record.rungs
        if rung.scores and (value := cost.of(rung)) is not None
    ]
    if not timed:
        return ""
    frame, floor = _frame(width, cost, [value for _, value, _ in timed], [score for *_, score in timed])
    points = [
        _point(frame, rung.title, rung.name == record.verdict.ships, value, score, floor, metric)
        for rung, value, score in timed
    ]
    told = "; ".join(
        f"{rung.title}: {score_words(score, metric)}, {cost.words(value)}" for rung, value, score in timed
    )
    metric_title = METRIC_TITLES[metric][:1].upper() + METRIC_TITLES[metric][1:]
    name = f"plot-{against}-{width}"
    return "".join(
        [
            f'<svg class="plot" viewBox="0 0 {width} {frame.height}" width="{width}" height="{frame.height}" '
            f'role="img" aria-labelledby="{name}-title {name}-desc">',
            f'<title id="{name}-title">{escape(metric_title)} against {cost.title}</title>',
            f'<desc id="{name}-desc">{escape(told)}</desc>',
            *_axes(frame, metric_title if metric in CORRELATIONS else f"{metric_title}, %"),
            *(_whisker(point) for point in points if not point.below),
            *_labels(frame, points),
            *(_marker(point) for point in points),
            "</svg>",
        ]
    )


def _frame(width: int, cost: Cost, values: list[float], scores: list[Score]) -> tuple[_Frame, float]:
    """Return the scales, and the score below which a rung stands below the scale."""
    height = round(width * 0.5) if width > 500 else round(width * 0.95)
    logarithms = [math.log10(max(value, _LEAST)) for value in values]
    first, last = math.floor(min(logarithms)), math.ceil(max(logarithms))
    lowest, *others = sorted(scores, key=lambda score: score.value)
    low = min((score.low for score in others), default=lowest.low)
    high = max(score.high for score in scores)
    far = bool(others) and lowest.high < low - 1.5 * (high - low)
    low = low if far else min(low, lowest.low)
    room = max(0.02, 0.06 * (high - low)) + (0.2 * (high - low) if far else 0.0)
    frame = _Frame(
        width,
        height,
        first,
        max(last, first + 1),
        least=low - room if low < 0 else max(0.0, low - room),
        most=min(1.0, high + max(0.01, 0.06 * (high - low))),
        cost=cost,
    )
    return frame, frame.least if far else 0.0


def _point(
    frame: _Frame, title: str, ships: bool, cost: float, score: Score, floor: float, metric: str
) -> _Point:
    name = shown(title, _TITLE_LIMIT)
    if score.value < floor:
        y = frame.height - _BOTTOM - 12.0
        return _Point(f"{name}: {figure(score.value, metric)}", ships, True, frame.x(cost), y, y, y)
    ends = frame.y(score.value), frame.y(score.high), frame.y(score.low)
    return _Point(name, ships, False, frame.x(cost), *ends)


def _axes(frame: _Frame, metric: str) -> list[str]:
    """Grid lines with their figures, and what the axes are."""
    right, bottom = frame.width - _RIGHT, frame.height - _BOTTOM
    parts = []
    for tick in _ticks(frame.least, frame.most):
        y = frame.y(tick)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(
            f'<text class="tick" x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{100 * tick:g}</text>'
        )
    powers = range(frame.first, frame.last + 1)
    every = math.ceil(len(powers) / max(2, (frame.width - _LEFT) // 70))
    for power in powers[::every]:
        x = frame.x(10.0**power)
        parts.append(f'<line class="axis" x1="{x:.1f}" x2="{x:.1f}" y1="{bottom}" y2="{bottom + 5}"/>')
        words = escape(frame.cost.words(10.0**power))
        parts.append(f'<text class="tick" x="{x:.1f}" y="{bottom + 19}" text-anchor="middle">{words}</text>')
    parts.append(f'<line class="axis" x1="{_LEFT}" x2="{right}" y1="{bottom}" y2="{bottom}"/>')
    parts.append(f'<text class="axis-title" x="0" y="14">{escape(metric)}</text>')
    parts.append(
        f'<text class="axis-title" x="{right}" y="{bottom + 38}" text-anchor="end">{frame.cost.axis}</text>'
    )
    return parts


def _ticks(low: float, high: float) -> list[float]:
    """About five round figures between the ends."""
    rough = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(number * step, 10) for number in range(first, last + 1)]


def _whisker(point: _Point) -> str:
    kind = "whisker ships" if point.ships else "whisker"
    x = f"{point.x:.1f}"
    caps = "".join(f"M{point.x - 4:.1f} {y:.1f}h8" for y in (point.high, point.low))
    return f'<path class="{kind}" d="M{x} {point.high:.1f}V{point.low:.1f}{caps}"/>'


def _marker(point: _Point) -> str:
    kind, radius = ("point ships", 6) if point.ships else ("point", 4.5)
    if point.below:
        return f'<path class="{kind} below" d="M{point.x - 6:.1f} {point.y - 4:.1f}h12l-6 9z"/>'
    return f'<circle class="{kind}" cx="{point.x:.1f}" cy="{point.y:.1f}" r="{radius}"/>'


def _labels(frame: _Frame, points: list[_Point]) -> list[str]:
    """Place each title beside its point where it is clear of everything, the shipped rung's first."""
    page = _Box(_LEFT, 18, frame.width, frame.height - _BOTTOM)
    taken = [_Box(p.x - 8, p.y - 8, p.x + 8, p.y + 8) for p in points]
    taken += [_Box(p.x - 5, p.high - 1, p.x + 5, p.low + 1) for p in points]
    parts = []
    for point in sorted(points, key=lambda p: (not p.ships, p.y)):
        near = [other.y for other in points if other is not point and abs(other.x - point.x) < 30]
        down = bool(near) and point.y > sum(near) / len(near)
        box, on_right = _place(point, page, taken, down)
        taken.append(box)
        middle = (box.top + box.bottom) / 2
        edge, inner, anchor = (
            (box.left, box.left + 2, "start") if on_right else (box.right, box.right - 2, "end")
        )
        if abs(middle - point.y) > 2:
            ends = f'x1="{point.x:.1f}" y1="{point.y:.1f}" x2="{edge:.1f}" y2="{middle:.1f}"'
            parts.append(f'<line class="leader" {ends}/>')
        kind = "label ships" if point.ships else "label"
        place = f'x="{inner:.1f}" y="{middle + 4.5:.1f}" text-anchor="{anchor}"'
        parts.append(f'<text class="{kind}" {place}>{escape(point.title)}</text>')
    return parts


def _place(point: _Point, page: _Box, taken: list[_Box], down: bool) -> tuple[_Box, bool]:
    """Return the first clear place and whether it is right of the point: level, else down or up by steps."""
    width = _text_width(point.title, point.ships) + 4
    candidates = []
    for step in range(24):
        shift = (step + 1) // 2 * (_LINE - 3) * (1 if down == bool(step % 2) else -1)
        for on_right in (True, False):
            left = point.x + 10 if on_right else point.x - 10 - width
            middle = point.y + shift
            candidates.append((_Box(left, middle - _LINE / 2, left + width, middle + _LINE / 2), on_right))
    within = [pair for pair in candidates if pair[0].inside(page)]
    clear = [pair for pair in within if not any(pair[0].meets(other) for other in taken)]
    return (clear or within or candidates)[0]


def _text_width(text: str, bold: bool) -> float:
    """Estimate pixels at the label's size: wide scripts and emoji take about twice a letter."""
    letters = sum(13.5 if ord(character) > 0x2E7F else 7.2 for character in text)
    return letters * (1.06 if bold else 1.0)
