"""The recipe of a training: how long, how fast, what is decayed."""

from dataclasses import dataclass

from headway.core.config import Config


@dataclass(frozen=True, kw_only=True)
class TrainingSettings(Config):
    """AdamW with bias correction (Loshchilov & Hutter 2019), a warm-up and a linear fall, clipped gradients.

    ``head_factor`` multiplies the rate of the new head's parameters, which start from nothing.
    """

    epochs: int
    learning_rate: float
    head_factor: float = 1.0
    batch_size: int = 32
    warmup: float = 0.1  # share of the steps
    weight_decay: float = 0.01  # not on biases and norms
    clip: float = 1.0  # of the gradient's Euclidean length over all parameters
