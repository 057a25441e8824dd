import pytest

from headway.training.schedules import inverse_square_root, warmup_linear


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


@pytest.mark.parametrize("schedule", [inverse_square_root, warmup_linear])
def test_without_warm_up_the_first_step_is_a_whole_one(schedule: object) -> None:
    assert callable(schedule)
    assert schedule(0, 10, 0.0) == 1
    assert schedule(9, 10, 0.0) > 0
