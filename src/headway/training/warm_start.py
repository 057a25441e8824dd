"""What a model has before its fine-tuning begins: an encoder that has learned from pairs of texts which are alike, and
a head that was fitted to what the encoder says.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from headway.core.errors import UsageError
from headway.core.progress import Progress
from headway.core.seeding import derive, generator
from headway.data.batches import OnDemand
from headway.models.heads import Classifier
from headway.tasks import contrastive
from headway.tasks.encoder import TextEncoder
from headway.tasks.linear_probe import fit_head
from headway.training.checkpoints import Checkpoints
from headway.training.embeddings import used_rows
from headway.training.loop import train
from headway.training.memory import MOST_AT_ONCE
from headway.training.recipe import compose
from headway.training.settings import TrainingSettings
from headway.weights.read import read_tensors, write_safetensors


def warm_start(
    model: Classifier,
    encoder: TextEncoder,
    inputs: Sequence[Any],
    targets: np.ndarray,
    settings: TrainingSettings,
    seed: int,
    progress: Progress,
    folder: Path | None = None,
) -> None:
    """Prepare a fresh model in place, as the settings say; what is kept in ``folder`` is not done again.

    Raises UsageError where pairs are to be drawn by targets that are no classes.
    """
    if not settings.contrastive and settings.start == "fresh":
        return
    finished = None if folder is None else folder / "start.safetensors"
    if finished is not None and finished.is_file():
        model.load_state_dict(read_tensors(finished))
        return
    if settings.contrastive:
        checkpoints = None
        if folder is not None:
            identity = settings.to_dict() | encoder.settings | {"seed": seed, "rows": len(inputs)}
            checkpoints = Checkpoints(folder / "contrastive", identity)
        contrast(model, encoder, inputs, targets, settings, seed, progress, checkpoints)
    if settings.start == "probe":
        progress.begin("fitting the head", 1, "head")
        fit_head(model, encoder, inputs, targets)
        progress.advance()
    if finished is not None:
        finished.parent.mkdir(parents=True, exist_ok=True)
        write_safetensors(finished, {name: tensor.clone() for name, tensor in model.state_dict().items()})


def contrast(
    model: Classifier,
    encoder: TextEncoder,
    inputs: Sequence[Any],
    targets: np.ndarray,
    settings: TrainingSettings,
    seed: int,
    progress: Progress,
    checkpoints: Checkpoints | None = None,
) -> None:
    """Train a model's backbone in place on pairs of inputs: ``settings.contrastive`` steps of half a batch of pairs.

    The pairs of a step are a pure function of (seed, step). Schedule, rates and frozen groups are the settings'.
    """
    if targets.ndim > 1 or not np.issubdtype(targets.dtype, np.integer):
        raise UsageError("pairs are drawn by classes, and these rows have none", where="contrastive")
    ids = encoder.tokenize(inputs)

    def batch(step: int) -> contrastive.Batch:
        random = generator(seed, "pairs", step)
        rows = contrastive.draw_pairs(targets, max(1, settings.batch_size // 2), random).ravel()
        return contrastive.batch(encoder, [ids[row] for row in rows], targets[rows])

    def loss(batch: contrastive.Batch) -> Tensor:
        with encoder.arithmetic.forward():
            return contrastive.loss(model, batch)

    alone = replace(settings, epochs=1, thaw=0, average="none", patience=0)
    with encoder.arithmetic.training(), used_rows(model, encoder.backbone.word_table, ids):
        groups, companions = compose(model, alone)
        train(
            model,
            groups,
            loss,
            lambda epoch: OnDemand(batch, settings.contrastive),
            alone,
            derive(seed, "contrastive"),
            progress,
            name="pairs",
            companions=companions,
            checkpoints=checkpoints,
            weight=lambda batch: len(batch.alike),
            parts=lambda batch: contrastive.parts(batch, settings.tokens_at_once or MOST_AT_ONCE),
        )
