"""ELMo as it is pretrained: each direction predicts its next word, with one output layer for both (Peters et al. 2018,
section 3.1).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from headway.blocks.dropout import Dropout
from headway.blocks.ragged import Tokens
from headway.blocks.recurrent import own_numbers
from headway.blocks.vocabulary_loss import sampled_cross_entropy
from headway.models.elmo import Elmo

UNKNOWN, BEGIN, END = 0, 1, 2  # the ids of what stands for the other words, and of a sentence's two marks


class Both(NamedTuple):
    """Of both directions together: the vectors [2 M, P] that predict, and the ids [2 M] of the predicted words.

    M is the number of words and of one mark a sentence: from left to right its end is predicted, from right to left its
    begin.
    """

    x: Tensor
    targets: Tensor


class ElmoLanguageModel(nn.Module):
    """The backbone and the output layer; its words stand in the order of how common they are, after three marks."""

    def __init__(self, backbone: Elmo, words: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.dropout = Dropout(backbone.config.dropout)
        self.words = nn.Embedding(words, backbone.config.d_projection)
        self.bias = nn.Parameter(torch.zeros(words))
        nn.init.normal_(self.words.weight, std=backbone.config.d_projection**-0.5)

    def both(self, batch: Tokens, words: Tensor) -> Both:
        """Return what predicts and what is predicted, of words as characters [N, 50] and as ids [N]."""
        with own_numbers(batch.values):
            framed, places = self.backbone.framed(batch)
            depths, _ = self.backbone.run(framed)
        ahead, back = depths[-1].values.chunk(2, dim=1)
        ids = words.new_full((framed.lengths.total,), END)
        ids[places] = words
        ids[framed.lengths.offsets] = BEGIN
        # A sentence's first place predicts from left to right and is predicted from right to left, its last one the
        # other way round.
        not_last, not_first = ids != END, ids != BEGIN
        x = torch.cat([ahead[not_last], back[not_first]])
        return Both(self.dropout(x), torch.cat([ids[not_first], ids[not_last]]))

    def sampled_loss(self, both: Both, samples: int) -> Tensor:
        """Return the mean cross-entropy of both directions against a sample of the words."""
        return sampled_cross_entropy(both.x, self.words.weight, self.bias, both.targets, samples)

    def loss(self, both: Both) -> Tensor:
        """Return the mean cross-entropy of both directions, over all words."""
        return F.cross_entropy(F.linear(both.x, self.words.weight, self.bias), both.targets)
