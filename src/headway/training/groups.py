"""Parameter groups: which parameters share a learning rate and a weight decay."""

from collections.abc import Iterable, Sequence
from typing import Any

from torch import nn

from headway.core.errors import UsageError
from headway.models.base import LayerGroup
from headway.training.settings import TrainingSettings

_LEAST_SIZE = 1e-3  # of a parameter that starts at zero (Shazeer & Stern 2018, section 8)


def parameter_groups(
    backbone: Iterable[nn.Parameter], head: Iterable[nn.Parameter], settings: TrainingSettings
) -> list[dict[str, Any]]:
    """Return AdamW's groups: matrices are decayed, vectors (biases, norms) are not; the head has its own rate."""
    return [
        *_groups(backbone, settings.learning_rate, settings),
        *_groups(head, settings.learning_rate * settings.head_factor, settings),
    ]


def size_scaled_groups(
    parameters: Iterable[nn.Parameter], settings: TrainingSettings
) -> list[dict[str, Any]]:
    """Return AdamW's groups with a rate for each parameter: the settings' times the root mean square of its values now.

    A step is then as large beside a matrix of small values as beside one of large ones. T5's fresh word embeddings
    are ten times as large as its matrices, and hardly move at a rate that suits those (Shazeer & Stern 2018, section
    8, where the size is taken anew at each step).
    """
    return [
        group
        for parameter in parameters
        for group in _groups([parameter], settings.learning_rate * _root_mean_square(parameter), settings)
    ]


def layered_groups(
    backbone: Sequence[LayerGroup], head: Iterable[nn.Parameter], settings: TrainingSettings
) -> list[dict[str, Any]]:
    """Return AdamW's groups with a rate for each layer group: the top one has the full rate, each below it
    ``layer_decay`` times the one above. The lowest ``frozen_groups`` are left out.

    Discriminative rates are a decay of 1 / 2.6 (Howard & Ruder 2018, section 3.1), layer-wise decay one of 0.95 (Sun
    et al. 2019, section 5.3.2).
    Raises UsageError when there are not so many groups.
    """
    if settings.frozen_groups > len(backbone):
        raise UsageError(
            f"the backbone has {len(backbone)} layer groups, found {settings.frozen_groups}",
            where="frozen_groups",
            remedy=f"Its groups: {', '.join(group.name for group in backbone)}.",
        )
    by_rate: dict[float, list[nn.Parameter]] = {}
    for below, group in enumerate(reversed(backbone[settings.frozen_groups :])):
        rate = settings.learning_rate * settings.layer_decay**below
        by_rate.setdefault(rate, []).extend(group.parameters)
    groups = [group for rate, parameters in by_rate.items() for group in _groups(parameters, rate, settings)]
    return groups + _groups(head, settings.learning_rate * settings.head_factor, settings)


def _groups(
    parameters: Iterable[nn.Parameter], rate: float, settings: TrainingSettings
) -> list[dict[str, Any]]:
    kept = list(parameters)
    groups = []
    for decayed in (True, False):
        chosen = [parameter for parameter in kept if (parameter.ndim > 1) == decayed]
        if chosen:
            decay = settings.weight_decay if decayed else 0.0
            group = {"params": chosen, "lr": rate, "weight_decay": decay}
            groups.append(group | {"betas": (0.9, settings.beta2), "eps": settings.epsilon})
    return groups


def _root_mean_square(parameter: nn.Parameter) -> float:
    return max(float(parameter.detach().square().mean().sqrt()), _LEAST_SIZE)
