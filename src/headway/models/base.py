"""The contracts that models keep. Importable without torch: an n-gram predictor keeps one of them too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol, Self

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor, nn

    from headway.blocks.cache import Cache
    from headway.blocks.pictures import Pictures
    from headway.blocks.ragged import Ragged, Tokens
    from headway.core.config import Config
    from headway.models.heads import ClassificationHead


@dataclass(frozen=True)
class Features:
    """What a backbone makes of a batch: ``tokens`` [N, D] with their lengths, and the new state (None: stateless)."""

    tokens: Ragged
    state: Any = None


@dataclass(frozen=True)
class MapFeatures:
    """What a backbone makes of a batch of pictures: ``maps`` [B, D, H, W]; it keeps no state."""

    maps: Tensor


class LayerGroup(NamedTuple):
    """Parameters that are thawed together and share a learning rate."""

    name: str  # "layers.3": the common beginning of the parameters' names
    parameters: tuple[nn.Parameter, ...]


class Trunk(Protocol):
    """What every backbone is, whatever it reads: an ``nn.Module`` that one vector can be read from."""

    config_class: ClassVar[type[Config]]
    head_class: ClassVar[type[ClassificationHead]]  # what classifies its pooled vector, as published

    @property
    def config(self) -> Config:
        """The configuration it was built from."""

    @property
    def num_features(self) -> int:
        """D, the size of its tokens' vectors."""

    @property
    def num_pooled(self) -> int:
        """P, the size of a text's or picture's vector; D where it is one of its tokens' or a mean."""

    def layer_groups(self) -> list[LayerGroup]:
        """Return the parameters from input to output, each exactly once."""


class Backbone(Trunk, Protocol):
    """A pretrained network that turns texts into vectors. Fine-tuning needs no more than this."""

    @property
    def word_table(self) -> nn.Embedding | None:
        """The embedding whose rows a batch's ids look up, where nothing else reads it; None where something does."""

    def features(self, batch: Tokens, state: Any = None) -> Features:
        """Return each token's vector and the new state; a stateless backbone refuses one (UsageError)."""

    def pooled(self, features: Features) -> Tensor:
        """Return one vector per sequence, [B, P], in the way the model was pretrained for."""

    def summarize(self, batch: Ragged, first: int = 0) -> Tensor:
        """Return ``pooled(features(batch))``, [B, P], leaving out what does not take part in it.

        ``batch`` are `Tokens`, or what `advance` made of them up to the layer group ``first``.
        """

    def advance(self, batch: Ragged, first: int, last: int) -> Ragged:
        """Compute the layer groups ``first`` to ``last`` (not included, and not all) on what comes out of those before.

        ``summarize(advance(batch, 0, k), k)`` equals ``summarize(batch)``; what comes out of frozen groups need be
        computed only once.
        """

    def intermediates(self, batch: Tokens) -> list[Ragged]:
        """Return every depth's token vectors, each of its own size: the embeddings', then each layer's."""


class PictureBackbone(Trunk, Protocol):
    """A pretrained network that turns pictures into maps and vectors: the same contract, maps for tokens.

    Which pictures it wants (size, crop, mean and deviation) belongs to its weights, not to it: the zoo's row says it.
    """

    def features(self, batch: Pictures, state: Any = None) -> MapFeatures:
        """Return the last maps; a state is refused (UsageError), and so are pictures of other channels."""

    def pooled(self, features: MapFeatures) -> Tensor:
        """Return one vector per picture, [B, D], in the way the model was pretrained for."""

    def summarize(self, batch: Pictures, first: int = 0) -> Tensor:
        """Return ``pooled(features(batch))``, [B, D]; ``batch`` may be what `advance` made of it up to ``first``."""

    def intermediates(self, batch: Pictures) -> list[Tensor]:
        """Return the maps after each layer group: the stem's, then each stage's."""

    def advance(self, maps: Tensor, first: int, last: int | None = None) -> Tensor:
        """Compute the layer groups ``first`` to ``last`` (not included) on the maps that come out of those before.

        ``advance(batch.values, 0)`` gives the last maps; what lies before a thawed group need be computed only once.
        """


class Decoder(Protocol):
    """A network (an ``nn.Module``) that goes on with sequences, token by token. Generation needs no more than this."""

    @property
    def context(self) -> int | None:
        """The most tokens that a row can have, its prompt included; None: no bound."""

    def start(self, rows: int, memory: Ragged | None = None) -> Cache:
        """Return an empty cache for so many rows; an encoder-decoder also takes the encoder's vectors of each row.

        Raises UsageError where memory is given to a decoder without an encoder, or not given to one with.
        """

    def step(self, batch: Tokens, cache: Cache) -> tuple[Tensor, Cache]:
        """Take in each row's new tokens, at least one, and return the logits of its last one [B, V] and the new cache.

        The first step takes the prompts, of any lengths. The old cache is not to be used again. Raises UsageError
        when a row would be longer than ``context``.
        """


class LanguageModel(Decoder, Protocol):
    """A decoder that says what each token of a text makes likely to come next. Perplexity needs no more than this."""

    def logits(self, batch: Tokens) -> Tensor:
        """Return the next token's logits after each token, [N, V], from that token and those before it in its text."""


class EncoderDecoder(Decoder, Protocol):
    """A decoder that goes on with targets, each given a source. Translation and the like need no more than this."""

    @property
    def config(self) -> Config:
        """The configuration it was built from."""

    def encode(self, source: Tokens) -> Ragged:
        """Return the vectors of the source tokens, [N, D]: the memory that `start` takes."""

    def logits(self, source: Tokens, target: Tokens) -> Tensor:
        """Return the next token's logits after each token of the targets, [N, V]; row b of them belongs to source b.

        From that token, those before it and the whole of its source.
        """


class Predictor(Protocol):
    """What answers inputs (texts, or what else it was trained on), with all that it needs. Each rung yields one."""

    kind: ClassVar[str]  # its key among the kinds that a run folder can hold

    @property
    def opens_with(self) -> str | None:
        """How other software opens its folder, or None."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the C classes, in the order of the columns of `predict`; none where it gives numbers."""

    @property
    def parameters(self) -> int:
        """The number of fitted values."""

    @property
    def settings(self) -> dict[str, Any]:
        """What was chosen in fitting, as plain values."""

    def cut(self, inputs: Sequence[Any]) -> int:
        """Return how many of the inputs are longer than it reads."""

    def predict(self, inputs: Sequence[Any]) -> np.ndarray:
        """Return what it says of each input: float64. Of classes their probabilities [B, C], whose rows sum to 1;
        of numbers these, [B]; of tags, [B] arrays (dtype object) of each word's probabilities [W, C]; of questions
        their likeliest answers, [B, 20, 3] (`core.answers`).
        """

    def save(self, folder: Path) -> None:
        """Write itself into an existing empty folder: safetensors and JSON, no pickle."""

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read back what `save` wrote."""
