"""Checkpoint averaging: the mean of a training's last states is better than the last one (Vaswani et al. 2017, 6.1)."""

from collections import deque
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from headway.core.errors import UsageError


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


class LastStates:
    """Copies of a model's last states; what `training.loop.train` may call after each epoch."""

    def __init__(self, model: nn.Module, count: int) -> None:
        if count < 1:
            raise UsageError(f"must be at least 1, found {count}", where="count")
        self._model = model
        self._states: deque[dict[str, Tensor]] = deque(maxlen=count)

    def __call__(self, epoch: int) -> None:
        """Copy the model's state as it is now."""
        with torch.no_grad():
            self._states.append({name: tensor.clone() for name, tensor in self._model.state_dict().items()})

    def mean(self) -> dict[str, Tensor]:
        """Return the mean of the states that were copied last, ready for `load_state_dict`."""
        return mean_state(list(self._states))
