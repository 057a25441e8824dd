"""Learning-rate schedules: the factor on the rate at a step, a pure function of the step."""


def warmup_linear(step: int, steps: int, warmup: float) -> float:
    """Rise from 0 to 1 over the first ``warmup`` share of the steps, then fall to 0 (Devlin et al. 2019, A.2).

    ``step`` counts from 0; the first step already moves, the last still does.
    """
    rising = max(1, round(steps * warmup))
    if step < rising:
        return (step + 1) / rising
    return (steps - step) / max(1, steps - rising)
