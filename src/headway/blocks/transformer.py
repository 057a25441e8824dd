"""The Transformer layers: sublayers, each with a residual connection and named places for norms."""

from torch import Tensor, nn

from headway.blocks.attention import CrossAttention, SelfAttention
from headway.blocks.cache import Past, Places
from headway.blocks.dropout import Dropout
from headway.blocks.feedforward import FeedForward, GatedFeedForward
from headway.blocks.pooling import first_tokens
from headway.blocks.ragged import Ragged


class TransformerLayer(nn.Module):
    """One encoder layer on a ragged batch [N, D]:

        x = attention_norm_after(x + dropout(attention(attention_norm_before(x))))
        x = feedforward_norm_after(x + dropout(feedforward(feedforward_norm_before(x))))

    A norm that is not given does nothing. Norms after: post-norm, as in Vaswani et al. 2017 and BERT; norms
    before: pre-norm, as in GPT-2.
    """

    def __init__(
        self,
        *,
        attention: SelfAttention,
        feedforward: FeedForward | GatedFeedForward,
        dropout: float,
        attention_norm_before: nn.Module | None = None,
        attention_norm_after: nn.Module | None = None,
        feedforward_norm_before: nn.Module | None = None,
        feedforward_norm_after: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.attention_norm_before = attention_norm_before or nn.Identity()
        self.attention = attention
        self.attention_norm_after = attention_norm_after or nn.Identity()
        self.feedforward_norm_before = feedforward_norm_before or nn.Identity()
        self.feedforward = feedforward
        self.feedforward_norm_after = feedforward_norm_after or nn.Identity()
        self.dropout = Dropout(dropout)

    def forward(self, x: Ragged, relative: Tensor | None = None) -> Ragged:
        """Transform every token; ``relative`` [H, T, T] is added to the attention scores."""
        mixed = self.attention(x.with_values(self.attention_norm_before(x.values)), relative)
        return x.with_values(self._finish(x.values, mixed))

    def step(self, x: Ragged, past: Past, places: Places) -> tuple[Ragged, Past]:
        """Transform the new tokens of rows whose earlier ones are in ``past``; return also the past with them."""
        before = x.with_values(self.attention_norm_before(x.values))
        mixed, past = self.attention.step(before, past, places)
        return x.with_values(self._finish(x.values, mixed)), past

    def at_first(self, x: Ragged) -> Tensor:
        """Return the rows of `forward` for the first token of each sequence only, [B, D].

        Exact: beyond attention's keys and values a token's result depends on no other token of the layer.
        """
        mixed = self.attention.at_first(x.with_values(self.attention_norm_before(x.values)))
        return self._finish(first_tokens(x), mixed)

    def _finish(self, x: Tensor, mixed: Tensor) -> Tensor:
        """Everything that follows attention: x and what attention mixed for it, [N, D] each."""
        x = self.attention_norm_after(x + self.dropout(mixed))
        out: Tensor = self.feedforward_norm_after(
            x + self.dropout(self.feedforward(self.feedforward_norm_before(x)))
        )
        return out


class DecoderLayer(nn.Module):
    """One layer of an encoder-decoder's decoder on a ragged batch [N, D]; ``memory`` are the encoder's vectors:

        x = attention_norm_after(x + dropout(attention(attention_norm_before(x))))
        x = cross_norm_after(x + dropout(cross(cross_norm_before(x), memory)))
        x = feedforward_norm_after(x + dropout(feedforward(feedforward_norm_before(x))))

    A norm that is not given does nothing. Norms after: post-norm, as in Vaswani et al. 2017; norms before:
    pre-norm, as in T5.
    """

    def __init__(
        self,
        *,
        attention: SelfAttention,
        cross: CrossAttention,
        feedforward: FeedForward | GatedFeedForward,
        dropout: float,
        attention_norm_before: nn.Module | None = None,
        attention_norm_after: nn.Module | None = None,
        cross_norm_before: nn.Module | None = None,
        cross_norm_after: nn.Module | None = None,
        feedforward_norm_before: nn.Module | None = None,
        feedforward_norm_after: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.attention_norm_before = attention_norm_before or nn.Identity()
        self.attention = attention
        self.attention_norm_after = attention_norm_after or nn.Identity()
        self.cross_norm_before = cross_norm_before or nn.Identity()
        self.cross = cross
        self.cross_norm_after = cross_norm_after or nn.Identity()
        self.feedforward_norm_before = feedforward_norm_before or nn.Identity()
        self.feedforward = feedforward
        self.feedforward_norm_after = feedforward_norm_after or nn.Identity()
        self.dropout = Dropout(dropout)

    def forward(self, x: Ragged, memory: Ragged, relative: Tensor | None = None) -> Ragged:
        """Transform every token; ``relative`` [H, T, T] is added to the self-attention's scores."""
        mixed = self.attention(x.with_values(self.attention_norm_before(x.values)), relative)
        x = x.with_values(self.attention_norm_after(x.values + self.dropout(mixed)))
        taken = self.cross(x.with_values(self.cross_norm_before(x.values)), memory)
        return self._finish(x, taken)

    def step(
        self,
        x: Ragged,
        past: Past,
        places: Places,
        memory: Past,
        memory_mask: Tensor | None,
        relative: Tensor | None = None,
    ) -> tuple[Ragged, Past]:
        """Transform the new tokens of rows whose earlier ones are in ``past``; return also the past with them.

        memory: what `cross.remember` returned; memory_mask [B, 1, 1, S]: which of it is real.
        """
        before = x.with_values(self.attention_norm_before(x.values))
        mixed, past = self.attention.step(before, past, places, relative)
        x = x.with_values(self.attention_norm_after(x.values + self.dropout(mixed)))
        before = x.with_values(self.cross_norm_before(x.values))
        return self._finish(x, self.cross.step(before, memory, memory_mask, places)), past

    def _finish(self, x: Ragged, taken: Tensor) -> Ragged:
        """Everything that follows cross-attention: x, and what its tokens took from memory [N, D]."""
        values = self.cross_norm_after(x.values + self.dropout(taken))
        out: Tensor = self.feedforward_norm_after(
            values + self.dropout(self.feedforward(self.feedforward_norm_before(values)))
        )
        return x.with_values(out)
