"""BERT (Devlin et al. 2019, "BERT: Pre-training of Deep Bidirectional Transformers", arXiv:1810.04805).

A Transformer encoder (Vaswani et al. 2017) with these choices:

- embeddings: word + learned position + segment, then a norm and dropout;
- post-norm: each sublayer computes norm(x + dropout(sublayer(x)));
- GELU; biases everywhere; norm_eps 1e-12; every dropout 0.1;
- attention in both directions, over the whole text;
- the pooled vector is tanh(linear(first token)): texts begin with [CLS].

The same file serves every model of this architecture, MiniLM among them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from headway.blocks.attention import SelfAttention
from headway.blocks.dropout import Dropout
from headway.blocks.feedforward import FeedForward
from headway.blocks.pooling import first_tokens
from headway.blocks.ragged import Ragged, Tokens
from headway.blocks.transformer import TransformerLayer
from headway.core.config import Config
from headway.core.errors import UsageError
from headway.models.base import Features, LayerGroup
from headway.models.heads import ClassificationHead


@dataclass(frozen=True, kw_only=True)
class EncoderConfig(Config):
    """The sizes of a BERT or one of its kin; the defaults are those that all published ones share."""

    vocab_size: int
    d_model: int
    d_ff: int
    num_heads: int
    num_layers: int
    max_positions: int = 512
    activation: str = "gelu"  # a key of blocks.feedforward.ACTIVATIONS
    dropout: float = 0.1
    attention_dropout: float = 0.1  # on the attention weights
    norm_eps: float = 1e-12


@dataclass(frozen=True, kw_only=True)
class BertConfig(EncoderConfig):
    """The sizes of a BERT."""

    num_segments: int = 2


class Embeddings(nn.Module):
    """dropout(norm(word + position + segment)), [N] -> [N, D]."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.word = nn.Embedding(config.vocab_size, config.d_model)
        self.position = nn.Embedding(config.max_positions, config.d_model)
        self.segment = nn.Embedding(config.num_segments, config.d_model)
        self.norm = nn.LayerNorm(config.d_model, eps=config.norm_eps)
        self.dropout = Dropout(config.dropout)

    def forward(self, batch: Tokens) -> Ragged:
        """Embed each token; without segment ids all tokens are of segment 0."""
        segment = self.segment.weight[0] if batch.segments is None else self.segment(batch.segments)
        x = self.word(batch.values) + self.position(batch.lengths.positions) + segment
        return Ragged(self.dropout(self.norm(x)), batch.lengths)


class Encoder(nn.Module):
    """Embeddings, then post-norm layers, read at the first token: what BERT shares with its kin.

    Implements `models.base.Backbone` for them; it keeps no state between batches.
    """

    config_class: ClassVar[type[Config]]
    head_class: ClassVar[type[ClassificationHead]] = ClassificationHead

    def __init__(self, config: EncoderConfig, embeddings: nn.Module) -> None:
        super().__init__()
        self.config = config
        self.embeddings = embeddings
        self.layers = nn.ModuleList(_layer(config) for _ in range(config.num_layers))

    @property
    def num_features(self) -> int:
        """D."""
        return self.config.d_model

    @property
    def num_pooled(self) -> int:
        """D: a text's vector is one of its tokens'."""
        return self.num_features

    @property
    def word_table(self) -> nn.Embedding:
        """The word embeddings."""
        table = self.embeddings.word
        assert isinstance(table, nn.Embedding)
        return table

    def features(self, batch: Tokens, state: Any = None) -> Features:
        """Return the last layer's vectors [N, D]. Raises UsageError on a state or a text that is too long."""
        if state is not None:
            raise UsageError(f"{type(self).__name__} keeps no state from batch to batch", where="state")
        return Features(self.advance(batch, 0, len(self.layers) + 1))

    def pooled(self, features: Features) -> Tensor:
        """Return each text's vector, made of its first token's, [B, D]."""
        return self._pool(first_tokens(features.tokens))

    def summarize(self, batch: Ragged, first: int = 0) -> Tensor:
        """Return ``pooled(features(batch))``, [B, D], with the last layer computed for first tokens only."""
        if first > len(self.layers):
            return self._pool(first_tokens(batch))
        last = self.layers[-1]
        assert isinstance(last, TransformerLayer)
        return self._pool(last.at_first(self.advance(batch, first, len(self.layers))))

    def advance(self, batch: Ragged, first: int, last: int) -> Ragged:
        """Compute the layer groups ``first`` to ``last`` (not included); the pooler is none of them."""
        x = batch if first else self._embed(batch)
        for layer in self.layers[max(first, 1) - 1 : last - 1]:
            x = layer(x)
        return x

    def intermediates(self, batch: Tokens) -> list[Ragged]:
        """Return the embeddings' vectors and each layer's: num_layers + 1 times [N, D]."""
        x = self._embed(batch)
        depths = [x]
        for layer in self.layers:
            x = layer(x)
            depths.append(x)
        return depths

    def layer_groups(self) -> list[LayerGroup]:
        """Return embeddings, then each layer."""
        layers = {f"layers.{i}": layer for i, layer in enumerate(self.layers)}
        modules = {"embeddings": self.embeddings, **layers}
        return [LayerGroup(name, tuple(module.parameters())) for name, module in modules.items()]

    def _embed(self, batch: Ragged) -> Ragged:
        longest = batch.lengths.longest
        if longest > self.config.max_positions:
            raise UsageError(
                f"a text of {longest} tokens, but the model reads {self.config.max_positions}",
                where="batch",
                remedy="Cut the texts when they are tokenized: encode(texts, max_tokens).",
            )
        x: Ragged = self.embeddings(batch)
        return x

    def _pool(self, first: Tensor) -> Tensor:
        return first


class Bert(Encoder):
    """The encoder and its pooler: a text's vector is tanh(pooler(first token))."""

    config: BertConfig
    config_class: ClassVar[type[Config]] = BertConfig

    def __init__(self, config: BertConfig) -> None:
        super().__init__(config, Embeddings(config))
        self.pooler = nn.Linear(config.d_model, config.d_model)
        self.apply(initialize)

    def layer_groups(self) -> list[LayerGroup]:
        """Return embeddings, each layer, pooler."""
        return [*super().layer_groups(), LayerGroup("pooler", tuple(self.pooler.parameters()))]

    def _pool(self, first: Tensor) -> Tensor:
        return torch.tanh(self.pooler(first))


def _layer(config: EncoderConfig) -> TransformerLayer:
    """Build one post-norm layer."""
    return TransformerLayer(
        attention=SelfAttention(config.d_model, config.num_heads, dropout=config.attention_dropout),
        attention_norm_after=nn.LayerNorm(config.d_model, eps=config.norm_eps),
        feedforward=FeedForward(config.d_model, config.d_ff, config.activation),
        feedforward_norm_after=nn.LayerNorm(config.d_model, eps=config.norm_eps),
        dropout=config.dropout,
    )


def initialize(module: nn.Module) -> None:
    """Draw fresh weights: normal with deviation 0.02 (the paper's is cut off at two deviations); biases 0."""
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)
    if isinstance(module, nn.Linear):
        nn.init.zeros_(module.bias)
