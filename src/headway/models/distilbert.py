"""DistilBERT (Sanh et al. 2019, "DistilBERT, a distilled version of BERT", arXiv:1910.01108).

BERT with these differences:

- half as many layers, their first weights every second layer of the teacher's;
- no segments: the embeddings are word + learned position, and only [SEP] parts the texts of a pair;
- no pooler: the first token's vector is the text's, and the classifier has a layer of its own in its place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from headway.blocks.dropout import Dropout
from headway.blocks.ragged import Ragged, Tokens
from headway.core.config import Config
from headway.models.bert import Bert, Encoder, EncoderConfig, initialize
from headway.models.heads import ClassificationHead, TwoLayerHead


@dataclass(frozen=True, kw_only=True)
class DistilBertConfig(EncoderConfig):
    """The sizes of a DistilBERT."""


class Embeddings(nn.Module):
    """dropout(norm(word + position)), [N] -> [N, D]; segment ids are not looked at."""

    def __init__(self, config: DistilBertConfig) -> None:
        super().__init__()
        self.word = nn.Embedding(config.vocab_size, config.d_model)
        self.position = nn.Embedding(config.max_positions, config.d_model)
        self.norm = nn.LayerNorm(config.d_model, eps=config.norm_eps)
        self.dropout = Dropout(config.dropout)

    def forward(self, batch: Tokens) -> Ragged:
        """Embed each token."""
        x = self.word(batch.values) + self.position(batch.lengths.positions)
        return Ragged(self.dropout(self.norm(x)), batch.lengths)


class DistilBert(Encoder):
    """The encoder; a text's vector is its first token's."""

    config: DistilBertConfig
    config_class: ClassVar[type[Config]] = DistilBertConfig
    head_class: ClassVar[type[ClassificationHead]] = TwoLayerHead

    def __init__(self, config: DistilBertConfig) -> None:
        super().__init__(config, Embeddings(config))
        self.apply(initialize)


def view_of(bert: Bert) -> DistilBert:
    """Return the DistilBERT that computes a BERT's token vectors of single texts; it shares no memory with it.

    In a single text every token is of segment 0, so that segment's row can be added to each position's once and
    for all: exact, up to the rounding of that sum. The pooler has no place and is left behind.
    """
    values = bert.config.to_dict()
    del values["num_segments"]
    state = {name: tensor.clone() for name, tensor in bert.state_dict().items()}
    del state["pooler.weight"], state["pooler.bias"]
    state["embeddings.position.weight"] += state.pop("embeddings.segment.weight")[0]
    distilled = DistilBert(DistilBertConfig.from_dict(values))
    distilled.load_state_dict(state, assign=True)
    return distilled.train(bert.training)
