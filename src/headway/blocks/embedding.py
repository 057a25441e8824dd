"""Word embeddings that also give the logits of the next token."""

import torch.nn.functional as F
from torch import Tensor, nn


class WordEmbedding(nn.Embedding):
    """A vector for each of V tokens, ``weight`` [V, D]; tied to the head of the model (Press and Wolf 2017)."""

    def unembed(self, x: Tensor) -> Tensor:
        """Return each token's logit: its vector times x, [..., D] -> [..., V]."""
        return F.linear(x, self.weight)
