"""What goes along with a training: it looks at each step or epoch, may end the training, and has a state of its own."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from headway.blocks.dropout import dropouts
from headway.core.errors import UsageError
from headway.models.base import LayerGroup


class Companion:
    """Does nothing; subclasses override what they need. The state is part of each checkpoint."""

    def attach(self, optimizer: torch.optim.Optimizer) -> None:
        """Take the optimizer of the training, before it begins or goes on."""

    def before_epoch(self, epoch: int) -> None:
        """Prepare what an epoch trains."""

    def after_step(self, step: int) -> None:
        """Look at the model after a step, counted from 0."""

    def after_epoch(self, epoch: int) -> bool:
        """Look at the model after an epoch; return True to end the training here."""
        return False

    def after_training(self) -> None:
        """Leave the model as it is to be used."""

    def state(self) -> dict[str, Tensor]:
        """Return what must be kept to go on after a kill."""
        return {}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Take back what `state` gave."""


class Thaw(Companion):
    """Gradual thawing: the top ``an_epoch`` layer groups learn in the first epoch, as many more in each one after
    (Howard & Ruder 2018, section 3.3); the lowest ``frozen`` groups never do.

    What of the ``model`` is frozen computes as in evaluation, without dropout: it makes the same of a text each time.
    """

    def __init__(
        self, groups: Sequence[LayerGroup], an_epoch: int, frozen: int = 0, model: nn.Module | None = None
    ) -> None:
        self.groups = list(groups)
        self.an_epoch = an_epoch or len(self.groups)
        self.frozen = frozen
        self.model = model

    def lowest(self, epoch: int) -> int:
        """Return the place of the lowest group that learns in an epoch."""
        return max(self.frozen, len(self.groups) - (epoch + 1) * self.an_epoch)

    def before_epoch(self, epoch: int) -> None:
        """Let the groups of this epoch learn, and no others."""
        lowest = self.lowest(epoch)
        for place, group in enumerate(self.groups):
            for parameter in group.parameters:
                parameter.requires_grad_(place >= lowest)
        for module in [] if self.model is None else self.model.train().modules():
            own = list(module.parameters())
            if own and not any(parameter.requires_grad for parameter in own):
                module.eval()

    def after_training(self) -> None:
        """Leave no parameter frozen."""
        for group in self.groups:
            for parameter in group.parameters:
                parameter.requires_grad_(True)


class DropoutFactor(Companion):
    """Multiplies every dropout of a model for the time of a training (``drop_mult`` in fastai's ULMFiT).

    Raises UsageError where a product is not below 1.
    """

    def __init__(self, model: nn.Module, factor: float) -> None:
        self.published = list(dropouts(model))
        self.factor = factor
        largest = max((p for _, _, p in self.published), default=0.0)
        if factor * largest >= 1:
            raise UsageError(
                f"makes a dropout of {largest:g} one of {factor * largest:g}, which must be less than 1",
                where="dropout_factor",
                remedy=f"Give less than {1 / largest:g}.",
            )

    def attach(self, optimizer: torch.optim.Optimizer) -> None:
        """Multiply."""
        for module, name, p in self.published:
            setattr(module, name, self.factor * p)

    def after_training(self) -> None:
        """Leave the dropouts as published."""
        for module, name, p in self.published:
            setattr(module, name, p)


class EarlyStop(Companion):
    """Keeps the weights of the epoch with the best score on rows kept from training, and ends the training when
    ``patience`` epochs brought none better (Prechelt 1998); with a patience of 0 it only keeps the best.
    """

    def __init__(self, model: nn.Module, score: Callable[[], float], patience: int) -> None:
        self.model = model
        self.score = score
        self.patience = patience
        self.best = -float("inf")
        self.waited = 0
        self.kept: dict[str, Tensor] = {}

    def after_epoch(self, epoch: int) -> bool:
        """Score the model and decide."""
        found = self.score()
        self.model.train()
        if found > self.best:
            self.best, self.waited = found, 0
            self.kept = {name: tensor.detach().clone() for name, tensor in self.model.state_dict().items()}
        else:
            self.waited += 1
        return 0 < self.patience <= self.waited

    def after_training(self) -> None:
        """Put the best epoch's weights back."""
        self.model.load_state_dict(self.kept)

    def state(self) -> dict[str, Tensor]:
        """Return the best score, the epochs waited and the best weights."""
        figures = torch.tensor([self.best, float(self.waited)], dtype=torch.float64)
        return {"figures": figures, **{f"kept.{name}": tensor for name, tensor in self.kept.items()}}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Take them back."""
        self.best, self.waited = state["figures"][0].item(), int(state["figures"][1].item())
        self.kept = {
            name.removeprefix("kept."): tensor for name, tensor in state.items() if name.startswith("kept.")
        }
