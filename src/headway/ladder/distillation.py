"""The distilled rung: a small student of the fine-tuned rung, taught on the same training rows. Loads torch."""

import copy
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
from torch import Tensor

from headway.bundle.predictors import load_predictor
from headway.core.device import available_memory
from headway.core.progress import Progress
from headway.core.seeding import derive
from headway.data.batches import epoch_order, length_batches
from headway.data.examples import Examples
from headway.ladder.encoder_training import FineTuning, checkpoints_in, training_need
from headway.ladder.rungs import Estimate, Scratch, Workload
from headway.models.base import Backbone
from headway.models.heads import Classifier
from headway.models.student import student_of
from headway.tasks import classification, distillation
from headway.tasks.distillation import UNLABELLED, DistillationConfig, Knowledge
from headway.tasks.encoder import TextEncoder
from headway.tasks.finetuned import FineTunedClassifier
from headway.tasks.numbers import Scale
from headway.training.checkpoints import Checkpoints
from headway.training.embeddings import used_rows
from headway.training.loop import train
from headway.training.memory import MOST_AT_ONCE
from headway.training.recipe import compose
from headway.training.settings import TrainingSettings

EPOCHS = 2.0  # times the teacher's: a student's epoch costs half, and soft targets say more than a label


class Distillation:
    """A student with some of the teacher's layers, or a small model of its own, taught by the fine-tuned rung."""

    def __init__(
        self,
        teaching: FineTuning,
        student: str | int | None = None,
        unlabelled: Sequence[str] = (),
        config: DistillationConfig | None = None,
    ) -> None:
        self.teaching = teaching
        self.student = (
            student  # a model's name or folder, or how many layers of the teacher's; None: half of them
        )
        self.unlabelled = tuple(unlabelled)
        self.config = config or DistillationConfig()

    def estimate(self, work: Workload) -> Estimate:
        """Go by what fine-tuning the teacher takes, and the share of its layers that a student has.

        The teachers of the parts are those of the rung before; one for the training on all rows comes on top.
        """
        teacher = self.teaching.estimate(work)
        encoder = self.teaching.open(work.inputs)
        pupil = self._pupil(encoder)
        model = classification.build(pupil, work.classes, seed=0)
        settings = self.teaching.settings(len(work.inputs), work.classes)
        need = training_need(model, pupil, work.inputs, settings.batch_size)
        at_once = min(
            teacher.tokens_at_once or MOST_AT_ONCE, need.tokens_at_once(available_memory(pupil.device))
        )
        share = _depth(pupil.backbone) / _depth(encoder.backbone)
        rows = sum(work.training_rows)
        more = 1 + len(self.unlabelled) * len(work.training_rows) / rows
        largest = max(work.training_rows) / rows
        seconds = teacher.seconds * (largest + EPOCHS * share * more)
        return Estimate(seconds, max(teacher.memory, need.memory(at_once)), at_once)

    def fit(
        self, examples: Examples, seed: int, progress: Progress, scratch: Scratch | None = None
    ) -> FineTunedClassifier:
        """Teach a student; the teacher is the fine-tuned rung of the same rows, trained here where there is none."""
        teacher = self._teacher(examples, seed, progress, scratch)
        texts = [*examples.inputs, *self.unlabelled]
        known = _knowledge(teacher, texts, progress, scratch)
        encoder, model = self._student(teacher, len(examples.names), derive(seed, "head"))
        scale = Scale.of(examples, model.head)
        if not isinstance(self.student, str):  # the teacher's head gives the numbers themselves
            scale.unfold(model.head)
        known = replace(known, logits=scale.standard(known.logits))
        nothing = UNLABELLED if examples.task == "classes" else np.nan
        several = examples.task == "labels"
        wanted = examples.targets.astype(np.float32) if several else scale.standard(examples.targets)
        unknown = np.full((len(self.unlabelled), *wanted.shape[1:]), nothing, wanted.dtype)
        targets = np.concatenate([wanted, unknown])
        settings = student_settings(self.teaching.settings(len(texts), len(examples.names), scratch))
        chosen = (
            settings.to_dict()
            | self.config.to_dict()
            | encoder.settings
            | {"unlabelled": len(self.unlabelled)}
        )
        kept = checkpoints_in(scratch, settings, encoder, seed, len(texts))
        teach(model, encoder, texts, targets, known, settings, self.config, seed, progress, kept)
        scale.fold(model.head)
        return FineTunedClassifier(examples.names, encoder, model, chosen | {"seed": seed}, several=several)

    def _teacher(
        self, examples: Examples, seed: int, progress: Progress, scratch: Scratch | None
    ) -> FineTunedClassifier:
        if scratch is None:
            return self.teaching.fit(examples, derive(seed, "teacher"), progress)
        if scratch.teacher is not None:
            return cast("FineTunedClassifier", load_predictor(scratch.teacher).predictor)
        own = replace(scratch, training=scratch.training / "teacher")
        return self.teaching.fit(examples, derive(seed, "teacher"), progress, own)

    def _student(
        self, teacher: FineTunedClassifier, classes: int, seed: int
    ) -> tuple[TextEncoder, Classifier]:
        encoder = self._pupil(teacher.encoder)
        if isinstance(self.student, str):
            return encoder, classification.build(encoder, classes, seed)
        return encoder, Classifier(encoder.backbone, copy.deepcopy(teacher.model.head))

    def _pupil(self, encoder: TextEncoder) -> TextEncoder:
        """Return the student's encoder before it is taught."""
        if isinstance(self.student, str):
            student = TextEncoder.open(self.student, self.teaching.device)
            return replace(student, pairs=encoder.pairs)
        return replace(encoder, backbone=student_of(encoder.backbone, self.student))


def student_settings(teacher: TrainingSettings) -> TrainingSettings:
    """Return the recipe of a student: the teacher's, all layers at once, for twice as many epochs."""
    return replace(
        teacher,
        epochs=math.ceil(EPOCHS * teacher.epochs),
        fresh_layers=0,
        start="fresh",
        contrastive=0,
        frozen_groups=0,
        thaw=0,
        patience=0,
        seeds=1,
        shard=0,
    )


def teach(
    model: Classifier,
    encoder: TextEncoder,
    texts: Sequence[str],
    targets: np.ndarray,
    known: Knowledge,
    settings: TrainingSettings,
    config: DistillationConfig,
    seed: int,
    progress: Progress,
    checkpoints: Checkpoints | None = None,
) -> None:
    """Train a student in place on batches of texts of near-equal length; ``targets`` may be UNLABELLED."""
    ids = encoder.tokenize(texts)
    lengths = [len(row) for row in ids]

    def epoch_batches(epoch: int) -> list[distillation.Batch]:
        order = epoch_order(len(ids), seed, epoch)
        return [
            distillation.batch(encoder, [ids[row] for row in rows], targets[rows], known, rows)
            for rows in length_batches(lengths, order, settings.batch_size)
        ]

    def loss(batch: distillation.Batch) -> Tensor:
        with encoder.arithmetic.forward():
            return distillation.loss(model, batch, config)

    with encoder.arithmetic.training(), used_rows(model, encoder.backbone.word_table, ids):
        groups, companions = compose(model, settings)
        train(
            model,
            groups,
            loss,
            epoch_batches,
            settings,
            seed,
            progress,
            name="distilling",
            companions=companions,
            checkpoints=checkpoints,
            weight=lambda batch: len(batch.targets),
            parts=lambda batch: distillation.parts(batch, settings.tokens_at_once or MOST_AT_ONCE),
        )


def _knowledge(
    teacher: FineTunedClassifier, texts: Sequence[str], progress: Progress, scratch: Scratch | None
) -> Knowledge:
    """Ask the teacher once; after a kill, read what it said."""
    path = None if scratch is None else scratch.training / "teacher.safetensors"
    if path is not None and path.is_file():
        return Knowledge.load(path)
    known = Knowledge.of(teacher.model, teacher.encoder, texts, progress)
    if path is not None:
        known.save(path)
    return known


def _depth(backbone: Backbone) -> int:
    config: Any = backbone.config
    return int(config.num_layers)
