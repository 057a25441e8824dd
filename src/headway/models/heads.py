"""Heads: what stands on a backbone for one task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn

from headway.blocks.dropout import Dropout

if TYPE_CHECKING:
    from headway.blocks.pictures import Pictures
    from headway.blocks.ragged import Tokens
    from headway.models.base import Backbone, PictureBackbone


class ClassificationHead(nn.Module):
    """logits = classifier(dropout(x)): [B, D] -> [B, C] (Devlin et al. 2019, section 4.1)."""

    def __init__(self, num_features: int, num_labels: int, dropout: float) -> None:
        super().__init__()
        self.dropout = Dropout(dropout)
        self.classifier = nn.Linear(num_features, num_labels)
        nn.init.normal_(self.classifier.weight, std=0.02)
        nn.init.zeros_(self.classifier.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits of vectors [B, D]."""
        logits: Tensor = self.classifier(self.dropout(x))
        return logits


class TwoLayerHead(ClassificationHead):
    """logits = classifier(dropout(relu(hidden(x)))): [B, D] -> [B, C], where the backbone has no pooler of its own
    (DistilBERT as `transformers` publishes it).
    """

    def __init__(self, num_features: int, num_labels: int, dropout: float) -> None:
        super().__init__(num_features, num_labels, dropout)
        self.hidden = nn.Linear(num_features, num_features)
        nn.init.normal_(self.hidden.weight, std=0.02)
        nn.init.zeros_(self.hidden.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits of vectors [B, D]."""
        return super().forward(torch.relu(self.hidden(x)))


class BiasFreeHead(ClassificationHead):
    """logits = classifier(dropout(x)) without a bias: [B, D] -> [B, C] (GPT and GPT-2 in `transformers`)."""

    def __init__(self, num_features: int, num_labels: int, dropout: float) -> None:
        super().__init__(num_features, num_labels, dropout)
        self.classifier.register_parameter("bias", None)


class Classifier(nn.Module):
    """A backbone of texts or of pictures, read through its pooled vector, with a classification head."""

    def __init__(self, backbone: Backbone | PictureBackbone, head: ClassificationHead) -> None:
        super().__init__()
        self.backbone = cast("nn.Module", backbone)
        self.head = head

    def forward(self, batch: Tokens | Pictures) -> Tensor:
        """Return the logits [B, C] of a batch."""
        logits: Tensor = self.head(cast("Any", self.backbone).summarize(batch))
        return logits
