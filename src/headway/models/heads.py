"""Heads: what stands on a backbone for one task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from headway.blocks.convolution import BatchNorm
from headway.blocks.dropout import Dropout

if TYPE_CHECKING:
    from headway.blocks.pictures import Pictures
    from headway.blocks.ragged import Ragged, Tokens
    from headway.models.base import Backbone, PictureBackbone
    from headway.models.linear_head import LinearHead


class ClassificationHead(nn.Module):
    """logits = classifier(dropout(x)): [B, D] -> [B, C] (Devlin et al. 2019, section 4.1)."""

    def __init__(self, num_features: int, num_labels: int, dropout: float) -> None:
        super().__init__()
        self.dropout = Dropout(dropout)
        self.classifier = nn.Linear(num_features, num_labels)
        nn.init.normal_(self.classifier.weight, std=0.02)
        nn.init.zeros_(self.classifier.bias)

    def read(self, x: Tensor) -> Tensor:
        """Return what the last linear layer, ``classifier``, reads of vectors [B, D]."""
        kept: Tensor = self.dropout(x)
        return kept

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits of vectors [B, D]."""
        logits: Tensor = self.classifier(self.read(x))
        return logits

    def begin_with(self, fitted: LinearHead) -> None:
        """Give ``classifier`` the weights that were fitted to what it reads."""
        weights, bias = fitted.plain()
        with torch.no_grad():
            self.classifier.weight.copy_(torch.from_numpy(weights.T))
            if self.classifier.bias is not None:
                self.classifier.bias.copy_(torch.from_numpy(bias))


class TwoLayerHead(ClassificationHead):
    """logits = classifier(dropout(relu(hidden(x)))): [B, D] -> [B, C], where the backbone has no pooler of its own
    (DistilBERT as `transformers` publishes it).
    """

    def __init__(self, num_features: int, num_labels: int, dropout: float) -> None:
        super().__init__(num_features, num_labels, dropout)
        self.hidden = nn.Linear(num_features, num_features)
        nn.init.normal_(self.hidden.weight, std=0.02)
        nn.init.zeros_(self.hidden.bias)

    def read(self, x: Tensor) -> Tensor:
        """Return dropout(relu(hidden(x))), [B, D]."""
        return super().read(torch.relu(self.hidden(x)))


class BiasFreeHead(ClassificationHead):
    """logits = classifier(dropout(x)) without a bias: [B, D] -> [B, C] (GPT and GPT-2 in `transformers`)."""

    def __init__(self, num_features: int, num_labels: int, dropout: float) -> None:
        super().__init__(num_features, num_labels, dropout)
        self.classifier.register_parameter("bias", None)


class PooledHead(ClassificationHead):
    """logits = classifier(block(relu(hidden(block(x))))), a block being batch norm and dropout: [B, P] -> [B, C]

    (ULMFiT, Howard and Ruder 2018, section 3.3; 50 hidden units).
    """

    def __init__(self, num_features: int, num_labels: int, dropout: float, d_hidden: int = 50) -> None:
        super().__init__(d_hidden, num_labels, dropout)
        self.norm = BatchNorm(num_features, eps=1e-5)
        self.hidden = nn.Linear(num_features, d_hidden)
        self.hidden_norm = BatchNorm(d_hidden, eps=1e-5)

    def read(self, x: Tensor) -> Tensor:
        """Return the second block, [B, 50], of vectors [B, P]. A batch of one text has no deviation: it is normed as in
        evaluation.
        """
        x = torch.relu(self.hidden(self.dropout(_norm(self.norm, x))))
        return super().read(_norm(self.hidden_norm, x))


def _norm(norm: BatchNorm, x: Tensor) -> Tensor:
    if len(x) > 1 or not norm.training:
        normed: Tensor = norm(x)
        return normed
    return F.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps)


class TokenClassifier(nn.Module):
    """A backbone of texts, read through each of its tokens' vectors, with a head on every one of them."""

    def __init__(self, backbone: Backbone, head: ClassificationHead) -> None:
        super().__init__()
        self.backbone = cast("nn.Module", backbone)
        self.head = head

    def forward(self, batch: Tokens) -> Tensor:
        """Return each token's logits, [N, C]."""
        logits: Tensor = self.head(cast("Backbone", self.backbone).features(batch).tokens.values)
        return logits


class Classifier(nn.Module):
    """A backbone of texts or of pictures, read through its pooled vector, with a classification head."""

    def __init__(self, backbone: Backbone | PictureBackbone, head: ClassificationHead) -> None:
        super().__init__()
        self.backbone = cast("nn.Module", backbone)
        self.head = head

    def forward(self, batch: Ragged | Pictures, first: int = 0) -> Tensor:
        """Return the logits [B, C] of a batch, or of what came out of the backbone's layer groups before ``first``
        (of all of them: of the pooled vectors).
        """
        logits: Tensor = self.head(self.summarize(batch, first))
        return logits

    def summarize(self, batch: Ragged | Pictures, first: int = 0) -> Tensor:
        """Return the pooled vectors, [B, D], that the head reads."""
        backbone = cast("Any", self.backbone)
        pooled: Tensor
        if not first:
            pooled = backbone.summarize(batch)
        elif first == len(backbone.layer_groups()):
            pooled = cast("Any", batch).values
        else:
            pooled = backbone.summarize(batch, first)
        return pooled
