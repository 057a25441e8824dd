"""The training loop, the only one: epochs of batches, one step each."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from headway.core.errors import TrainingError
from headway.core.progress import Progress
from headway.core.seeding import derive
from headway.training.checkpoints import Checkpoints, Position
from headway.training.companions import Companion
from headway.training.nt_asgd import NtAsgd
from headway.training.processes import Processes
from headway.training.schedules import SCHEDULES, Schedule
from headway.training.settings import TrainingSettings

Batch = TypeVar("Batch")

_NO_MEMORY = (
    "can't allocate memory",
    "out of memory",
    "not enough memory",
)  # torch's words on CPU, CUDA and MPS


def train(
    model: nn.Module,
    groups: list[dict[str, Any]],
    loss: Callable[[Batch], Tensor],
    epoch_batches: Callable[[int], Sequence[Batch | None]],
    settings: TrainingSettings,
    seed: int,
    progress: Progress,
    *,
    name: str = "fine-tuning",
    schedule: Schedule | None = None,
    after_epoch: Callable[[int], None] | None = None,
    companions: Sequence[Companion] = (),
    checkpoints: Checkpoints | None = None,
    processes: Processes | None = None,
    weight: Callable[[Batch], float] = lambda batch: 1.0,
    parts: Callable[[Batch], Sequence[Batch]] = lambda batch: (batch,),
) -> float:
    """Train ``model`` in place and return the mean loss of the last epoch.

    ``epoch_batches(e)`` gives the batches of epoch e, the same number each time; ``name`` is what the work is called.
    ``schedule`` (the settings' unless given) turns step, steps and ``settings.warmup`` into the factor on the rates.
    ``after_epoch(e)`` is called when epoch e is done, with the model as it is then; ``companions`` go along and may
    end the training early. ``parts`` cuts a batch into pieces that are computed one after the other, each counting by
    its ``weight``. With ``checkpoints`` it goes on from the newest one and saves now and then. The dropout of
    a step is a pure function of (seed, step); torch's own generator is left as it was.

    Of several ``processes`` each is given its own share of every batch by ``epoch_batches`` (None where it has none);
    ``weight`` says over how much a share's loss is a mean, so that the shares add up to the whole batch's.
    Raises TrainingError when the loss is no longer a number, or a batch does not fit into memory.
    """
    parameters = [parameter for group in groups for parameter in group["params"]]
    optimizer = (
        NtAsgd(groups, settings.learning_rate)
        if settings.optimizer == "nt-asgd"
        else torch.optim.AdamW(groups, fused=True)
    )
    for companion in companions:
        companion.attach(optimizer)
    rates = [group["lr"] for group in groups]
    processes, device = processes or Processes(), parameters[0].device
    schedule = schedule or SCHEDULES[settings.schedule]
    at = Position()
    if checkpoints is not None:
        at = checkpoints.restore(model, optimizer, companions, progress)
    model.train()
    total, mean, steps = at.total, 0.0, 0
    with torch.random.fork_rng(devices=_cuda_devices(parameters)):
        for epoch in range(at.epoch, settings.epochs):
            for companion in companions:
                companion.before_epoch(epoch)
            batches = epoch_batches(epoch)
            if not steps:
                steps = len(batches) * settings.epochs
                progress.begin(name, steps, "steps")
                progress.advance(at.step)
            for number in range(at.number, len(batches)):
                torch.manual_seed(
                    derive(seed, "dropout", at.step, *([processes.rank] if processes.rank else []))
                )
                factor = schedule(at.step, steps, settings.warmup)
                for group, rate in zip(optimizer.param_groups, rates, strict=True):
                    group["lr"] = rate * factor
                fitting = partial(_fitting, at.step, settings, name)
                value = _backward(
                    batches[number], loss, weight, parts, processes, parameters, device, fitting
                )
                total += _finite(value, at.step, settings, name)
                nn.utils.clip_grad_norm_(parameters, settings.clip)
                optimizer.step()
                optimizer.zero_grad()
                for companion in companions:
                    companion.after_step(at.step)
                at = Position(at.step + 1, epoch, number + 1, total)
                if checkpoints is not None and processes.rank == 0 and checkpoints.due():
                    checkpoints.save(at, model, optimizer, companions)
                progress.advance(note=f"loss {total / at.number:.3f}")
            mean = total / max(1, len(batches))
            if after_epoch is not None:
                after_epoch(epoch)
            ends = [companion.after_epoch(epoch) for companion in companions]
            if any(ends):
                break
            at, total = Position(at.step, epoch + 1), 0.0
    for companion in companions:
        companion.after_training()
    model.eval()
    return mean


def _backward(
    batch: Batch | None,
    loss: Callable[[Batch], Tensor],
    weight: Callable[[Batch], float],
    parts: Callable[[Batch], Sequence[Batch]],
    processes: Processes,
    parameters: Sequence[nn.Parameter],
    device: torch.device,
    fitting: Callable[[float], AbstractContextManager[None]],
) -> float:
    """Leave the whole batch's gradients in the parameters and return its loss."""
    whole = 0.0 if batch is None else weight(batch)
    share = processes.share(whole, device)
    found = 0.0
    pieces = [] if batch is None else [(part, weight(part)) for part in parts(batch)]
    for part, own in processes.together(pieces):
        with fitting(own):
            value = loss(part) * (share * own / whole if own else 0.0)
            found += value.item()
            value.backward()  # type: ignore[no-untyped-call]
    processes.add_gradients(parameters)
    return processes.total(found, device)


@contextmanager
def _fitting(step: int, settings: TrainingSettings, name: str, rows: float) -> Iterator[None]:
    """Turn what torch says when memory is at its end, at so many rows, into an error with a way out."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        words = str(error)
        if isinstance(error, RuntimeError) and not any(sign in words for sign in _NO_MEMORY):
            raise
        what = f"a batch does not fit into memory at step {step + 1} (batch_size {settings.batch_size})"
        remedy = f"Make the batches smaller: --set batch_size={max(1, settings.batch_size // 2)}."
        if settings.tokens_at_once:
            what = f"{settings.tokens_at_once:,} tokens do not fit into memory at step {step + 1}"
            remedy = f"Compute fewer at once: --set tokens_at_once={max(1, settings.tokens_at_once // 2)}."
            if rows == 1:
                what = f"one row alone does not fit into memory at step {step + 1}"
                remedy = "Use a smaller model, shorter texts, or a machine with more memory."
        raise TrainingError(what, where=name, remedy=remedy) from error


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
