"""What `test_sharding.py` starts with torchrun: fine-tune a small encoder whose weights the processes share out.

The first process prints the loss after each step, the sums of the trained tensors, and the largest share of the weights
that a process held.
"""

from dataclasses import replace

import numpy as np
import torch
from launching import run_together
from letters import tiny_encoder

from headway.core.progress import Silent
from headway.ladder.encoder_training import fine_tune
from headway.tasks import classification
from headway.training import loop
from headway.training.processes import Processes
from headway.training.settings import TrainingSettings

# Odd, and the last batch holds a single row: one process has none. Of other lengths: one has more parts.
TEXTS = ["a cheese soup", "rain", "wind and rain and wind", "soup", "hail", "bread and a soup", "ice"] * 3
TARGETS = np.array([len(text) % 3 for text in TEXTS])
SETTINGS = TrainingSettings(
    epochs=2, learning_rate=1e-2, batch_size=5, epsilon=1e-3, tokens_at_once=16, shard=1
)


class Losses(Silent):
    """Notes the losses."""

    def __init__(self) -> None:
        self.found: list[float] = []

    def advance(self, count: int = 1, note: str = "") -> None:
        if note:
            self.found.append(float(note.split()[1]))


def run(processes: Processes) -> tuple[list[float], dict[str, float], float]:
    """Return the losses, the trained tensors' sums, and the share of the weights that this process trained."""
    sizes = {"d_model": 8, "d_ff": 12, "num_heads": 2, "num_layers": 3, "max_positions": 64}
    encoder = tiny_encoder("bert", sizes | {"dropout": 0.0, "attention_dropout": 0.0})
    model = classification.build(encoder, 3, 0)
    model.head.dropout.p = 0.0
    whole = sum(parameter.numel() for parameter in model.parameters())
    held: list[int] = []
    clip = loop.nn.utils.clip_grad_norm_

    def counting(parameters: list[torch.nn.Parameter], norm: float) -> object:
        locals_ = [p.to_local() if hasattr(p, "to_local") else p for p in parameters]
        held.append(sum(tensor.numel() for tensor in locals_))
        return clip(parameters, norm)

    loop.nn.utils.clip_grad_norm_ = counting  # type: ignore[assignment]
    losses = Losses()
    settings = SETTINGS if processes.count > 1 else replace(SETTINGS, shard=0)
    fine_tune(model, encoder, TEXTS, TARGETS, settings, 0, losses, processes=processes)
    loop.nn.utils.clip_grad_norm_ = clip
    assert not model.training
    sums = {name: tensor.double().abs().sum().item() for name, tensor in model.state_dict().items()}
    return losses.found, sums, max(held) / whole


if __name__ == "__main__":
    run_together(run)
