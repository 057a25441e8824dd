"""The training loop, the only one: epochs of batches, one step each."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

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
    optimizer = (
        NtAsgd(groups, settings.learning_rate)
        if settings.optimizer == "nt-asgd"
        else torch.optim.AdamW(groups, fused=True)
    )
    for companion in companions:
        companion.attach(optimizer)
    processes, schedule = processes or Processes(), schedule or SCHEDULES[settings.schedule]
    step = _Step(optimizer, loss, weight, parts, settings, seed, processes, name)
    at = Position()
    if checkpoints is not None:
        at = checkpoints.restore(model, optimizer, companions, progress)
    model.train()
    total, mean, steps = at.total, 0.0, 0
    with torch.random.fork_rng(devices=_cuda_devices(step.parameters)):
        for epoch in range(at.epoch, settings.epochs):
            for companion in companions:
                companion.before_epoch(epoch)
            batches = epoch_batches(epoch)
            if not steps:
                steps = len(batches) * settings.epochs
                progress.begin(name, steps, "steps")
                progress.advance(at.step)
            for number in range(at.number, len(batches)):
                total += step.take(batches[number], at.step, schedule(at.step, steps, settings.warmup))
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


class _Step(Generic[Batch]):
    """One step of a training: the rates, the dropout's seed, the gradients of a batch, and the optimizer's move."""

    def __init__(
        self,
        optimizer: torch.optim.Optimizer,
        loss: Callable[[Batch], Tensor],
        weight: Callable[[Batch], float],
        parts: Callable[[Batch], Sequence[Batch]],
        settings: TrainingSettings,
        seed: int,
        processes: Processes,
        name: str,
    ) -> None:
        self.parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        self._rates = [group["lr"] for group in optimizer.param_groups]
        self._optimizer = optimizer
        self._loss, self._weight, self._parts = loss, weight, parts
        self._settings, self._seed, self._processes, self._name = settings, seed, processes, name

    def take(self, batch: Batch | None, step: int, factor: float) -> float:
        """Train on this process's share of a batch, at ``factor`` times the rates; return the whole batch's loss."""
        rank = self._processes.rank
        torch.manual_seed(derive(self._seed, "dropout", step, *([rank] if rank else [])))
        for group, rate in zip(self._optimizer.param_groups, self._rates, strict=True):
            group["lr"] = rate * factor
        value = self._backward(batch, step)
        if not math.isfinite(value):
            raise TrainingError(
                f"the loss is {value} at step {step + 1} (learning rate {self._settings.learning_rate:g})",
                where=self._name,
                remedy="Use a smaller learning rate; if it happens again, look for damaged weights.",
            )
        nn.utils.clip_grad_norm_(self.parameters, self._settings.clip)
        self._optimizer.step()
        self._optimizer.zero_grad()
        return value

    def _backward(self, batch: Batch | None, step: int) -> float:
        """Leave the whole batch's gradients in the parameters and return its loss."""
        processes, device = self._processes, self.parameters[0].device
        whole = 0.0 if batch is None else self._weight(batch)
        share = processes.share(whole, device)
        found = 0.0
        pieces = [] if batch is None else [(part, self._weight(part)) for part in self._parts(batch)]
        for part, own in processes.together(pieces):
            with _fitting(step, self._settings, self._name, own):
                value = self._loss(part) * (share * own / whole if own else 0.0)
                found += value.item()
                value.backward()  # type: ignore[no-untyped-call]
        processes.add_gradients(self.parameters)
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


def _cuda_devices(parameters: Sequence[nn.Parameter]) -> list[int]:
    return sorted({p.device.index or 0 for p in parameters if p.device.type == "cuda"})
