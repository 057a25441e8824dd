"""An AWD-LSTM that learns from running text, window by window, with the state carried on: pretraining and tuning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from headway.blocks.recurrent import LstmState
from headway.models.awd_lstm import AwdLstmLanguageModel, State
from headway.tasks import running_text
from headway.tasks.running_text import Penalties, Window
from headway.training.companions import Companion

WINDOW = 70  # words, on average (Merity et al. 2018)


@dataclass(eq=False, kw_only=True)
class OnRunningText:
    """A language model, the text that it learns from, and where its rows are in it."""

    model: AwdLstmLanguageModel
    ids: np.ndarray  # of all documents, each after an end token
    rows: int  # that are read side by side
    seed: int
    device: torch.device
    state: State | None = field(default=None, init=False)

    @property
    def companions(self) -> Sequence[Companion]:
        """The carried state."""
        return (CarriedState(self),)

    def epoch_batches(self, epoch: int) -> Sequence[Window]:
        """Return the windows in the order of the text, cut at the epoch's places."""
        return running_text.windows(self.ids, self.rows, WINDOW, self.seed, epoch, self.device)

    def loss(self, batch: Window) -> Tensor:
        """Return a window's loss, and carry the state on to the next."""
        value, self.state = running_text.loss(self.model, batch, self.state, WINDOW, Penalties())
        return value


class CarriedState(Companion):
    """The state that is carried from window to window, as part of each checkpoint."""

    def __init__(self, work: OnRunningText) -> None:
        self._work = work

    def state(self) -> dict[str, Tensor]:
        """Return each layer's."""
        layers = enumerate(self._work.state or ())
        return {
            f"{i}.{name}": tensor for i, layer in layers for name, tensor in (("h", layer.h), ("c", layer.c))
        }

    def restore(self, state: dict[str, Tensor]) -> None:
        """Take them back."""
        device = self._work.device
        self._work.state = tuple(
            LstmState(state[f"{i}.h"].to(device), state[f"{i}.c"].to(device)) for i in range(len(state) // 2)
        )
