"""Noise for a reference model, so that a lost bias or swapped norms cannot pass unseen.

A freshly made model has norms of 1 and biases of 0. Here every tensor gets values that depend on its name
alone.
"""

import torch
from torch import nn

from headway.core.seeding import derive


def fill(model: nn.Module) -> None:
    """Fill every parameter: norm scales with 1 + 0.3 n, all else with 0.3 n; n is normal, seeded by the name.

    Kernels of convolutions are divided by the square root of their inputs, so that deep networks stay in range. Running
    means get 0.3 n, running variances are uniform in 0.5 to 1.5. Other buffers (positions, masks) are left as they are.
    """
    norms = {name for name, module in model.named_modules() if "norm" in type(module).__name__.lower()}
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            generator = torch.Generator().manual_seed(derive(0, name))
            noise = 0.3 * torch.randn(parameter.shape, dtype=torch.float64, generator=generator)
            owner, _, part = name.rpartition(".")
            if parameter.ndim == 4:
                noise *= 3 / parameter[0].numel() ** 0.5
            parameter.copy_(1 + noise if owner in norms and part == "weight" else noise)
        for name, buffer in model.named_buffers():
            generator = torch.Generator().manual_seed(derive(0, name))
            if name.endswith("running_mean"):
                buffer.copy_(0.3 * torch.randn(buffer.shape, generator=generator))
            elif name.endswith("running_var"):
                buffer.copy_(0.5 + torch.rand(buffer.shape, generator=generator))
