"""A fine-tuned head's start: the linear layer that fits what the head reads of the backbone as it is.

Fine-tuning from a fresh head bends the features before the head has learned anything (Kumar et al. 2022,
arXiv:2202.10054, "LP-FT"); from a fitted one its first gradients are small.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from headway.models.heads import Classifier
from headway.models.linear_head import LinearHead
from headway.tasks.encoder import TextEncoder
from headway.tasks.frozen import FrozenConfig

CONFIG = FrozenConfig()  # how strictly it is fitted: as the frozen encoder's head


def fit_head(model: Classifier, encoder: TextEncoder, inputs: Sequence[Any], targets: np.ndarray) -> None:
    """Let the head of a model begin with the linear layer that fits the inputs: logistic or ridge regression.

    ``targets`` [B] are classes, or numbers in deviations from their mean, or [B, C] which input has which label. The
    backbone stays as it is, and so do the head's lower layers. Nothing is left to chance.
    """
    features = head_features(model, encoder, inputs)
    classifier = model.head.classifier
    classes = 0 if np.issubdtype(targets.dtype, np.floating) else classifier.out_features
    strictness = CONFIG.inverse_regularisation, CONFIG.ridge
    bias = classifier.bias is not None
    model.head.begin_with(LinearHead.fit_targets(features, targets, classes, *strictness, bias=bias))


def head_features(model: Classifier, encoder: TextEncoder, inputs: Sequence[Any]) -> np.ndarray:
    """Return what the last linear layer of a model's head reads of each input, float32 [B, F], without dropout."""
    features = np.empty((len(inputs), model.head.classifier.in_features), np.float32)
    model.eval()
    with torch.inference_mode():
        for rows, packed in encoder.batches(inputs):
            features[rows] = model.head.read(model.summarize(packed)).float().cpu().numpy()
    return features
