"""The plot's labels keep clear of one another, whatever the rungs."""

import re
from dataclasses import replace
from itertools import combinations

import pytest
from report_records import usual

from headway.bundle.record import RungRecord, RunRecord, Score
from headway.report.plot import draw

LABEL = re.compile(r'<text class="label[^"]*" x="([\d.-]+)" y="([\d.-]+)" text-anchor="(\w+)">([^<]*)<')


def crowded(count: int, spread: float, times: float) -> RunRecord:
    rungs = tuple(
        RungRecord(
            name=f"r{i}",
            title=f"Rung of kind {i}",
            status="measured",
            latency_ms=3.0 * times**i,
            scores={"accuracy": Score(value=0.9 - spread * i, low=0.87 - spread * i, high=0.93 - spread * i)},
        )
        for i in range(count)
    )
    base = usual(2, 60)
    return replace(base, rungs=rungs, verdict=replace(base.verdict, ships="r1", best="r0", metric="accuracy"))


def boxes(svg: str) -> list[tuple[float, float, float, float]]:
    found = []
    for x, y, anchor, text in LABEL.findall(svg):
        width = 6.5 * len(text)
        left = float(x) - (width if anchor == "end" else 0)
        found.append((left, float(y) - 11, left + width, float(y) + 3))
    return found


@pytest.mark.parametrize("width", [860, 340])
@pytest.mark.parametrize(("spread", "times"), [(0.0, 1.0), (0.001, 1.1), (0.02, 3.0), (0.08, 1.0)])
def test_labels_neither_collide_nor_leave_the_picture(width: int, spread: float, times: float) -> None:
    placed = boxes(draw(crowded(8, spread, times), width))
    assert len(placed) == 8
    for one, other in combinations(placed, 2):
        assert one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
    assert all(box[0] >= 0 and box[2] <= width for box in placed)


def test_a_far_score_stands_below_the_scale_and_no_time_gives_no_picture() -> None:
    svg = draw(usual())
    assert "Majority class: 2" in svg
    assert 'class="point below"' in svg
    record = usual()
    assert draw(replace(record, rungs=tuple(replace(rung, latency_ms=None) for rung in record.rungs))) == ""
    titled = tuple(replace(rung, title="<b>&") for rung in record.rungs)
    assert "<b>" not in draw(replace(record, rungs=titled))


def test_the_size_is_a_cost_too() -> None:
    svg = draw(usual(), against="size")
    assert "against size</title>" in svg and "size on disk" in svg
    assert "kB" in svg or "MB" in svg
    record = usual()
    assert (
        draw(
            replace(record, rungs=tuple(replace(rung, size_bytes=None) for rung in record.rungs)),
            against="size",
        )
        == ""
    )
