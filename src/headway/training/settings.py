"""The recipe of a training: how long, how fast, what is trained when, what is kept of it."""

import math
from dataclasses import dataclass, fields

from headway.core.config import Config
from headway.core.errors import UsageError
from headway.training.schedules import SCHEDULES

OPTIMIZERS = ("adamw", "nt-asgd")
STARTS = ("fresh", "probe")
PROBE_PASS = 1 / 3  # of an epoch: what a forward pass over the rows takes


@dataclass(frozen=True, kw_only=True)
class TrainingSettings(Config):
    """AdamW with bias correction (Loshchilov & Hutter 2019) or NT-ASGD, clipped gradients, and what composes with them.

    The layer groups are the backbone's, from input to output; the head's parameters start from nothing and are always
    trained. Raises UsageError on a value that has no meaning.
    """

    epochs: int
    learning_rate: float
    head_factor: float = 1.0  # on the head's rate
    batch_size: int = 32
    tokens_at_once: int = (
        0  # a larger batch is computed in parts; 0: as many as memory holds (training.memory)
    )
    schedule: str = "warmup_linear"  # a key of schedules.SCHEDULES
    warmup: float = 0.1  # share of the steps
    weight_decay: float = 0.01  # not on biases and norms
    clip: float = 1.0  # of the gradient's Euclidean length over all parameters
    dropout_factor: float = 1.0  # on each dropout of the model; 0: nothing is dropped
    optimizer: str = "adamw"  # or "nt-asgd" (training.nt_asgd), for language models
    beta2: float = 0.999  # of Adam's mean of squares; that of the mean is 0.9
    epsilon: float = 1e-8  # added to the root of the mean of squares
    layer_decay: float = 1.0  # of the rate, from each layer group to the one below it
    fresh_layers: int = 0  # top layers that start from fresh weights
    start: str = "fresh"  # of the head; "probe": fitted to the backbone as it is (Kumar et al. 2022, LP-FT)
    contrastive: int = 0  # steps on pairs of one class and of two, before (SetFit, Tunstall et al. 2022)
    frozen_groups: int = 0  # lowest layer groups that stay as they are
    thaw: int = 0  # layer groups that are thawed an epoch, from the top; 0: all at once
    average: str = "none"  # of the weights: "ema" over the steps, "swa" over the last quarter's epochs
    patience: int = 0  # epochs without a better score on a tenth of the training rows; 0: no early stop
    seeds: int = 1  # trainings, of which the best on that tenth is kept
    shard: int = (
        0  # 1: torchrun's processes share out weights and AdamW's state, for what does not fit into one
    )

    def __post_init__(self) -> None:
        at_least = {"epochs": 1, "batch_size": 1, "seeds": 1}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, str):
                continue
            least = at_least.get(field.name, 0)
            if isinstance(value, bool) or not isinstance(value, int | float) or not value >= least:
                raise UsageError(f"must be at least {least}, found {value!r}", where=field.name)
            if field.type is int and not isinstance(value, int):
                raise UsageError(f"must be a whole number, found {value!r}", where=field.name)
        for name, known in (
            ("schedule", tuple(SCHEDULES)),
            ("average", ("none", "ema", "swa")),
            ("optimizer", OPTIMIZERS),
            ("start", STARTS),
        ):
            if getattr(self, name) not in known:
                raise UsageError(
                    f"unknown {name} {getattr(self, name)!r}",
                    where=name,
                    remedy=f"Known: {', '.join(known)}.",
                )
        if self.warmup > 1:
            raise UsageError(f"is a share of the steps, found {self.warmup}", where="warmup")
        if self.average != "none" and self.patience:
            raise UsageError(
                "an average of the weights and the best epoch's cannot both be kept",
                where="average, patience",
                remedy="Give one of them.",
            )

        others = (self.average != "none", self.patience, self.seeds > 1, self.frozen_groups, self.thaw)
        if self.shard and any((*others, self.contrastive, self.start != "fresh")):
            raise UsageError(
                "weights that are shared out are neither averaged nor frozen nor warmed up nor chosen among",
                where="shard",
                remedy="Leave out average, patience, seeds, frozen_groups, thaw, start and contrastive, or shard.",
            )

    def steps(self, rows: int) -> float:
        """Return what training on so many rows takes, in steps: all restarts, each with its start."""
        epochs = self.epochs + PROBE_PASS * (self.start == "probe")
        return self.seeds * (math.ceil(rows / self.batch_size) * epochs + self.contrastive)

    @property
    def chooses(self) -> bool:
        """Whether a tenth of the training rows is kept to choose by."""
        return self.patience > 0 or self.seeds > 1
