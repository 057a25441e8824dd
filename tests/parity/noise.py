"""Noise for a reference model, so that a lost bias or swapped norms cannot pass unseen.

A freshly made model has norms of 1 and biases of 0. Here every tensor gets values that depend on its name
alone.
"""

import torch
from torch import nn

from headway.core.seeding import derive


def fill(model: nn.Module) -> None:
    """Fill every parameter: norm scales with 1 + 0.3 n, all else with 0.3 n; n is normal, seeded by the name.

    Buffers (positions, masks) are left as they are.
    """
    norms = {name for name, module in model.named_modules() if "norm" in type(module).__name__.lower()}
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            generator = torch.Generator().manual_seed(derive(0, name))
            noise = 0.3 * torch.randn(parameter.shape, dtype=torch.float64, generator=generator)
            owner, _, part = name.rpartition(".")
            parameter.copy_(1 + noise if owner in norms and part == "weight" else noise)
