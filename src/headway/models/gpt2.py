"""GPT-2 (Radford et al. 2019, "Language Models are Unsupervised Multitask Learners") and GPT-3's form of it
(Brown et al. 2020, "Language Models are Few-Shot Learners", arXiv:2005.14165).

GPT with these differences:

- pre-norm: each sublayer computes x + dropout(sublayer(norm(x))), and one more norm follows the last layer;
- 1,024 positions (GPT-3: 2,048), and a vocabulary of bytes and pairs of them, so that no text is unknown;
- fresh weights that end on the residual path are smaller by the square root of the number of sublayers;
- GPT-3: every second layer sees the nearest ``band`` tokens only (locally banded attention; the paper gives
  neither the order nor the width; here the first layer is dense).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

from torch import nn

from headway.blocks.attention import SelfAttention
from headway.blocks.feedforward import FeedForward
from headway.blocks.transformer import TransformerLayer
from headway.core.config import Config
from headway.models.bert import initialize
from headway.models.gpt import CausalDecoder, GptConfig

VOCABULARY = 50_257


@dataclass(frozen=True, kw_only=True)
class Gpt2Config(GptConfig):
    """The sizes of a GPT-2; the defaults are those that all published ones share."""

    max_positions: int = 1024
    band: int | None = None  # in every second layer a token sees itself and the band - 1 before it (GPT-3)


class Gpt2(CausalDecoder):
    """GPT-2, by itself a language model and a backbone."""

    config: Gpt2Config
    config_class: ClassVar[type[Config]] = Gpt2Config

    def __init__(self, config: Gpt2Config) -> None:
        def layer(i: int) -> TransformerLayer:
            return TransformerLayer(
                attention_norm_before=nn.LayerNorm(config.d_model, eps=config.norm_eps),
                attention=SelfAttention(
                    config.d_model,
                    config.num_heads,
                    dropout=config.attention_dropout,
                    causal=True,
                    window=config.band if i % 2 else None,
                ),
                feedforward_norm_before=nn.LayerNorm(config.d_model, eps=config.norm_eps),
                feedforward=FeedForward(config.d_model, config.d_ff, config.activation),
                dropout=config.dropout,
            )

        super().__init__(config, layer, nn.LayerNorm(config.d_model, eps=config.norm_eps))
        self.apply(initialize)
        nn.init.normal_(self.embeddings.position.weight, std=0.01)  # as in the published code
        for name, parameter in self.named_parameters():
            if name.endswith(("attention.output.weight", "feedforward.outer.weight")):
                nn.init.normal_(parameter, std=0.02 * (2 * config.num_layers) ** -0.5)


def _sizes(num_layers: int, d_model: int, num_heads: int, max_positions: int) -> Mapping[str, Any]:
    return MappingProxyType(
        {
            "vocab_size": VOCABULARY,
            "d_model": d_model,
            "d_ff": 4 * d_model,
            "num_heads": num_heads,
            "num_layers": num_layers,
            "max_positions": max_positions,
        }
    )


# The published GPT-2s (their paper's table 2, whose counts of parameters are too small; these are those of the files).
GPT2_SIZES: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "gpt2": _sizes(12, 768, 12, 1024),  # 124,439,808 parameters
        "gpt2-medium": _sizes(24, 1024, 16, 1024),  # 354,823,168
        "gpt2-large": _sizes(36, 1280, 20, 1024),  # 774,030,080
        "gpt2-xl": _sizes(48, 1600, 25, 1024),  # 1,557,611,200
    }
)

# Brown et al. 2020, table 2.1, without a band (its width is not published). Two of its rows do not add up, and here
# follow the parameters that it states: XL prints 24 heads of 128 for d_model 2048, 13B prints d_model 5140 for 40
# heads of 128.
GPT3_SIZES: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "gpt3-small": _sizes(12, 768, 12, 2048),  # 125M
        "gpt3-medium": _sizes(24, 1024, 16, 2048),  # 350M
        "gpt3-large": _sizes(24, 1536, 16, 2048),  # 760M
        "gpt3-xl": _sizes(24, 2048, 16, 2048),  # 1.3B
        "gpt3-2.7b": _sizes(32, 2560, 32, 2048),  # 2.7B
        "gpt3-6.7b": _sizes(32, 4096, 32, 2048),  # 6.7B
        "gpt3-13b": _sizes(40, 5120, 40, 2048),  # 13.0B
        "gpt3-175b": _sizes(96, 12288, 96, 2048),  # 175.0B
    }
)
