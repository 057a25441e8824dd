"""How the rungs that stand on a pretrained encoder are estimated and trained. Loads torch."""

import math
import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from headway.core.progress import Progress, Silent
from headway.core.seeding import derive
from headway.data.batches import epoch_order, length_batches
from headway.data.examples import Examples
from headway.ladder.rungs import Estimate, Workload
from headway.models.heads import Classifier
from headway.tasks import classification
from headway.tasks.encoder import TextEncoder
from headway.tasks.finetuned import FineTunedClassifier
from headway.tasks.frozen import Embed, FrozenClassifier, FrozenConfig, remembering
from headway.training.groups import parameter_groups
from headway.training.loop import train
from headway.training.settings import TrainingSettings

FEWEST_STEPS = 240
SAMPLE = 96  # texts on which an estimate is timed


class FrozenTraining:
    """A linear head on the features of the encoder as published, which are computed once a text."""

    def __init__(self, model: str, device: torch.device) -> None:
        self.encoder = TextEncoder.open(model, device)
        self.embed: Embed = remembering(self.encoder)
        self.config = FrozenConfig()

    def estimate(self, work: Workload) -> Estimate:
        """Time the encoder on a sample of the texts; the head's part goes by rows, features and classes."""
        texts = _sample(work.texts)
        self.encoder.layer_means(texts[:8], self.config.depths)
        started = time.perf_counter()
        self.encoder.layer_means(texts, self.config.depths)
        embedding = (time.perf_counter() - started) / len(texts) * len(work.texts)
        features = self.config.depths * self.encoder.backbone.num_features
        head = 2e-8 * sum(work.training_rows) * features * work.classes
        return Estimate(embedding + head, memory=500_000_000 + 16 * features * len(work.texts))

    def fit(self, examples: Examples, seed: int, progress: Progress) -> FrozenClassifier:
        """Fit the head; nothing is left to chance."""
        progress.begin("features", len(examples), "texts")
        for start in range(0, len(examples), 256):
            texts = examples.texts[start : start + 256]
            self.embed(texts, self.config.depths)
            progress.advance(len(texts))
        return FrozenClassifier.fit(
            examples.names, examples.texts, examples.labels, self.encoder, self.config, self.embed
        )


class FineTuning:
    """Encoder and head trained together, each time from the published weights."""

    def __init__(self, model: str, device: torch.device) -> None:
        self.model = model
        self.device = device

    def estimate(self, work: Workload) -> Estimate:
        """Time one epoch over a sample of the texts, the first step left out."""
        texts = _sample(work.texts)
        encoder = TextEncoder.open(self.model, self.device)
        settings = replace(settings_for(len(texts)), epochs=2)
        times: list[float] = []
        model = classification.build(encoder, work.classes, seed=0)
        fine_tune(model, encoder, texts, np.arange(len(texts)) % work.classes, settings, 0, _Stopwatch(times))
        per_step = float(np.median(np.diff(times)))
        steps = 0
        for rows in work.training_rows:
            settings = settings_for(rows)
            steps += settings.epochs * math.ceil(rows / settings.batch_size)
        parameters = sum(parameter.numel() for parameter in model.parameters())
        return Estimate(per_step * steps, memory=16 * parameters + 1_500_000_000)

    def fit(self, examples: Examples, seed: int, progress: Progress) -> FineTunedClassifier:
        """Train on the examples; a pure function of examples and seed on one machine."""
        encoder = TextEncoder.open(self.model, self.device)
        model = classification.build(encoder, len(examples.names), derive(seed, "head"))
        settings = settings_for(len(examples))
        fine_tune(model, encoder, examples.texts, examples.labels, settings, seed, progress)
        return FineTunedClassifier(
            examples.names, encoder, model, settings.to_dict() | encoder.settings | {"seed": seed}
        )


def settings_for(rows: int) -> TrainingSettings:
    """Return the recipe for a number of training rows: three epochs, more where that would be few steps.

    Small sets need the steps (Zhang et al. 2021, arXiv:2006.05987, section 6). Chosen on parts held out from the
    training rows of trec (3 epochs at rates 1e-4 and 2e-4: 94.3 and 94.5) and of two sst2 samples of 2,000 (4, 5 and 8
    epochs at 1e-4: 86.3, 86.0 and 86.0 on average, within chance of each other).
    """
    batch_size = 32
    epochs = round(FEWEST_STEPS * batch_size / rows)
    return TrainingSettings(epochs=min(10, max(3, epochs)), learning_rate=1e-4, batch_size=batch_size)


def fine_tune(
    model: Classifier,
    encoder: TextEncoder,
    texts: Sequence[str],
    targets: np.ndarray,
    settings: TrainingSettings,
    seed: int,
    progress: Progress,
) -> None:
    """Train all weights of a model in place, on batches of texts of near-equal length."""
    ids = encoder.tokenize(texts)
    lengths = [len(row) for row in ids]

    def epoch_batches(epoch: int) -> list[classification.Batch]:
        order = epoch_order(len(ids), seed, epoch)
        return [
            classification.batch(encoder, [ids[row] for row in rows], targets[rows])
            for rows in length_batches(lengths, order, settings.batch_size)
        ]

    def loss(batch: classification.Batch) -> Tensor:
        with encoder.arithmetic.forward():
            return classification.loss(model, batch)

    groups = parameter_groups(model.backbone.parameters(), model.head.parameters(), settings)
    with encoder.arithmetic.training():
        train(model, groups, loss, epoch_batches, settings, seed, progress)


def _sample(texts: Sequence[str]) -> list[str]:
    """Return texts spread evenly over the rows."""
    places = np.linspace(0, len(texts) - 1, min(SAMPLE, len(texts))).astype(int)
    return [texts[place] for place in places]


class _Stopwatch(Silent):
    """Notes the time after each step."""

    def __init__(self, times: list[float]) -> None:
        self.times = times

    def advance(self, count: int = 1, note: str = "") -> None:
        self.times.append(time.perf_counter())
