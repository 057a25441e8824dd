import math
from itertools import pairwise

import pytest

from headway.training.schedules import (
    SCHEDULES,
    cosine,
    inverse_square_root,
    slanted_triangular,
    warmup_linear,
)


def test_the_inverse_square_root_is_equation_3_of_the_paper() -> None:
    D, w, steps = 512, 4000, 100_000
    peak = (D * w) ** -0.5
    for n in (1, 2, 1000, 3999, 4000, 4001, 20_000, 100_000):
        wanted = D**-0.5 * min(n**-0.5, n * w**-1.5)
        assert peak * inverse_square_root(n - 1, steps, w / steps) == pytest.approx(wanted, rel=1e-12)


def test_by_hand() -> None:
    found = [inverse_square_root(step, 16, 0.25) for step in range(16)]
    assert found[:5] == [0.25, 0.5, 0.75, 1.0, pytest.approx((4 / 5) ** 0.5)]
    assert found[15] == 0.5
    assert [warmup_linear(step, 5, 0.4) for step in range(5)] == pytest.approx([0.5, 1, 1, 2 / 3, 1 / 3])


def test_the_slanted_triangle_is_equation_3_of_the_paper() -> None:
    T, cut_frac, ratio = 1000, 0.1, 32
    cut = math.floor(T * cut_frac)
    for t in (0, 1, 50, 99, 100, 101, 500, 999, 1000):
        p = t / cut if t < cut else 1 - (t - cut) / (cut * (1 / cut_frac - 1))
        assert slanted_triangular(t, T, cut_frac) == pytest.approx((1 + p * (ratio - 1)) / ratio, rel=1e-12)
    assert slanted_triangular(100, T, cut_frac) == 1
    assert slanted_triangular(0, T, cut_frac) == 1 / 32


def test_the_cosine_falls_from_one_to_nothing() -> None:
    found = [cosine(step, 12, 1 / 3) for step in range(13)]
    assert found[:5] == pytest.approx([0.25, 0.5, 0.75, 1.0, 1.0])
    assert found[8] == pytest.approx(0.5) and found[12] == pytest.approx(0)
    assert all(later < earlier for earlier, later in pairwise(found[4:]))


@pytest.mark.parametrize("name", list(SCHEDULES))
def test_every_schedule_stays_between_nothing_and_the_rate(name: str) -> None:
    for steps, warmup in ((1, 0.0), (2, 0.5), (7, 0.3), (100, 0.1)):
        factors = [SCHEDULES[name](step, steps, warmup) for step in range(steps)]
        assert all(0 <= factor <= 1 for factor in factors) and max(factors) > 0.4


@pytest.mark.parametrize("schedule", [inverse_square_root, warmup_linear])
def test_without_warm_up_the_first_step_is_a_whole_one(schedule: object) -> None:
    assert callable(schedule)
    assert schedule(0, 10, 0.0) == 1
    assert schedule(9, 10, 0.0) > 0
