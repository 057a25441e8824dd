"""T5 (Raffel et al. 2020, "Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer",
arXiv:1910.10683), in the first form and in version 1.1, which Flan-T5 has too.

The Transformer with these differences:

- no positions in the embeddings, and no factor: a learned bias per head and distance is added to the scores of
  self-attention; encoder and decoder have one each, shared by all their layers;
- the scores are not scaled: fresh query weights are smaller instead;
- pre-norm by RMS norm, and one more norm follows the last layer; no biases anywhere;
- d_kv is free; dropout is also within the feed-forward networks, on the attention weights and after the last norm;
- the decoder starts with <pad>;
- first form: ReLU; logits by the word embeddings times D^-0.5;
- version 1.1: gated GELU (its tanh form); a head of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

from torch import Tensor, nn

from headway.blocks.attention import CrossAttention, SelfAttention
from headway.blocks.dropout import Dropout
from headway.blocks.embedding import WordEmbedding
from headway.blocks.feedforward import FeedForward, GatedFeedForward
from headway.blocks.norms import RMSNorm
from headway.blocks.positions import RelativePositions
from headway.blocks.ragged import Ragged, Tokens
from headway.blocks.transformer import DecoderLayer, TransformerLayer
from headway.core.config import Config
from headway.models.transformer import DecoderStack, EncoderDecoder, EncoderStack


@dataclass(frozen=True, kw_only=True)
class T5Config(Config):
    """The sizes of a T5; the defaults are those that all published ones share, in the first form."""

    vocab_size: int = 32128  # 32,000 pieces, 100 sentinels, and rows that no token uses
    d_model: int
    d_ff: int
    d_kv: int = 64
    num_heads: int
    num_layers: int  # of the encoder
    num_decoder_layers: int
    num_buckets: int = 32
    max_distance: int = 128
    activation: str = "relu"  # a key of blocks.feedforward.ACTIVATIONS
    gated: bool = False  # version 1.1: True, with activation gelu_tanh
    tied_head: bool = True  # version 1.1: False
    dropout: float = 0.1
    norm_eps: float = 1e-6


class Embeddings(nn.Module):
    """dropout(word), [N] -> [N, D]; positions are not looked at."""

    def __init__(self, config: T5Config) -> None:
        super().__init__()
        self.word = WordEmbedding(config.vocab_size, config.d_model)
        self.dropout = Dropout(config.dropout)

    def forward(self, batch: Tokens, positions: Tensor) -> Ragged:
        """Embed each token."""
        return Ragged(self.dropout(self.word(batch.values)), batch.lengths)


class T5Encoder(EncoderStack):
    """The encoder, by itself a backbone."""

    config: T5Config
    config_class: ClassVar[type[Config]] = T5Config

    def __init__(self, config: T5Config) -> None:
        def layer() -> TransformerLayer:
            return TransformerLayer(
                attention_norm_before=RMSNorm(config.d_model, eps=config.norm_eps),
                attention=_self_attention(config, causal=False),
                feedforward_norm_before=RMSNorm(config.d_model, eps=config.norm_eps),
                feedforward=_feedforward(config),
                dropout=config.dropout,
            )

        super().__init__(
            config,
            Embeddings(config),
            [layer() for _ in range(config.num_layers)],
            norm=RMSNorm(config.d_model, eps=config.norm_eps),
            relative=_relative(config, causal=False),
            dropout=config.dropout,
        )
        initialize(self, config)


class T5(EncoderDecoder):
    """Encoder, decoder and head."""

    config_class: ClassVar[type[Config]] = T5Config

    def __init__(self, config: T5Config) -> None:
        def layer() -> DecoderLayer:
            return DecoderLayer(
                attention_norm_before=RMSNorm(config.d_model, eps=config.norm_eps),
                attention=_self_attention(config, causal=True),
                cross_norm_before=RMSNorm(config.d_model, eps=config.norm_eps),
                cross=CrossAttention(
                    config.d_model,
                    config.num_heads,
                    d_kv=config.d_kv,
                    scale=1.0,
                    bias=False,
                    dropout=config.dropout,
                ),
                feedforward_norm_before=RMSNorm(config.d_model, eps=config.norm_eps),
                feedforward=_feedforward(config),
                dropout=config.dropout,
            )

        decoder = DecoderStack(
            [layer() for _ in range(config.num_decoder_layers)],
            norm=RMSNorm(config.d_model, eps=config.norm_eps),
            relative=_relative(config, causal=True),
            dropout=config.dropout,
        )
        initialize(decoder, config)
        super().__init__(T5Encoder(config), decoder)
        self.head = None if config.tied_head else nn.Linear(config.d_model, config.vocab_size, bias=False)
        if self.head is not None:
            nn.init.normal_(self.head.weight, std=config.d_model**-0.5)

    @property
    def d_kv(self) -> int:
        """K."""
        size: int = self.config.d_kv
        return size

    def unembed(self, x: Tensor) -> Tensor:
        """Return the logits of decoded vectors, [..., D] -> [..., V]."""
        if self.head is None:
            return super().unembed(x * self.config.d_model**-0.5)
        logits: Tensor = self.head(x)
        return logits


def _self_attention(config: T5Config, *, causal: bool) -> SelfAttention:
    return SelfAttention(
        config.d_model,
        config.num_heads,
        d_kv=config.d_kv,
        scale=1.0,
        bias=False,
        causal=causal,
        dropout=config.dropout,
    )


def _feedforward(config: T5Config) -> FeedForward | GatedFeedForward:
    sizes = (config.d_model, config.d_ff, config.activation)
    if config.gated:
        return GatedFeedForward(*sizes, dropout=config.dropout)
    return FeedForward(*sizes, dropout=config.dropout, bias=False)


def _relative(config: T5Config, *, causal: bool) -> RelativePositions:
    return RelativePositions(
        config.num_heads, num_buckets=config.num_buckets, max_distance=config.max_distance, causal=causal
    )


def initialize(stack: nn.Module, config: T5Config) -> None:
    """Draw fresh weights as the published code: deviation 1 for embeddings, else (size of the input)^-0.5, and for
    queries another factor K^-0.5, which stands in for the scale of the scores.
    """
    for name, parameter in stack.named_parameters():
        if parameter.ndim == 1:
            continue  # a norm's scale: 1
        fan_in = config.d_model if name.startswith("relative.") else parameter.shape[1]
        nn.init.normal_(parameter, std=1.0 if name == "embeddings.word.weight" else fan_in**-0.5)
        if name.endswith("qkv.weight"):
            nn.init.normal_(parameter[: len(parameter) // 3], std=(fan_in * config.d_kv) ** -0.5)
        elif name.endswith("query.weight"):
            nn.init.normal_(parameter, std=(fan_in * config.d_kv) ** -0.5)


def _sizes(d_model: int, d_ff: int, num_heads: int, num_layers: int, **more: Any) -> Mapping[str, Any]:
    return MappingProxyType(
        {
            "d_model": d_model,
            "d_ff": d_ff,
            "num_heads": num_heads,
            "num_layers": num_layers,
            "num_decoder_layers": num_layers,
            **more,
        }
    )


def _version_1_1(d_model: int, d_ff: int, num_heads: int, num_layers: int) -> Mapping[str, Any]:
    sizes = (d_model, d_ff, num_heads, num_layers)
    return _sizes(*sizes, activation="gelu_tanh", gated=True, tied_head=False)


# The published T5s (their paper's section 3.7 and its table's code), and those of version 1.1 and Flan-T5.
T5_SIZES: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "t5-small": _sizes(512, 2048, 8, 6),  # 60,506,624 parameters
        "t5-base": _sizes(768, 3072, 12, 12),  # 222,903,552
        "t5-large": _sizes(1024, 4096, 16, 24),  # 737,668,096
        "t5-3b": _sizes(1024, 16384, 32, 24, d_kv=128),  # 2,851,598,336
        "t5-11b": _sizes(1024, 65536, 128, 24, d_kv=128),  # 11,307,321,344
        "flan-t5-small": _version_1_1(512, 1024, 6, 8),  # 76,961,152
        "flan-t5-base": _version_1_1(768, 2048, 12, 12),  # 247,577,856
        "flan-t5-large": _version_1_1(1024, 2816, 16, 24),  # 783,150,080
        "flan-t5-xl": _version_1_1(2048, 5120, 32, 24),  # 2,849,757,184
        "flan-t5-xxl": _version_1_1(4096, 10240, 64, 24),  # 11,135,332,352
    }
)
