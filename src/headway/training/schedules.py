"""Learning-rate schedules: the factor on the rate at a step, a pure function of the step."""

from collections.abc import Callable

# step (from 0), steps, share of the steps that warm up -> factor
Schedule = Callable[[int, int, float], float]


def warmup_linear(step: int, steps: int, warmup: float) -> float:
    """Rise from 0 to 1 over the first ``warmup`` share of the steps, then fall to 0 (Devlin et al. 2019, A.2).

    ``step`` counts from 0; the first step already moves, the last still does.
    """
    rising = max(1, round(steps * warmup))
    if step < rising:
        return (step + 1) / rising
    return (steps - step) / max(1, steps - rising)


def inverse_square_root(step: int, steps: int, warmup: float) -> float:
    """Rise from 0 to 1 over the first ``warmup`` share of the steps, then fall as 1 / sqrt(n) (Vaswani et al. 2017).

    With n counted from 1 and w warm-up steps: min(n / w, sqrt(w / n)). At the rate (D w)^-0.5 this is their equation
    3, D^-0.5 min(n^-0.5, n w^-1.5).
    """
    rising = max(1, round(steps * warmup))
    number = step + 1
    return float(min(number / rising, (rising / number) ** 0.5))
