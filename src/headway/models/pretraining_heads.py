"""The heads that BERT and its kin are pretrained with (Devlin et al. 2019, section 3.1), on the encoder.

masked tokens   logits = E norm(activation(W x)) + b, with E [V, D] the word embeddings themselves
next sentence   logits = W pooled + b, of the two answers "follows" and "stands elsewhere", in this order
"""

from __future__ import annotations

from typing import cast

import torch.nn.functional as F
from torch import Tensor, nn

from headway.blocks.feedforward import activation
from headway.blocks.ragged import Tokens
from headway.models.bert import Bert, Encoder, EncoderConfig, initialize


class MaskedLanguageHead(nn.Module):
    """Says which token stood at a masked place; its output matrix is the encoder's word embeddings."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.d_model, config.d_model)
        self.activation = activation(config.activation)
        self.norm = nn.LayerNorm(config.d_model, eps=config.norm_eps)
        self.bias = nn.Parameter(self.dense.weight.new_zeros(config.vocab_size))
        self.apply(initialize)

    def forward(self, x: Tensor, words: Tensor) -> Tensor:
        """Return the logits [M, V] of vectors x [M, D], given the word embeddings [V, D]."""
        return F.linear(self.norm(self.activation(self.dense(x))), words, self.bias)


class MaskedLanguageModel(nn.Module):
    """An encoder with the masked-token head."""

    def __init__(self, backbone: Encoder) -> None:
        super().__init__()
        self.backbone = backbone
        self.masked = MaskedLanguageHead(backbone.config)

    def forward(self, batch: Tokens, places: Tensor) -> Tensor:
        """Return the logits [M, V] at M places, given as indexes into the batch's N tokens."""
        return self.read(batch, places)[1]

    def read(self, batch: Tokens, places: Tensor) -> tuple[Tensor, Tensor]:
        """Return the last layer's vectors of all tokens [N, D], and the logits at the places [M, V]."""
        vectors = self.backbone.features(batch).tokens.values
        return vectors, self._masked(vectors, places)

    def _masked(self, x: Tensor, places: Tensor) -> Tensor:
        words = cast("nn.Embedding", self.backbone.embeddings.word)
        logits: Tensor = self.masked(x[places], words.weight)
        return logits


class BertPretraining(MaskedLanguageModel):
    """BERT with both of its heads."""

    backbone: Bert

    def __init__(self, backbone: Bert) -> None:
        super().__init__(backbone)
        self.next_sentence = nn.Linear(backbone.config.d_model, 2)
        self.next_sentence.apply(initialize)

    def both(self, batch: Tokens, places: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits at the masked places [M, V] and of the texts' second parts [B, 2]."""
        features = self.backbone.features(batch)
        return self._masked(features.tokens.values, places), self.next_sentence(
            self.backbone.pooled(features)
        )
