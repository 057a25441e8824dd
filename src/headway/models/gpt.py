"""GPT (Radford et al. 2018, "Improving Language Understanding by Generative Pre-Training").

A Transformer decoder without an encoder (Vaswani et al. 2017) with these choices:

- embeddings: word + learned position, then dropout;
- causal attention: a token sees itself and those before it;
- post-norm: each sublayer computes norm(x + dropout(sublayer(x)));
- GELU in its tanh form; biases everywhere; norm_eps 1e-5; every dropout 0.1;
- the logits of the next token are its vector times the word embeddings: the head has no weights of its own;
- a text's vector is its last token's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, cast

from torch import Tensor, nn

from headway.blocks.attention import SelfAttention
from headway.blocks.cache import Cache, Past, Places
from headway.blocks.dropout import Dropout
from headway.blocks.embedding import WordEmbedding
from headway.blocks.feedforward import FeedForward
from headway.blocks.pooling import last_tokens
from headway.blocks.ragged import Ragged, Tokens
from headway.blocks.transformer import TransformerLayer
from headway.core.config import Config
from headway.core.errors import UsageError
from headway.models.base import Features, LayerGroup
from headway.models.bert import initialize
from headway.models.heads import BiasFreeHead, ClassificationHead


@dataclass(frozen=True, kw_only=True)
class GptConfig(Config):
    """The sizes of a GPT; the defaults are the published one's."""

    vocab_size: int
    d_model: int
    d_ff: int
    num_heads: int
    num_layers: int
    max_positions: int = 512
    activation: str = "gelu_tanh"  # a key of blocks.feedforward.ACTIVATIONS
    dropout: float = 0.1  # on what a sublayer returns
    embedding_dropout: float = 0.1
    attention_dropout: float = 0.1  # on the attention weights
    norm_eps: float = 1e-5


class Embeddings(nn.Module):
    """dropout(word + position), [N] -> [N, D]."""

    def __init__(self, config: GptConfig) -> None:
        super().__init__()
        self.word = WordEmbedding(config.vocab_size, config.d_model)
        self.position = nn.Embedding(config.max_positions, config.d_model)
        self.dropout = Dropout(config.embedding_dropout)

    def forward(self, batch: Tokens, positions: Tensor) -> Ragged:
        """Embed each token at its position [N]."""
        return Ragged(self.dropout(self.word(batch.values) + self.position(positions)), batch.lengths)


class CausalDecoder(nn.Module):
    """Embeddings, causal layers, a last norm, and logits by the word embeddings: what GPT shares with GPT-2.

    Implements `models.base.Backbone` and `models.base.LanguageModel` for them; beyond a cache it keeps no state.
    """

    head_class: ClassVar[type[ClassificationHead]] = BiasFreeHead

    def __init__(
        self, config: GptConfig, build_layer: Callable[[int], TransformerLayer], norm: nn.Module
    ) -> None:
        super().__init__()
        self.config = config
        self.embeddings = Embeddings(config)
        self.layers = nn.ModuleList(build_layer(i) for i in range(config.num_layers))
        self.norm = norm

    @property
    def num_features(self) -> int:
        """D."""
        return self.config.d_model

    @property
    def num_pooled(self) -> int:
        """D: a text's vector is one of its tokens'."""
        return self.num_features

    @property
    def context(self) -> int:
        """The most tokens that it reads: one learned position each."""
        return self.config.max_positions

    @property
    def word_table(self) -> nn.Embedding:
        """The word embeddings."""
        table = self.embeddings.word
        assert isinstance(table, nn.Embedding)
        return table

    def features(self, batch: Tokens, state: Any = None) -> Features:
        """Return the last layer's vectors [N, D], normed. Raises UsageError on a state or a text that is too long."""
        if state is not None:
            raise UsageError(f"{type(self).__name__} keeps no state from batch to batch", where="state")
        return Features(self.intermediates(batch)[-1])

    def pooled(self, features: Features) -> Tensor:
        """Return the last token's vector of each text, [B, D]: it alone has seen the whole."""
        return last_tokens(features.tokens)

    def summarize(self, batch: Ragged, first: int = 0) -> Tensor:
        """Return ``pooled(features(batch))``, [B, D], with the norm computed for last tokens only."""
        out: Tensor = self.norm(last_tokens(self.advance(batch, first, len(self.layers) + 1)))
        return out

    def advance(self, batch: Ragged, first: int, last: int) -> Ragged:
        """Compute the layer groups ``first`` to ``last`` (not included); the last norm is none of them."""
        x = batch if first else self._embed(batch)
        for layer in self.layers[max(first, 1) - 1 : last - 1]:
            x = layer(x)
        return x

    def intermediates(self, batch: Tokens) -> list[Ragged]:
        """Return the embeddings' vectors and each layer's, the last one's normed: num_layers + 1 times [N, D]."""
        depths = [self._embed(batch)]
        for layer in self.layers:
            depths.append(layer(depths[-1]))
        depths[-1] = depths[-1].with_values(self.norm(depths[-1].values))
        return depths

    def layer_groups(self) -> list[LayerGroup]:
        """Return embeddings, each layer, and the last norm if there is one."""
        layers = {f"layers.{i}": layer for i, layer in enumerate(self.layers)}
        modules = {"embeddings": self.embeddings, **layers, "norm": self.norm}
        groups = [LayerGroup(name, tuple(module.parameters())) for name, module in modules.items()]
        return [group for group in groups if group.parameters]

    def logits(self, batch: Tokens) -> Tensor:
        """Return the next token's logits after each token, [N, V]."""
        return self.unembed(self.features(batch).tokens.values)

    def start(self, rows: int, memory: Ragged | None = None) -> Cache:
        """Return an empty cache for so many rows; raises UsageError on memory: there is no encoder."""
        if memory is not None:
            raise UsageError(f"{type(self).__name__} has no encoder", where="memory")
        H = self.config.num_heads
        past = Past.empty(rows, H, self.config.d_model // H, like=self.embeddings.position.weight)
        return Cache((past,) * len(self.layers), (0,) * rows)

    def step(self, batch: Tokens, cache: Cache) -> tuple[Tensor, Cache]:
        """Take in each row's new tokens; return its last one's logits [B, V] and the new cache."""
        places = Places(cache.lengths, batch.lengths)
        self._check_length(places.longest)
        x: Ragged = self.embeddings(batch, places.positions)
        past = []
        layers = cast("list[TransformerLayer]", list(self.layers))
        for layer, before in zip(layers, cache.past, strict=True):
            x, after = layer.step(x, before, places)
            past.append(after)
        return self.unembed(self.norm(last_tokens(x))), Cache(tuple(past), places.after)

    def unembed(self, x: Tensor) -> Tensor:
        """Return the logits of vectors, [..., D] -> [..., V]."""
        return self.embeddings.word.unembed(x)

    def _embed(self, batch: Ragged) -> Ragged:
        self._check_length(batch.lengths.longest)
        x: Ragged = self.embeddings(batch, batch.lengths.positions)
        return x

    def _check_length(self, longest: int) -> None:
        if longest > self.context:
            raise UsageError(
                f"a text of {longest} tokens, but the model reads {self.context}",
                where="batch",
                remedy="Cut the texts when they are tokenized: encode(texts, max_tokens).",
            )


class Gpt(CausalDecoder):
    """GPT, by itself a language model and a backbone."""

    config: GptConfig
    config_class: ClassVar[type[Config]] = GptConfig

    def __init__(self, config: GptConfig) -> None:
        def layer(i: int) -> TransformerLayer:
            return TransformerLayer(
                attention=SelfAttention(
                    config.d_model, config.num_heads, dropout=config.attention_dropout, causal=True
                ),
                attention_norm_after=nn.LayerNorm(config.d_model, eps=config.norm_eps),
                feedforward=FeedForward(config.d_model, config.d_ff, config.activation),
                feedforward_norm_after=nn.LayerNorm(config.d_model, eps=config.norm_eps),
                dropout=config.dropout,
            )

        super().__init__(config, layer, nn.Identity())
        self.apply(initialize)
