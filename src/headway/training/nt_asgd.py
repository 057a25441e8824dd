"""NT-ASGD: plain steps until validation stops getting better, then averaged ones (Merity et al. 2018, algorithm 1)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from headway.core.errors import UsageError


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
