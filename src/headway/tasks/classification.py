"""Single-label classification of texts: how the model is built, its batches, its loss, its decoding."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from headway.blocks.ragged import Ragged
from headway.models.heads import Classifier
from headway.tasks.encoder import TextEncoder

HEAD_DROPOUT = 0.1


class Batch(NamedTuple):
    """B texts and their targets [B]; ``first`` is the layer group that reads the texts, 0 where they are tokens."""

    texts: Ragged
    targets: Tensor
    first: int = 0


def build(encoder: TextEncoder, classes: int, seed: int) -> Classifier:
    """Put a fresh head, drawn from ``seed``, on the encoder's backbone (which is trained in place)."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        head = encoder.backbone.head_class(encoder.backbone.num_pooled, classes, HEAD_DROPOUT)
    return Classifier(encoder.backbone, head.to(encoder.device))


def batch(encoder: TextEncoder, ids: Sequence[np.ndarray], targets: np.ndarray) -> Batch:
    """Pack the token ids of B texts with their targets."""
    return Batch(encoder.pack(ids), torch.from_numpy(np.asarray(targets, dtype=np.int64)).to(encoder.device))


def parts(examples: Batch, tokens: int) -> list[Batch]:
    """Cut a batch into neighbours of at most so many tokens, or of one text that has more."""
    texts, targets, first = examples
    return [Batch(texts.rows(a, b), targets[a:b], first) for a, b in texts.parts(tokens)]


def loss(model: Classifier, examples: Batch) -> Tensor:
    """Return the mean cross-entropy of a batch, in float32 whatever the model multiplies in."""
    return F.cross_entropy(model(examples.texts, examples.first).float(), examples.targets)


def probabilities(model: Classifier, encoder: TextEncoder, texts: Sequence[str]) -> np.ndarray:
    """Return softmax(logits) of each text, float64 [B, C]."""
    out = np.empty((len(texts), model.head.classifier.out_features))
    model.eval()
    with torch.inference_mode():
        for rows, packed in encoder.batches(texts):
            out[rows] = model(packed).double().softmax(dim=1).cpu().numpy()
    return out
