"""How the rungs that stand on a pretrained encoder are estimated and trained. Loads torch."""

import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from headway.core.device import available_memory
from headway.core.progress import Progress, Stopwatch
from headway.core.seeding import derive, generator
from headway.data.batches import OnDemand, epoch_order, length_batches
from headway.data.examples import Examples
from headway.data.inputs import are_pairs, characters, texts_of
from headway.ladder.choosing import best_of, score_on
from headway.ladder.rungs import Estimate, Scratch, Workload
from headway.models.heads import Classifier
from headway.tasks import classification
from headway.tasks.encoder import TextEncoder
from headway.tasks.finetuned import FineTunedClassifier
from headway.tasks.frozen import Embed, FrozenClassifier, FrozenConfig, remembering
from headway.tasks.numbers import Scale
from headway.training.checkpoints import Checkpoints
from headway.training.companions import Thaw
from headway.training.embeddings import used_rows
from headway.training.fresh import freshen
from headway.training.frozen_outputs import FrozenOutputs
from headway.training.loop import train
from headway.training.memory import MOST_AT_ONCE, Need, kept_bytes
from headway.training.processes import Processes
from headway.training.range_test import RangeTest, range_test
from headway.training.recipe import compose
from headway.training.settings import TrainingSettings
from headway.training.sharding import sharded
from headway.training.warm_start import warm_start

FEWEST_STEPS = 240  # of a training, as far as MOST_EPOCHS allows
STEPS_A_CLASS = 20  # where that is more
MOST_EPOCHS = 40
SAMPLE = 96  # texts on which an estimate is timed
MEASURED_TOKENS = 1024  # of the longest texts, on which memory is measured


class FrozenTraining:
    """A linear head on the features of the encoder as published, which are computed once a text."""

    mixed: ClassVar[bool] = False  # whether the head reads a learned mix of the depths

    def __init__(self, model: str, device: torch.device) -> None:
        self.encoder = TextEncoder.open(model, device)
        self.embed: Embed = remembering(self.encoder)
        self._kept: Path | None = None
        self.config = FrozenConfig()

    def estimate(self, work: Workload) -> Estimate:
        """Time the encoder on a sample of the texts; the head's part goes by rows, features and classes."""
        texts = texts_of(spread_sample(work.inputs))
        self.encoder.layer_means(texts[:8], self.config.depths)
        started = time.perf_counter()
        self.encoder.layer_means(texts, self.config.depths)
        sampled = min(SAMPLE, len(work.inputs))
        embedding = (time.perf_counter() - started) / sampled * len(work.inputs)
        features = self.config.depths * self.encoder.backbone.num_features
        if are_pairs(work.inputs):
            features = 4 * features + 1
        head = sum(work.training_rows) * features * (2e-8 * work.classes or 1e-10 * features)
        return Estimate(embedding + head, memory=500_000_000 + 16 * features * len(work.inputs))

    def fit(
        self, examples: Examples, seed: int, progress: Progress, scratch: Scratch | None = None
    ) -> FrozenClassifier:
        """Fit the head; nothing is left to chance."""
        if scratch is not None and self._kept != scratch.rung:
            self.embed, self._kept = remembering(self.encoder, scratch.rung / "features"), scratch.rung
        progress.begin("features", len(examples), "texts")
        for start in range(0, len(examples), 256):
            inputs = examples.inputs[start : start + 256]
            self.embed(texts_of(inputs), self.config.depths)
            progress.advance(len(inputs))
        config = frozen_config(pairs=are_pairs(examples.inputs))
        return FrozenClassifier.fit(
            examples.names,
            examples.inputs,
            examples.targets,
            self.encoder,
            replace(config, depths=self.config.depths),
            self.embed,
            mixed=self.mixed,
        )


def frozen_config(*, pairs: bool) -> FrozenConfig:
    """Return how the head is fitted: more strictly on pairs, which have four times the features."""
    return FrozenConfig(inverse_regularisation=0.001) if pairs else FrozenConfig()


class FineTuning:
    """Encoder and head trained together, each time from the published weights.

    ``recipe`` are settings that differ from those chosen by the number of rows.
    """

    def __init__(self, model: str, device: torch.device, recipe: Mapping[str, Any] | None = None) -> None:
        self.model = model
        self.device = device
        self.recipe = dict(recipe or {})
        self._estimates: dict[Workload, Estimate] = {}

    def estimate(self, work: Workload) -> Estimate:
        """Time one epoch over a sample of the texts, the first step left out; once for the same work."""
        if work not in self._estimates:
            self._estimates[work] = self._timed(work)
        return self._estimates[work]

    def _timed(self, work: Workload) -> Estimate:
        texts = spread_sample(work.inputs)
        encoder = self.open(work.inputs)
        asked = self.settings(len(texts), work.classes)
        model = classification.build(encoder, work.classes, seed=0)
        shares = Processes.joined().count if asked.shard else 1
        need = training_need(model, encoder, work.inputs, asked.batch_size, shares)
        at_once = self.recipe.get("tokens_at_once") or need.tokens_at_once(available_memory(self.device))
        need.require(at_once, available_memory(self.device))
        settings = replace(
            self.usual(len(texts), work.classes),
            epochs=2,
            thaw=0,
            batch_size=asked.batch_size,
            dropout_factor=asked.dropout_factor,
            tokens_at_once=at_once,
        )
        places = np.arange(len(texts))
        targets = places % work.classes if work.classes else np.cos(places)  # any will do
        if shares > 1:  # alone this process cannot train; a step is about three forward passes
            per_step = 3 * _forward_seconds(model, encoder, texts, asked.batch_size) / shares
        else:
            times: list[float] = []
            fine_tune(model, encoder, texts, targets, settings, 0, Stopwatch(times))
            per_step = float(np.median(np.diff(times)))
        steps = sum(self.settings(rows, work.classes).steps(rows) for rows in work.training_rows)
        return Estimate(per_step * steps, need.memory(at_once), at_once)

    def fit(
        self, examples: Examples, seed: int, progress: Progress, scratch: Scratch | None = None
    ) -> FineTunedClassifier:
        """Train on the examples; a pure function of examples and seed on one machine.

        Of several trainings the one with the best score on a tenth of the rows, kept from all of them, is returned.
        """
        settings = self.settings(len(examples), len(examples.names), scratch)

        def train_one(
            rows: Examples, kept_from: Examples | None, own: int
        ) -> tuple[FineTunedClassifier, float]:
            found = self._train(rows, kept_from, settings, own, progress, scratch)
            return found, score_on(found.model, found.encoder, kept_from)

        return best_of(train_one, examples, settings, seed)

    def open(self, inputs: Sequence[Any]) -> TextEncoder:
        """Load the published encoder, to read such inputs."""
        return replace(TextEncoder.open(self.model, self.device), pairs=are_pairs(inputs))

    def begin(
        self, examples: Examples, seed: int, progress: Progress, scratch: Scratch | None
    ) -> tuple[TextEncoder, dict[str, Any]]:
        """Return the encoder that training on the examples begins with, and what is to be told of it."""
        return self.open(examples.inputs), {}

    def try_rates(self, examples: Examples, seed: int, progress: Progress, steps: int = 100) -> RangeTest:
        """Run the range test over so many batches of the examples, drawn again where they are fewer."""
        settings = self.settings(len(examples), len(examples.names))
        encoder = self.open(examples.inputs)
        freshen(encoder.backbone, settings.fresh_layers, derive(seed, "fresh layers"))
        model = classification.build(encoder, len(examples.names), derive(seed, "head"))
        ids = encoder.tokenize(examples.inputs)
        targets = Scale.of(examples, model.head).standard(examples.targets)
        draws = generator(seed, "rates").integers(len(ids), size=(steps, settings.batch_size))
        batches = [classification.batch(encoder, [ids[row] for row in rows], targets[rows]) for rows in draws]

        def loss(batch: classification.Batch) -> Tensor:
            with encoder.arithmetic.forward():
                return classification.loss(model, batch)

        groups, _ = compose(model, settings)
        with encoder.arithmetic.training():
            return range_test(model, groups, loss, batches, settings, seed, progress)

    def usual(self, rows: int, classes: int) -> TrainingSettings:
        """Return the recipe for a number of training rows and classes where the user gives none."""
        return settings_for(rows, classes)

    def settings(self, rows: int, classes: int, scratch: Scratch | None = None) -> TrainingSettings:
        """Return the recipe for training rows and classes, with what the plan has decided on memory."""
        settings = replace(self.usual(rows, classes), **self.recipe)
        planned = None if scratch is None else scratch.tokens_at_once
        return replace(settings, tokens_at_once=planned or settings.tokens_at_once or MOST_AT_ONCE)

    def _train(
        self,
        examples: Examples,
        kept_from: Examples | None,
        settings: TrainingSettings,
        seed: int,
        progress: Progress,
        scratch: Scratch | None,
    ) -> FineTunedClassifier:
        encoder, facts = self.begin(examples, seed, progress, scratch)
        freshen(encoder.backbone, settings.fresh_layers, derive(seed, "fresh layers"))
        model = classification.build(encoder, len(examples.names), derive(seed, "head"))
        scale = Scale.of(examples, model.head)
        targets = scale.standard(examples.targets)
        kept = None if scratch is None else scratch.training / f"start-{seed}"
        warm_start(model, encoder, examples.inputs, targets, settings, seed, progress, kept)
        checkpoints = checkpoints_in(scratch, settings, encoder, seed, len(examples))
        fine_tune(
            model,
            encoder,
            examples.inputs,
            targets,
            settings,
            seed,
            progress,
            checkpoints,
            None if kept_from is None else replace(kept_from, targets=scale.standard(kept_from.targets)),
            Processes.joined(),
            None if scratch is None else scratch.training / "frozen",
        )
        scale.fold(model.head)
        chosen = settings.to_dict() | encoder.settings | {"seed": seed} | facts
        return FineTunedClassifier(examples.names, encoder, model, chosen, several=examples.task == "labels")


def settings_for(rows: int, classes: int = 0) -> TrainingSettings:
    """Return the recipe for a number of training rows and classes: three epochs, more where that would be few steps.

    Small sets need the steps (Zhang et al. 2021, arXiv:2006.05987, section 6), and so do many classes; a fresh head
    learns ten times as fast as the encoder, which would else be bent before the head says anything. Chosen on parts
    held out from training rows (docs/results.md, "Settings of fine-tuning").
    """
    batch_size = 32
    epochs = round(max(FEWEST_STEPS, STEPS_A_CLASS * classes) * batch_size / rows)
    return TrainingSettings(
        epochs=min(MOST_EPOCHS, max(3, epochs)), learning_rate=1e-4, head_factor=10.0, batch_size=batch_size
    )


def fine_tune(
    model: Classifier,
    encoder: TextEncoder,
    texts: Sequence[Any],
    targets: np.ndarray,
    settings: TrainingSettings,
    seed: int,
    progress: Progress,
    checkpoints: Checkpoints | None = None,
    kept_from: Examples | None = None,
    processes: Processes | None = None,
    folder: Path | None = None,
) -> None:
    """Train a model in place on batches of texts of near-equal length; ``kept_from`` are examples to choose by.

    Of several ``processes`` each computes its share of every batch; where weights are shared out (``settings.shard``),
    no checkpoints are kept. What comes out of frozen layers is computed once
    and kept in ``folder``, or a temporary one.
    """
    ids = encoder.tokenize(texts)
    lengths = [len(row) for row in ids]
    outputs: FrozenOutputs | None = None
    processes = processes or Processes()

    def epoch_batches(epoch: int) -> Sequence[classification.Batch | None]:
        order = epoch_order(len(ids), seed, epoch)
        shares = [processes.own(rows) for rows in length_batches(lengths, order, settings.batch_size)]
        first = 0 if outputs is None else outputs.begin(epoch)

        def batch(number: int) -> classification.Batch | None:
            rows = shares[number]
            if not len(rows):
                return None
            made = classification.batch(encoder, [ids[row] for row in rows], targets[rows])
            return made if outputs is None or not first else outputs.advanced(made, rows.tolist(), first)

        return OnDemand(batch, len(shares))

    def loss(batch: classification.Batch) -> Tensor:
        with encoder.arithmetic.forward():
            return classification.loss(learner, batch)

    score = None if kept_from is None else partial(score_on, model, encoder, kept_from)
    read = ids if kept_from is None else [*ids, *encoder.tokenize(kept_from.inputs)]
    with (
        encoder.arithmetic.training(),
        used_rows(model, encoder.backbone.word_table, read),
        TemporaryDirectory() if folder is None else nullcontext(folder) as kept_in,
        sharded(model, processes, wanted=bool(settings.shard)) as (learner, working),
    ):
        groups, companions = compose(learner, settings, score)
        kept_words = _kept_words(encoder)
        keeps = (
            kept_words is None or max(lengths, default=0) <= kept_words
        )  # else memory would follow the text
        for thaw in (companion for companion in companions if keeps and isinstance(companion, Thaw)):
            outputs = FrozenOutputs(encoder, ids, thaw.lowest, settings.epochs, Path(kept_in), progress)
        train(
            learner,
            groups,
            loss,
            epoch_batches,
            settings,
            seed,
            progress,
            companions=companions,
            checkpoints=checkpoints if working is processes else None,
            processes=working,
            weight=lambda batch: len(batch.targets),
            parts=lambda batch: classification.parts(batch, settings.tokens_at_once or MOST_AT_ONCE),
        )


def checkpoints_in(
    scratch: Scratch | None, settings: TrainingSettings, encoder: TextEncoder, seed: int, rows: int
) -> Checkpoints | None:
    """Return where a training keeps its state, if it is to keep any."""
    if scratch is None:
        return None
    identity = settings.to_dict() | encoder.settings | {"seed": seed, "rows": rows}
    return Checkpoints(scratch.training / f"checkpoints-{seed}", identity)


def _forward_seconds(model: Classifier, encoder: TextEncoder, texts: Sequence[Any], batch_size: int) -> float:
    """Time the forward pass of a batch."""
    ids = encoder.tokenize(texts)
    started = time.perf_counter()
    with torch.no_grad(), encoder.arithmetic.forward():
        model(encoder.pack(ids))
    return (time.perf_counter() - started) * batch_size / len(texts)


def training_need(
    model: Classifier, encoder: TextEncoder, inputs: Sequence[Any], batch_size: int, shares: int = 1
) -> Need:
    """Measure what a token of the longest inputs keeps for the backward pass; the rest goes by the weights."""
    longest = sorted(encoder.tokenize(sorted(inputs, key=characters)[-8:]), key=len, reverse=True)
    if (kept_words := _kept_words(encoder)) is not None:
        longest = [ids[-kept_words:] for ids in longest]
    within = np.cumsum([len(ids) for ids in longest]) <= MEASURED_TOKENS
    measured = longest[: max(1, int(within.sum()))]
    batch = classification.batch(encoder, measured, np.zeros(len(measured), np.int64))
    with encoder.arithmetic.forward():
        kept = kept_bytes(model.train(), lambda: classification.loss(model, batch))
    return Need.of(model, kept, batch[0].lengths.total, len(longest[0]), batch_size, shares)


def _kept_words(encoder: TextEncoder) -> int | None:
    """Return of how many of a text's words a step keeps something; None: of all, since the backbone bounds a text."""
    kept: int | None = getattr(encoder.backbone, "kept_words", None)
    return kept


def spread_sample(texts: Sequence[Any]) -> list[Any]:
    """Return inputs spread evenly over the rows."""
    places = np.linspace(0, len(texts) - 1, min(SAMPLE, len(texts))).astype(int)
    return [texts[place] for place in places]
