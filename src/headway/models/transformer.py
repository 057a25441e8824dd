"""The Transformer (Vaswani et al. 2017, "Attention Is All You Need", arXiv:1706.03762): an encoder and a decoder.

- embeddings: word times sqrt(D) + sinusoidal position, then dropout; source and target share them;
- post-norm: each sublayer computes norm(x + dropout(sublayer(x))); no norm follows the last layer;
- the decoder's tokens see themselves and those before them, then all of the encoder's vectors;
- ReLU; biases in the feed-forward networks and the norms only, as the paper's equations have them;
- the logits of the next token are its vector times the word embeddings.

What it shares with T5 stands here too: the stacks of layers, and how they are put together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn

from headway.blocks.attention import CrossAttention, SelfAttention
from headway.blocks.cache import Cache, Past, Places
from headway.blocks.dropout import Dropout
from headway.blocks.embedding import WordEmbedding
from headway.blocks.feedforward import FeedForward
from headway.blocks.pooling import last_tokens, mean_pool
from headway.blocks.positions import RelativePositions, sinusoidal
from headway.blocks.ragged import Lengths, Ragged, Tokens
from headway.blocks.transformer import DecoderLayer, TransformerLayer
from headway.core.config import Config
from headway.core.errors import UsageError
from headway.models.base import Features, LayerGroup
from headway.models.heads import ClassificationHead


class EncoderStack(nn.Module):
    """Embeddings, layers, a last norm. Implements `models.base.Backbone`; it keeps no state between batches.

    embeddings: called with a batch and the positions [N]; relative: a bias on the attention scores, shared by all
    layers; dropout: on what the norm returns.
    """

    head_class: ClassVar[type[ClassificationHead]] = ClassificationHead

    def __init__(
        self,
        config: Any,
        embeddings: nn.Module,
        layers: Sequence[TransformerLayer],
        *,
        norm: nn.Module | None = None,
        relative: RelativePositions | None = None,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.config = config
        self.embeddings = embeddings
        self.relative = relative
        self.layers = nn.ModuleList(layers)
        self.norm = norm or nn.Identity()
        self.dropout = Dropout(dropout)

    @property
    def num_features(self) -> int:
        """D."""
        size: int = self.config.d_model
        return size

    @property
    def num_pooled(self) -> int:
        """D: a text's vector is the mean of its tokens'."""
        return self.num_features

    @property
    def word_table(self) -> nn.Embedding:
        """The word embeddings."""
        table = self.embeddings.word
        assert isinstance(table, nn.Embedding)
        return table

    def features(self, batch: Tokens, state: Any = None) -> Features:
        """Return the last layer's vectors [N, D], normed. Raises UsageError on a state."""
        if state is not None:
            raise UsageError(f"{type(self).__name__} keeps no state from batch to batch", where="state")
        return Features(self.intermediates(batch)[-1])

    def pooled(self, features: Features) -> Tensor:
        """Return the mean over each text's tokens, [B, D]: no token was pretrained to stand for the text."""
        return mean_pool(features.tokens)

    def summarize(self, batch: Ragged, first: int = 0) -> Tensor:
        """Return ``pooled(features(batch))``, [B, D]."""
        return mean_pool(self._finish(self.advance(batch, first, self._below + len(self.layers))))

    def advance(self, batch: Ragged, first: int, last: int) -> Ragged:
        """Compute the layer groups ``first`` to ``last`` (not included); the last norm is none of them."""
        x: Ragged = batch if first else self.embeddings(batch, batch.lengths.positions)
        relative = _within(self.relative, batch.lengths)
        for layer in self.layers[max(first - self._below, 0) : max(last - self._below, 0)]:
            x = layer(x, relative)
        return x

    @property
    def _below(self) -> int:
        """The number of layer groups below the layers."""
        return 1 if self.relative is None else 2

    def _finish(self, x: Ragged) -> Ragged:
        return x.with_values(self.dropout(self.norm(x.values)))

    def intermediates(self, batch: Tokens) -> list[Ragged]:
        """Return the embeddings' vectors and each layer's, the last one's normed: num_layers + 1 times [N, D]."""
        relative = _within(self.relative, batch.lengths)
        depths: list[Ragged] = [self.embeddings(batch, batch.lengths.positions)]
        for layer in self.layers:
            depths.append(layer(depths[-1], relative))
        depths[-1] = self._finish(depths[-1])
        return depths

    def layer_groups(self) -> list[LayerGroup]:
        """Return embeddings, relative positions if there are any, each layer, and the last norm if there is one."""
        modules: dict[str, nn.Module] = {"embeddings": self.embeddings}
        if self.relative is not None:
            modules["relative"] = self.relative
        modules |= {f"layers.{i}": layer for i, layer in enumerate(self.layers)} | {"norm": self.norm}
        groups = [LayerGroup(name, tuple(module.parameters())) for name, module in modules.items()]
        return [group for group in groups if group.parameters]


class DecoderStack(nn.Module):
    """Layers that also look at the encoder's vectors, and a last norm; the options are those of `EncoderStack`."""

    def __init__(
        self,
        layers: Sequence[DecoderLayer],
        *,
        norm: nn.Module | None = None,
        relative: RelativePositions | None = None,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.relative = relative
        self.layers = nn.ModuleList(layers)
        self.norm = norm or nn.Identity()
        self.dropout = Dropout(dropout)

    def forward(self, x: Ragged, memory: Ragged) -> Tensor:
        """Return the vectors of embedded target tokens, [N, D], from those before them and from the memory."""
        relative = _within(self.relative, x.lengths)
        for layer in self.layers:
            x = layer(x, memory, relative)
        out: Tensor = self.dropout(self.norm(x.values))
        return out

    def start(self, memory: Ragged, num_heads: int, d_kv: int) -> Cache:
        """Return the cache of rows that have no token yet."""
        rows = len(memory.lengths)
        past = Past.empty(rows, num_heads, d_kv, like=memory.values)
        remembered = tuple(layer.cross.remember(memory) for layer in self._layers())
        return Cache((past,) * len(self.layers), (0,) * rows, remembered, memory.lengths.sizes)

    def step(self, x: Ragged, places: Places, cache: Cache) -> tuple[Tensor, Cache]:
        """Return the vector of each row's last new token, [B, D], and the new cache."""
        relative = None if self.relative is None else self.relative(places.queries, places.longest)
        mask = cache.memory_mask
        past = []
        for layer, before, memory in zip(self._layers(), cache.past, cache.memory, strict=True):
            x, after = layer.step(x, before, places, memory, mask, relative)
            past.append(after)
        out: Tensor = self.dropout(self.norm(last_tokens(x)))
        return out, Cache(tuple(past), places.after, cache.memory, cache.memory_lengths)

    def _layers(self) -> list[DecoderLayer]:
        return list(self.layers)  # type: ignore[arg-type]


def _within(relative: RelativePositions | None, lengths: Lengths) -> Tensor | None:
    """Return the bias of the longest sequence's tokens to each other, [H, T, T]; a shorter one's is its beginning."""
    if relative is None:
        return None
    bias: Tensor = relative(torch.arange(lengths.longest, device=lengths.device), lengths.longest)
    return bias


class EncoderDecoder(nn.Module):
    """Encoder and decoder with shared word embeddings. Implements `models.base.EncoderDecoder`.

    A target's inputs begin with a start token and its outputs end with an end token: input t and the source say what
    is likely at output t.
    """

    def __init__(self, encoder: EncoderStack, decoder: DecoderStack) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder

    @property
    def config(self) -> Any:
        """The configuration it was built from."""
        return self.encoder.config

    @property
    def context(self) -> None:
        """There is no bound on the tokens that it reads."""
        return

    def encode(self, source: Tokens) -> Ragged:
        """Return the vectors of the source tokens, [N, D]: the memory that `start` takes."""
        return self.encoder.features(source).tokens

    def logits(self, source: Tokens, target: Tokens) -> Tensor:
        """Return the logits of what follows each token of the targets' inputs, [N, V]; row b belongs to source b."""
        memory = self.encode(source)
        x: Ragged = self.encoder.embeddings(target, target.lengths.positions)
        return self.unembed(self.decoder(x, memory))

    def start(self, rows: int, memory: Ragged | None = None) -> Cache:
        """Return the cache of so many rows that have no token yet; memory: what `encode` returned for each.

        Raises UsageError when there is no memory, or not that of so many rows.
        """
        if memory is None or len(memory.lengths) != rows:
            found = "none" if memory is None else f"that of {len(memory.lengths)}"
            raise UsageError(f"{rows} rows need the memory of {rows} sources, found {found}", where="memory")
        return self.decoder.start(memory, self.config.num_heads, self.d_kv)

    def step(self, batch: Tokens, cache: Cache) -> tuple[Tensor, Cache]:
        """Take in each row's new tokens; return its last one's logits [B, V] and the new cache."""
        places = Places(cache.lengths, batch.lengths)
        x: Ragged = self.encoder.embeddings(batch, places.positions)
        last, cache = self.decoder.step(x, places, cache)
        return self.unembed(last), cache

    @property
    def d_kv(self) -> int:
        """K."""
        size: int = self.config.d_model // self.config.num_heads
        return size

    def unembed(self, x: Tensor) -> Tensor:
        """Return the logits of decoded vectors, [..., D] -> [..., V]: by the word embeddings."""
        words = cast("WordEmbedding", self.encoder.embeddings.word)
        return words.unembed(x)


@dataclass(frozen=True, kw_only=True)
class TransformerConfig(Config):
    """The sizes of a Transformer; the defaults are the base model's. num_layers: of the encoder and of the decoder."""

    vocab_size: int  # of source and target together
    d_model: int = 512
    d_ff: int = 2048
    num_heads: int = 8
    num_layers: int = 6
    dropout: float = 0.1  # on the embeddings, and on what a sublayer returns
    norm_eps: float = 1e-6


class Embeddings(nn.Module):
    """dropout(sqrt(D) word + position), [N] -> [N, D]."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.word = WordEmbedding(config.vocab_size, config.d_model)
        self.dropout = Dropout(config.dropout)

    def forward(self, batch: Tokens, positions: Tensor) -> Ragged:
        """Embed each token at its position [N]."""
        x = self.word(batch.values)
        D = x.shape[1]
        return Ragged(self.dropout(x * D**0.5 + sinusoidal(positions, D, x.dtype)), batch.lengths)


class TransformerEncoder(EncoderStack):
    """The encoder, by itself a backbone."""

    config: TransformerConfig
    config_class: ClassVar[type[Config]] = TransformerConfig

    def __init__(self, config: TransformerConfig) -> None:
        def layer() -> TransformerLayer:
            return TransformerLayer(
                attention=SelfAttention(config.d_model, config.num_heads, bias=False),
                attention_norm_after=nn.LayerNorm(config.d_model, eps=config.norm_eps),
                feedforward=FeedForward(config.d_model, config.d_ff, "relu"),
                feedforward_norm_after=nn.LayerNorm(config.d_model, eps=config.norm_eps),
                dropout=config.dropout,
            )

        super().__init__(config, Embeddings(config), [layer() for _ in range(config.num_layers)])
        self.apply(initialize)


class Transformer(EncoderDecoder):
    """The Transformer."""

    config_class: ClassVar[type[Config]] = TransformerConfig

    def __init__(self, config: TransformerConfig) -> None:
        def layer() -> DecoderLayer:
            return DecoderLayer(
                attention=SelfAttention(config.d_model, config.num_heads, bias=False, causal=True),
                attention_norm_after=nn.LayerNorm(config.d_model, eps=config.norm_eps),
                cross=CrossAttention(config.d_model, config.num_heads, bias=False),
                cross_norm_after=nn.LayerNorm(config.d_model, eps=config.norm_eps),
                feedforward=FeedForward(config.d_model, config.d_ff, "relu"),
                feedforward_norm_after=nn.LayerNorm(config.d_model, eps=config.norm_eps),
                dropout=config.dropout,
            )

        decoder = DecoderStack([layer() for _ in range(config.num_layers)])
        super().__init__(TransformerEncoder(config), decoder.apply(initialize))


def initialize(module: nn.Module) -> None:
    """Draw fresh weights, which the paper does not state: as its published code, matrices by Glorot and Bengio
    (2010), embeddings with deviation D^-0.5, so that sqrt(D) times them has deviation 1.
    """
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Embedding):
        nn.init.normal_(module.weight, std=module.embedding_dim**-0.5)


# Table 3's models. The vocabulary is the user's.
TRANSFORMER_SIZES: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "base": MappingProxyType(
            {"d_model": 512, "d_ff": 2048, "num_heads": 8, "num_layers": 6, "dropout": 0.1}
        ),
        "big": MappingProxyType(
            {"d_model": 1024, "d_ff": 4096, "num_heads": 16, "num_layers": 6, "dropout": 0.3}
        ),
    }
)
