"""The training loop, the only one: epochs of batches, one step each."""

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from headway.core.errors import TrainingError
from headway.core.progress import Progress
from headway.core.seeding import derive
from headway.training.schedules import Schedule, warmup_linear
from headway.training.settings import TrainingSettings

Batch = TypeVar("Batch")


def train(
    model: nn.Module,
    groups: list[dict[str, Any]],
    loss: Callable[[Batch], Tensor],
    epoch_batches: Callable[[int], Sequence[Batch]],
    settings: TrainingSettings,
    seed: int,
    progress: Progress,
    *,
    name: str = "fine-tuning",
    schedule: Schedule = warmup_linear,
    after_epoch: Callable[[int], None] | None = None,
) -> float:
    """Train ``model`` in place and return the mean loss of the last epoch.

    ``epoch_batches(e)`` gives the batches of epoch e, the same number each time; ``name`` is what the work is called.
    ``schedule`` turns step, steps and ``settings.warmup`` into the factor on the rates. ``after_epoch(e)`` is called
    when epoch e is done, with the model as it is then. Dropout follows from ``seed``; torch's own generator is left as
    it was. Raises TrainingError when the loss is no longer a number.
    """
    parameters = [parameter for group in groups for parameter in group["params"]]
    optimizer = torch.optim.AdamW(groups, fused=True)
    rates = [group["lr"] for group in groups]
    model.train()
    with torch.random.fork_rng(devices=_cuda_devices(parameters)):
        torch.manual_seed(derive(seed, "dropout"))
        step = steps = 0
        for epoch in range(settings.epochs):
            batches = epoch_batches(epoch)
            if epoch == 0:
                steps = len(batches) * settings.epochs
                progress.begin(name, steps, "steps")
            total = 0.0
            for number, batch in enumerate(batches, start=1):
                factor = schedule(step, steps, settings.warmup)
                for group, rate in zip(optimizer.param_groups, rates, strict=True):
                    group["lr"] = rate * factor
                value = loss(batch)
                value.backward()  # type: ignore[no-untyped-call]
                nn.utils.clip_grad_norm_(parameters, settings.clip)
                optimizer.step()
                optimizer.zero_grad()
                total += _finite(value.item(), step, settings, name)
                step += 1
                progress.advance(note=f"loss {total / number:.3f}")
            if after_epoch is not None:
                after_epoch(epoch)
    model.eval()
    return total / max(1, len(batches))


def _finite(value: float, step: int, settings: TrainingSettings, name: str) -> float:
    if math.isfinite(value):
        return value
    raise TrainingError(
        f"the loss is {value} at step {step + 1} (learning rate {settings.learning_rate:g})",
        where=name,
        remedy="Use a smaller learning rate; if it happens again, look for damaged weights.",
    )


def _cuda_devices(parameters: Sequence[nn.Parameter]) -> list[int]:
    return sorted({p.device.index or 0 for p in parameters if p.device.type == "cuda"})
