"""The Transformer layer: two sublayers, each with a residual connection and named places for norms."""

from torch import Tensor, nn

from headway.blocks.attention import SelfAttention
from headway.blocks.dropout import Dropout
from headway.blocks.feedforward import FeedForward
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
        feedforward: FeedForward,
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

    def forward(self, x: Ragged) -> Ragged:
        """Transform every token."""
        mixed = self.attention(x.with_values(self.attention_norm_before(x.values)))
        return x.with_values(self._finish(x.values, mixed))

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
