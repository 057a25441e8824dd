"""Distillation: a student learns what a teacher says of each text (Hinton et al. 2015; Sanh et al. 2019).

The teacher speaks once: its logits, and the vectors that its head reads, are computed for all texts and kept. A text
without a label teaches by them alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from headway.blocks.ragged import Tokens
from headway.core.config import Config
from headway.core.progress import Progress
from headway.core.tensors import load_arrays, save_arrays
from headway.models.base import Backbone
from headway.models.heads import Classifier
from headway.tasks.encoder import TextEncoder

UNLABELLED = -100  # in the place of a target


@dataclass(frozen=True, kw_only=True)
class DistillationConfig(Config):
    """How the three losses are weighed: soft targets, labels, and the direction of the vectors."""

    temperature: float = 2.0
    soft: float = 1.0
    hard: float = 0.5
    cosine: float = 1.0  # left out where student and teacher differ in width


@dataclass(frozen=True, eq=False)
class Knowledge:
    """What a teacher says of R texts: logits [R, C], and the vectors that its head reads [R, D]."""

    logits: np.ndarray
    vectors: np.ndarray

    @classmethod
    def of(
        cls, model: Classifier, encoder: TextEncoder, texts: Sequence[str], progress: Progress
    ) -> Knowledge:
        """Ask the teacher, in evaluation mode, once a text."""
        backbone = cast("Backbone", model.backbone)
        logits = np.empty((len(texts), model.head.classifier.out_features), np.float32)
        vectors = np.empty((len(texts), backbone.num_features), np.float32)
        progress.begin("teacher", len(texts), "texts")
        model.eval()
        with torch.inference_mode():
            for rows, packed in encoder.batches(texts):
                found = backbone.summarize(packed)
                vectors[rows] = found.float().cpu().numpy()
                logits[rows] = model.head(found).float().cpu().numpy()
                progress.advance(len(rows))
        return cls(logits, vectors)

    def save(self, path: Path) -> None:
        """Write it as safetensors."""
        save_arrays(path, vars(self))

    @classmethod
    def load(cls, path: Path) -> Knowledge:
        """Read what ``save`` wrote."""
        return cls(**load_arrays(path))


class Batch(NamedTuple):
    """B texts, their targets [B] or, of several labels, [B, C] (without one as in `is_labelled`), and what the teacher
    says of them: [B, C] and [B, D].
    """

    texts: Tokens
    targets: Tensor
    logits: Tensor
    vectors: Tensor
    rows_per_label: float  # of the whole batch, also where this is a part of one; 0 without any label


def batch(
    encoder: TextEncoder, ids: Sequence[np.ndarray], targets: np.ndarray, known: Knowledge, rows: np.ndarray
) -> Batch:
    """Pack the token ids of the texts at ``rows`` with their targets and the teacher's words."""
    labelled = is_labelled(targets)
    kind = np.float32 if np.issubdtype(targets.dtype, np.floating) else np.int64
    arrays = (np.asarray(targets, kind), known.logits[rows], known.vectors[rows])
    wanted, logits, vectors = (torch.from_numpy(array).to(encoder.device) for array in arrays)
    count = int(labelled.sum())
    return Batch(encoder.pack(ids), wanted, logits, vectors, len(rows) / count if count else 0.0)


def is_labelled(targets: np.ndarray) -> np.ndarray:
    """Return which rows have a target, [B]: not UNLABELLED, or, of numbers and several labels, not NaN."""
    known = ~np.isnan(targets) if np.issubdtype(targets.dtype, np.floating) else targets != UNLABELLED
    found: np.ndarray = known.reshape(len(targets), -1).all(axis=1)
    return found


def hard_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Return each row's cross-entropy (of several labels the mean of theirs), or the squared error of numbers, [B]; 0
    without a target.
    """
    if not targets.is_floating_point():
        return F.cross_entropy(logits, targets, ignore_index=UNLABELLED, reduction="none")
    if targets.ndim == 2:
        each = F.binary_cross_entropy_with_logits(
            logits.to(targets.dtype), targets.nan_to_num(), reduction="none"
        )
        return each.mean(dim=1).masked_fill(targets.isnan().any(dim=1), 0.0)
    off = logits[:, 0] - targets.nan_to_num()
    return off.square().masked_fill(targets.isnan(), 0.0)


def parts(examples: Batch, tokens: int) -> list[Batch]:
    """Cut a batch into neighbours of at most so many tokens, or of one text that has more."""
    texts, targets, logits, vectors, rows_per_label = examples
    return [
        Batch(texts.rows(a, b), targets[a:b], logits[a:b], vectors[a:b], rows_per_label)
        for a, b in texts.parts(tokens)
    ]


def soft_loss(student: Tensor, teacher: Tensor, temperature: float, *, several: bool = False) -> Tensor:
    """Return T^2 KL(softmax(teacher / T) || softmax(student / T)), the mean over rows of logits [B, C].

    T squared keeps the gradient's size whatever the temperature (Hinton et al. 2015, section 2). Of numbers, C = 1, it
    is the mean squared error. ``several``: each label is a choice of its own between two, with logits z and 0, and the
    mean is over rows and labels.
    """
    if several:
        return soft_loss(_choices(student), _choices(teacher), temperature)
    if teacher.shape[1] == 1:
        return F.mse_loss(student, teacher)
    wanted = F.log_softmax(teacher / temperature, dim=1)
    found = F.log_softmax(student / temperature, dim=1)
    return F.kl_div(found, wanted, reduction="batchmean", log_target=True) * temperature**2


def _choices(logits: Tensor) -> Tensor:
    """Return the logits [B, C] of several labels as those of yes and no, [B C, 2], of which sigmoid is the softmax."""
    return torch.stack([logits, torch.zeros_like(logits)], dim=-1).flatten(0, 1)


def cosine_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Return the mean of 1 - cos over rows of vectors [N, D] (Sanh et al. 2019, section 2)."""
    return 1 - F.cosine_similarity(student, teacher, dim=1).mean()


def loss(model: Classifier, examples: Batch, config: DistillationConfig) -> Tensor:
    """Return the weighted sum of the three losses over a batch, each a mean: over its rows, or its labelled rows.

    The parts of a batch, each counting by its rows, add up to the batch.
    """
    vectors = cast("Backbone", model.backbone).summarize(examples.texts)
    logits = model.head(vectors)
    several = examples.targets.ndim == 2
    total = config.soft * soft_loss(logits, examples.logits, config.temperature, several=several)
    if config.hard and examples.rows_per_label:
        total = total + config.hard * examples.rows_per_label * hard_loss(logits, examples.targets).mean()
    if config.cosine and vectors.shape == examples.vectors.shape:
        total = total + config.cosine * cosine_loss(vectors, examples.vectors)
    return total
