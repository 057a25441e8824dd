"""The contracts that models keep. Importable without torch: an n-gram predictor keeps one of them too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol, Self

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor, nn

    from headway.blocks.ragged import Ragged, Tokens
    from headway.core.config import Config


@dataclass(frozen=True)
class Features:
    """What a backbone makes of a batch: ``tokens`` [N, D] with their lengths, and the new state (None:
    stateless).
    """

    tokens: Ragged
    state: Any = None


class LayerGroup(NamedTuple):
    """Parameters that are thawed together and share a learning rate."""

    name: str  # "layers.3": the common beginning of the parameters' names
    parameters: tuple[nn.Parameter, ...]


class Backbone(Protocol):
    """A pretrained network (an ``nn.Module``) that turns texts into vectors. Fine-tuning needs no more than
    this.
    """

    config_class: ClassVar[type[Config]]

    @property
    def config(self) -> Config:
        """The configuration it was built from."""

    @property
    def num_features(self) -> int:
        """D, the size of its vectors."""

    def features(self, batch: Tokens, state: Any = None) -> Features:
        """Return each token's vector and the new state; a stateless backbone refuses one (UsageError)."""

    def pooled(self, features: Features) -> Tensor:
        """Return one vector per sequence, [B, D], in the way the model was pretrained for."""

    def summarize(self, batch: Tokens) -> Tensor:
        """Return ``pooled(features(batch))``, [B, D], leaving out what does not take part in it."""

    def intermediates(self, batch: Tokens) -> list[Ragged]:
        """Return every depth's token vectors: the embeddings', then each layer's."""

    def layer_groups(self) -> list[LayerGroup]:
        """Return the parameters from input to output, each exactly once."""


class Predictor(Protocol):
    """A finished classifier of texts, with all that it needs to predict. Each rung yields one."""

    kind: ClassVar[str]  # its key among the kinds that a run folder can hold
    opens_with: ClassVar[str | None]  # how other software opens its folder

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the C classes, in the order of the columns of `probabilities`."""

    @property
    def parameters(self) -> int:
        """The number of fitted values."""

    @property
    def settings(self) -> dict[str, Any]:
        """What was chosen in fitting, as plain values."""

    def cut(self, texts: Sequence[str]) -> int:
        """Return how many of the texts are longer than it reads."""

    def probabilities(self, texts: Sequence[str]) -> np.ndarray:
        """Return float64 [B, C]; each row sums to 1."""

    def save(self, folder: Path) -> None:
        """Write itself into an existing empty folder: safetensors and JSON, no pickle."""

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read back what `save` wrote."""
