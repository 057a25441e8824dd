"""Learning-rate schedules: the factor on the rate at a step, a pure function of the step."""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

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


def slanted_triangular(step: int, steps: int, warmup: float, ratio: float = 32.0) -> float:
    """Rise in a straight line over the first ``warmup`` share of the steps (cut_frac), then fall to 1 / ratio.

    Howard & Ruder 2018, equation 3: with t the step and cut = floor(T cut_frac), p = t / cut before the cut and
    1 - (t - cut) / (cut (1 / cut_frac - 1)) after it; the factor is (1 + p (ratio - 1)) / ratio.
    """
    cut = math.floor(steps * warmup)
    p = step / cut if step < cut else 1 - (step - cut) / max(1e-9, steps - cut)
    return (1 + p * (ratio - 1)) / ratio


def cosine(step: int, steps: int, warmup: float) -> float:
    """Rise as `warmup_linear` does, then fall from 1 to 0 along half a cosine (Loshchilov & Hutter 2017)."""
    rising = max(1, round(steps * warmup))
    if step < rising:
        return (step + 1) / rising
    return (1 + math.cos(math.pi * (step - rising) / max(1, steps - rising))) / 2


def constant(step: int, steps: int, warmup: float) -> float:
    """Rise as `warmup_linear` does, then stay at 1: for what averages the weights."""
    return min(1.0, (step + 1) / max(1, round(steps * warmup)))


# `TrainingSettings.schedule` -> the schedule
SCHEDULES: Mapping[str, Schedule] = MappingProxyType(
    {
        "warmup_linear": warmup_linear,
        "slanted_triangular": slanted_triangular,
        "cosine": cosine,
        "inverse_square_root": inverse_square_root,
        "constant": constant,
    }
)
