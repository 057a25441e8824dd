"""Parameter groups: which parameters share a learning rate and a weight decay."""

from collections.abc import Iterable
from typing import Any

from torch import nn

from headway.training.settings import TrainingSettings


def parameter_groups(
    backbone: Iterable[nn.Parameter], head: Iterable[nn.Parameter], settings: TrainingSettings
) -> list[dict[str, Any]]:
    """Return AdamW's groups: matrices are decayed, vectors (biases, norms) are not; the head has its own rate."""
    groups = []
    for parameters, factor in ((list(backbone), 1.0), (list(head), settings.head_factor)):
        for decayed in (True, False):
            chosen = [parameter for parameter in parameters if (parameter.ndim > 1) == decayed]
            if chosen:
                rate = settings.learning_rate * factor
                decay = settings.weight_decay if decayed else 0.0
                groups.append({"params": chosen, "lr": rate, "weight_decay": decay})
    return groups
