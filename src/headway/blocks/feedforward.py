"""The position-wise feed-forward network of the Transformer (Vaswani et al. 2017, section 3.3), and its
activations.
"""

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from headway.blocks.dropout import Dropout
from headway.core.errors import UsageError

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": F.gelu,  # x Phi(x) (Hendrycks and Gimpel 2016)
    "gelu_tanh": partial(
        F.gelu, approximate="tanh"
    ),  # its approximation, as in the first GPT and Google's BERT
    "relu": F.relu,
    "tanh": torch.tanh,
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
    """FFN(x) = outer(activation(inner(x))), with inner: D -> F and outer: F -> D.

    dropout is on what outer reads; bias: whether the two linear maps add one.
    """

    def __init__(
        self, d_model: int, d_ff: int, activation_name: str, *, dropout: float = 0.0, bias: bool = True
    ) -> None:
        super().__init__()
        self.activation_name = activation_name
        self.activation = activation(activation_name)
        self.inner = nn.Linear(d_model, d_ff, bias=bias)
        self.outer = nn.Linear(d_ff, d_model, bias=bias)
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Transform each token by itself, [N, D] -> [N, D]."""
        out: Tensor = self.outer(self.dropout(self.activation(self.inner(x))))
        return out


class GatedFeedForward(nn.Module):
    """FFN(x) = outer(activation(gate(x)) * value(x)), with gate and value: D -> F, no biases (Shazeer 2020,
    arXiv:2002.05202).

    dropout is on what outer reads.
    """

    def __init__(self, d_model: int, d_ff: int, activation_name: str, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.activation = activation(activation_name)
        self.gate = nn.Linear(d_model, d_ff, bias=False)
        self.value = nn.Linear(d_model, d_ff, bias=False)
        self.outer = nn.Linear(d_ff, d_model, bias=False)
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Transform each token by itself, [N, D] -> [N, D]."""
        out: Tensor = self.outer(self.dropout(self.activation(self.gate(x)) * self.value(x)))
        return out
