"""NT-ASGD: plain steps until validation stops getting better, then averaged ones (Merity et al. 2018, algorithm 1)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from headway.core.errors import UsageError
from headway.training.companions import Companion


class NtAsgd(torch.optim.Optimizer):
    """w <- w - rate (gradient + decay w); from the trigger on, the mean of all w since then is kept beside them.

    The trigger: a validation loss that is worse than the best of those more than ``patience`` validations ago. All that
    it knows is in `state_dict`, so that a training can go on from a checkpoint.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter] | list[dict[str, Any]],
        lr: float,
        *,
        weight_decay: float = 0.0,
        patience: int = 5,
    ) -> None:
        if patience < 1:
            raise UsageError(f"must be at least 1, found {patience}", where="patience")
        super().__init__(parameters, {"lr": lr, "weight_decay": weight_decay})
        self._first.update({"patience": patience, "losses": [], "averaged": None})

    @property
    def _first(self) -> dict[str, Any]:
        """The first group, where what concerns all of them is kept: it is saved with the optimizer."""
        group: dict[str, Any] = self.param_groups[0]
        return group

    @property
    def progress(self) -> tuple[list[float], int | None]:
        """The losses of all validations, and how many steps are averaged; None: none yet."""
        return self._first["losses"], self._first["averaged"]

    @progress.setter
    def progress(self, found: tuple[list[float], int | None]) -> None:
        self._first["losses"], self._first["averaged"] = found

    @property
    def averaging(self) -> bool:
        """Whether the trigger has come."""
        return self._first["averaged"] is not None

    def validated(self, loss: float) -> bool:
        """Take a validation's loss; return whether averaging goes on, or begins, with the next step."""
        losses, patience = self._first["losses"], self._first["patience"]
        losses.append(loss)
        earlier = losses[: -1 - patience]
        if not self.averaging and earlier and loss > min(earlier):
            self._first["averaged"] = 0
        return self.averaging

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Make one step; a closure computes the loss and the gradients first."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        if self.averaging:
            self._first["averaged"] += 1
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    gradient = parameter.grad.add(parameter, alpha=group["weight_decay"])
                    parameter.add_(gradient, alpha=-group["lr"])
                if self.averaging:
                    mean = self.state[parameter].setdefault("mean", torch.zeros_like(parameter))
                    mean.add_((parameter - mean) / self._first["averaged"])
        return loss

    @torch.no_grad()
    def settle(self) -> None:
        """Put the means into the parameters for good."""
        for parameter, state in self.state.items():
            if "mean" in state:
                parameter.copy_(state["mean"])

    @contextmanager
    def mean(self) -> Iterator[None]:
        """Put the means into the parameters while the block runs, then what was there before; it is they that count.

        Before the trigger, nothing changes.
        """
        kept: list[tuple[Tensor, Tensor]] = []
        with torch.no_grad():
            for parameter, state in self.state.items():
                if "mean" in state:
                    kept.append((parameter, parameter.clone()))
                    parameter.copy_(state["mean"])
        try:
            yield
        finally:
            with torch.no_grad():
                for parameter, value in kept:
                    parameter.copy_(value)


class NonMonotone(Companion):
    """Validates an NT-ASGD after each epoch, with the means where there are any; in the end these stay."""

    def __init__(self, validate: Callable[[], float]) -> None:
        self._validate = validate
        self._optimizer: NtAsgd | None = None

    def attach(self, optimizer: torch.optim.Optimizer) -> None:
        """Take the training's optimizer."""
        assert isinstance(optimizer, NtAsgd)
        self._optimizer = optimizer

    def after_epoch(self, epoch: int) -> bool:
        """Validate; averaging may begin."""
        assert self._optimizer is not None
        with self._optimizer.mean():
            loss = self._validate()
        self._optimizer.validated(loss)
        return False

    def after_training(self) -> None:
        """Leave the means in the model."""
        assert self._optimizer is not None
        self._optimizer.settle()

    def state(self) -> dict[str, Tensor]:
        """Return the losses so far and how many steps are averaged; -1: none yet."""
        assert self._optimizer is not None
        losses, averaged = self._optimizer.progress
        steps = -1 if averaged is None else averaged
        return {"losses": torch.tensor(losses, dtype=torch.float64), "averaged": torch.tensor(steps)}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Take them back."""
        assert self._optimizer is not None
        steps = int(state["averaged"])
        self._optimizer.progress = state["losses"].tolist(), None if steps < 0 else steps
