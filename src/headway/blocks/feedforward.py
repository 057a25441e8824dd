"""The position-wise feed-forward network of the Transformer (Vaswani et al. 2017, section 3.3), and its
activations.
"""

from collections.abc import Callable
from functools import partial

import torch.nn.functional as F
from torch import Tensor, nn

from headway.core.errors import UsageError

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": F.gelu,  # x Phi(x) (Hendrycks and Gimpel 2016)
    "gelu_tanh": partial(
        F.gelu, approximate="tanh"
    ),  # its approximation, as in the first GPT and Google's BERT
    "relu": F.relu,
}


def activation(name: str) -> Callable[[Tensor], Tensor]:
    """Return the activation of that name; raises UsageError on an unknown one."""
    try:
        return ACTIVATIONS[name]
    except KeyError:
        known = ", ".join(ACTIVATIONS)
        raise UsageError(
            f"unknown activation {name!r}", where="activation", remedy=f"Known: {known}."
        ) from None


class FeedForward(nn.Module):
    """FFN(x) = outer(activation(inner(x))), with inner: D -> F and outer: F -> D."""

    def __init__(self, d_model: int, d_ff: int, activation_name: str) -> None:
        super().__init__()
        self.activation = activation(activation_name)
        self.inner = nn.Linear(d_model, d_ff)
        self.outer = nn.Linear(d_ff, d_model)

    def forward(self, x: Tensor) -> Tensor:
        """Transform each token by itself, [N, D] -> [N, D]."""
        out: Tensor = self.outer(self.activation(self.inner(x)))
        return out
