"""Fresh top layers: what a pretrained encoder's last layers hold serves its own objective, not the new task."""

import torch
from torch import nn

from headway.core.errors import UsageError
from headway.models.base import Backbone
from headway.models.bert import Encoder, initialize


def freshen(backbone: Backbone, layers: int, seed: int) -> None:
    """Draw the weights of the top layers anew, and of the pooler (Zhang et al. 2021, arXiv:2006.05987, section 5).

    Raises UsageError when the backbone is no BERT or one of its kin, or has not so many layers.
    """
    if not layers:
        return
    if not isinstance(backbone, Encoder) or layers > len(backbone.layers):
        found = len(backbone.layers) if isinstance(backbone, Encoder) else 0
        raise UsageError(
            f"{layers} layers cannot be drawn anew in a {type(backbone).__name__} that has {found}",
            where="fresh_layers",
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for layer in backbone.layers[len(backbone.layers) - layers :]:
            layer.apply(_renew)
        pooler = getattr(backbone, "pooler", None)
        if pooler is not None:
            pooler.apply(_renew)


def _renew(module: nn.Module) -> None:
    if isinstance(module, nn.LayerNorm):
        module.reset_parameters()
    else:
        initialize(module)
