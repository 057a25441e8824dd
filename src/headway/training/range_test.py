"""The range test: which learning rates train a model, found in one short run (Smith 2017, section 3.3)."""

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from torch import Tensor, nn

from headway.core.errors import TrainingError
from headway.core.progress import Progress
from headway.training.loop import train
from headway.training.settings import TrainingSettings

Batch = TypeVar("Batch")

LOWEST, HIGHEST = 1e-6, 1e-1
SMOOTHING = 0.8  # of the losses, over the steps
DIVERGED = 2.0  # times the first smoothed loss: higher rates are not tried


@dataclass(frozen=True)
class RangeTest:
    """The rates that were tried, ascending, and the smoothed loss after each."""

    rates: tuple[float, ...]
    losses: tuple[float, ...]

    @property
    def suggested(self) -> float:
        """The rate around which the loss falls most, over a fifth of the steps: single steps are mostly chance."""
        reach = max(1, len(self.losses) // 10)
        places = range(reach, len(self.losses) - reach)
        if not places:
            return self.rates[0]
        return self.rates[
            max(places, key=lambda place: self.losses[place - reach] - self.losses[place + reach])
        ]


class _DivergedError(Exception):
    """Ends the run."""


def range_test(
    model: nn.Module,
    groups: list[dict[str, Any]],
    loss: Callable[[Batch], Tensor],
    batches: Sequence[Batch],
    settings: TrainingSettings,
    seed: int,
    progress: Progress,
) -> RangeTest:
    """Train once over the batches while the rate rises from LOWEST to HIGHEST; the weights are put back afterwards.

    ``groups`` are made with ``settings``, whose learning rate stands for the highest one. Raises TrainingError when the
    first loss is no number.
    """
    before = copy.deepcopy(model.state_dict())
    found: list[float] = []
    raw: list[float] = []

    def noted(batch: Batch) -> Tensor:
        value = loss(batch)
        raw.append(value.item())
        if not math.isfinite(raw[-1]):
            raise _DivergedError
        mean = SMOOTHING * found[-1] + (1 - SMOOTHING) * raw[-1] if found else raw[-1]
        if found and mean > DIVERGED * found[0]:
            raise _DivergedError
        found.append(mean)
        return value

    def rising(step: int, steps: int, warmup: float) -> float:
        return _rate(step, steps) / HIGHEST

    for group in groups:
        group["lr"] *= HIGHEST / settings.learning_rate
    try:
        once = replace(settings, epochs=1)
        train(
            model, groups, noted, lambda epoch: batches, once, seed, progress, name="rates", schedule=rising
        )
    except _DivergedError:
        pass
    finally:
        model.load_state_dict(before)
        model.eval()
    if not found:
        raise TrainingError(
            "the first loss is no number", where="rates", remedy="Look for damaged weights or empty texts."
        )
    return RangeTest(tuple(_rate(step, len(batches)) for step in range(len(found))), tuple(found))


def _rate(step: int, steps: int) -> float:
    return float(LOWEST * (HIGHEST / LOWEST) ** (step / max(1, steps - 1)))
