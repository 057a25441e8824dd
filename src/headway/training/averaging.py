"""Averages of the weights: of a training's last states (Vaswani et al. 2017, 6.1), over its steps or last epochs."""

from collections import deque
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from headway.core.errors import UsageError
from headway.training.companions import Companion


def mean_state(states: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Return the mean of each tensor over the states, in its own type; what is no floating number is the last's.

    Raises UsageError when there is no state, or when the states are not of one model.
    """
    if not states:
        raise UsageError("there is no state to average", where="states")
    *others, last = states
    for state in others:
        if {name: tensor.shape for name, tensor in state.items()} != {n: t.shape for n, t in last.items()}:
            raise UsageError("the states differ in names or shapes", where="states")
    mean: dict[str, Tensor] = {}
    for name, tensor in last.items():
        mean[name] = tensor
        if tensor.is_floating_point():
            total = sum((state[name].double() for state in others), tensor.double())
            mean[name] = (total / len(states)).to(tensor.dtype)
    return mean


class LastStates(Companion):
    """Copies of a model's states after its last epochs, whose mean takes the weights' place when training is done."""

    def __init__(self, model: nn.Module, count: int) -> None:
        if count < 1:
            raise UsageError(f"must be at least 1, found {count}", where="count")
        self._model = model
        self._states: deque[dict[str, Tensor]] = deque(maxlen=count)

    def after_epoch(self, epoch: int) -> bool:
        """Copy the model's state as it is now."""
        with torch.no_grad():
            self._states.append({name: tensor.clone() for name, tensor in self._model.state_dict().items()})
        return False

    def after_training(self) -> None:
        """Put the mean of the copies into the model."""
        self._model.load_state_dict(self.mean())

    def state(self) -> dict[str, Tensor]:
        """Return the copies, the oldest first."""
        return {
            f"{place}.{name}": tensor
            for place, state in enumerate(self._states)
            for name, tensor in state.items()
        }

    def restore(self, state: dict[str, Tensor]) -> None:
        """Take them back."""
        device = next(self._model.parameters()).device
        copies: dict[int, dict[str, Tensor]] = {}
        for key, tensor in state.items():
            place, _, name = key.partition(".")
            copies.setdefault(int(place), {})[name] = tensor.to(device)
        self._states.clear()
        self._states.extend(copies[place] for place in sorted(copies))

    def mean(self) -> dict[str, Tensor]:
        """Return the mean of the states that were copied last, ready for `load_state_dict`."""
        return mean_state(list(self._states))


class RunningMean(Companion):
    """A mean of the weights, which takes their place when the training is done. What is no floating number is the
    last state's.
    """

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._mean: dict[str, Tensor] = {}
        self._seen = 0

    def take(self, share: float) -> None:
        """Move the mean towards the weights as they are now by this share; the first state is taken whole."""
        with torch.no_grad():
            for name, tensor in self._model.state_dict().items():
                if not tensor.is_floating_point():
                    continue
                if not self._seen:
                    self._mean[name] = tensor.clone()
                else:
                    self._mean[name].lerp_(tensor, share)
        self._seen += 1

    def after_training(self) -> None:
        """Put the mean into the model."""
        if self._seen:
            self._model.load_state_dict(self._mean, strict=False)

    def state(self) -> dict[str, Tensor]:
        """Return the mean and how many states are in it."""
        return {"seen": torch.tensor(self._seen), **{f"mean.{name}": t for name, t in self._mean.items()}}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Take them back."""
        self._seen = int(state["seen"].item())
        means = {name: tensor for name, tensor in state.items() if name.startswith("mean.")}
        device = next(self._model.parameters()).device
        self._mean = {name.removeprefix("mean."): tensor.to(device) for name, tensor in means.items()}


class ExponentialMean(RunningMean):
    """EMA: after each step the mean moves by 1 - decay (Polyak & Juditsky 1992; Tarvainen & Valpola 2017), where early
    on decay is at most (1 + n) / (10 + n) after n steps, so that the first weights are soon forgotten.
    """

    def __init__(self, model: nn.Module, decay: float = 0.999) -> None:
        super().__init__(model)
        self.decay = decay

    def after_step(self, step: int) -> None:
        """Take the step in."""
        self.take(1 - min(self.decay, (1 + step) / (10 + step)))


class StochasticMean(RunningMean):
    """SWA: the plain mean of the weights after each of the last epochs (Izmailov et al. 2018, algorithm 1)."""

    def __init__(self, model: nn.Module, first: int) -> None:
        super().__init__(model)
        self.first = first  # the first epoch that counts

    def after_epoch(self, epoch: int) -> bool:
        """Take the epoch in."""
        if epoch >= self.first:
            self.take(1 / (self._seen + 1))
        return False
