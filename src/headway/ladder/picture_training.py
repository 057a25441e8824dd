"""How the rungs that stand on a network for pictures are estimated and trained. Loads torch."""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property, partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from headway.blocks.convolution import freeze_statistics
from headway.core.allocation import memory_kept
from headway.core.device import cores
from headway.core.progress import Progress, Stopwatch
from headway.core.remembered import Remembered
from headway.core.seeding import derive
from headway.data.augmentation import AUGMENTATIONS
from headway.data.examples import Examples
from headway.data.images import read_whole
from headway.data.pictures import Picture, read_each
from headway.ladder.choosing import best_of, score_on
from headway.ladder.rungs import Estimate, Scratch, Workload
from headway.models.heads import Classifier
from headway.models.linear_head import LinearHead
from headway.tasks import picture_classification
from headway.tasks.picture_classification import Batch, ChangedPictures, Epochs, FrozenMaps, build
from headway.tasks.picture_encoder import PictureEncoder
from headway.tasks.picture_finetuned import TrainedPictureClassifier
from headway.tasks.picture_frozen import INVERSE_REGULARISATION, FrozenPictureClassifier
from headway.training.checkpoints import Checkpoints
from headway.training.companions import Thaw
from headway.training.loop import train
from headway.training.memory import PER_WEIGHT, WORKING_SPACE, kept_bytes
from headway.training.picture_settings import PictureSettings
from headway.training.recipe import compose

SAMPLE = 16  # pictures on which an estimate is timed
BASE_MEMORY = 600_000_000  # torch, decoded pictures in passing
FEWEST_STEPS = 900  # of fine-tuning, as far as MOST_EPOCHS allows
MOST_EPOCHS = 20


class PictureTrunk:
    """A network as published, and what was computed with it of the run's pictures: each one's vector, once."""

    def __init__(self, model: str, device: torch.device, side: int = 0) -> None:
        self.model = model
        self.device = device
        self.side = side

    def open(self) -> PictureEncoder:
        """Load the network anew, to be trained."""
        return PictureEncoder.open(self.model, self.device, self.side)

    @cached_property
    def encoder(self) -> PictureEncoder:
        """The network, which stays as it is."""
        return self.open()

    @cached_property
    def vectors(self) -> Remembered[Picture]:
        """Each picture's pooled vector and its mirror image's, float32 [2, D]."""
        return Remembered(self.encoder.vectors, lambda picture: picture.sha256, self.encoder.identity)

    def head(
        self, pictures: Sequence[Picture], targets: np.ndarray, classes: int, progress: Progress
    ) -> LinearHead:
        """Fit a linear head to the vectors of the pictures and of their mirror images; nothing is left to chance."""
        progress.begin("features", len(pictures), "pictures")
        rows = []
        for start in range(0, len(pictures), 256):
            part = pictures[start : start + 256]
            rows += self.vectors(part)
            progress.advance(len(part))
        return LinearHead.fit(np.concatenate(rows), targets.repeat(2), classes, INVERSE_REGULARISATION)


class FrozenPictureTraining:
    """A linear head on the vectors of the network as published, which are computed once a picture."""

    def __init__(self, trunk: PictureTrunk) -> None:
        self.trunk = trunk

    def estimate(self, work: Workload) -> Estimate:
        """Time the network on a sample of the pictures; the head's part goes by rows, features and classes."""
        sample = _sample(work.inputs)
        encoder = self.trunk.encoder
        list(encoder.vectors(sample))
        started = time.perf_counter()
        list(encoder.vectors(sample * 2))
        seconds = (time.perf_counter() - started) / (2 * len(sample)) * len(work.inputs)
        features = encoder.backbone.num_features
        head = 2e-8 * sum(work.training_rows) * features * work.classes
        return Estimate(seconds + 2 * head, memory=BASE_MEMORY + 32 * features * len(work.inputs))

    def fit(
        self, examples: Examples, seed: int, progress: Progress, scratch: Scratch | None = None
    ) -> FrozenPictureClassifier:
        """Fit the head."""
        if scratch is not None:
            self.trunk.vectors.keep_in(scratch.rung / "vectors")
        head = self.trunk.head(examples.inputs, examples.targets, len(examples.names), progress)
        return FrozenPictureClassifier(examples.names, self.trunk.encoder, head, self.trunk.vectors)


class PictureTraining:
    """Network and head trained together, each time from the published weights, or from fresh ones ("from scratch").

    ``recipe`` are settings that differ from those chosen by the number of rows; ``watch`` is called after each epoch
    with the model, its encoder and the epoch.
    """

    def __init__(
        self,
        trunk: PictureTrunk,
        *,
        from_scratch: bool,
        recipe: Mapping[str, Any],
        watch: Callable[[Classifier, PictureEncoder, int], None] | None = None,
    ) -> None:
        self.trunk = trunk
        self.watch = watch
        self.from_scratch = from_scratch
        self.recipe = dict(recipe)
        self._decoded: Remembered[Picture] | None = None

    def settings(self, rows: int) -> PictureSettings:
        """Return the recipe for a number of training rows."""
        chosen = scratch_settings(rows) if self.from_scratch else fine_tuning_settings(rows)
        return replace(chosen, **self.recipe)

    def estimate(self, work: Workload) -> Estimate:
        """Time some steps of training and the reading of a sample."""
        sample = _sample(work.inputs)
        encoder = self._encoder(seed=0)
        settings = self.settings(max(work.training_rows))
        started = time.perf_counter()
        decoded = [*read_each(lambda data: read_whole(data, encoder.preprocessing), sample)]
        per_picture = 2 * (time.perf_counter() - started) / len(sample)  # to train on it, and to predict
        images = [decoded[place % len(sample)] for place in range(settings.batch_size)]
        targets = np.arange(len(images)) % work.classes
        model = build(encoder, work.classes, seed=0)
        memory = _memory(model, encoder, images, settings)
        timed = replace(settings, epochs=4, frozen_groups=0, thaw=0, patience=0)
        times: list[float] = []
        with ThreadPoolExecutor(cores()) as pool:
            changes = AUGMENTATIONS[settings.augmentation]
            epochs = ChangedPictures(
                encoder, images, targets, work.classes, len(images), changes, settings.mix, 0, pool
            )
            train_on_pictures(model, encoder, epochs, timed, 0, Stopwatch(times))
        per_step = float(np.median(np.diff(times)))
        steps = sum(self.settings(rows).steps(rows) for rows in work.training_rows)
        seconds = per_step * steps + per_picture * len(work.inputs)
        return Estimate(seconds, memory)

    def fit(
        self, examples: Examples, seed: int, progress: Progress, scratch: Scratch | None = None
    ) -> TrainedPictureClassifier:
        """Train on the examples; a pure function of examples and seed on one machine.

        Of several trainings the one with the best score on a tenth of the rows, kept from all of them, is returned.
        """
        settings = self.settings(len(examples))

        def train_one(
            rows: Examples, kept_from: Examples | None, own: int
        ) -> tuple[TrainedPictureClassifier, float]:
            found = self._train(rows, kept_from, settings, own, progress, scratch)
            return found, score_on(found.model, found.encoder, kept_from)

        return best_of(train_one, examples, settings, seed)

    def _train(
        self,
        examples: Examples,
        kept_from: Examples | None,
        settings: PictureSettings,
        seed: int,
        progress: Progress,
        scratch: Scratch | None,
    ) -> TrainedPictureClassifier:
        encoder, classes = self._encoder(seed), len(examples.names)
        start = None
        if settings.start == "probe":
            if scratch is not None:
                self.trunk.vectors.keep_in(scratch.rung / "vectors")
            start = self.trunk.head(examples.inputs, examples.targets, classes, progress)
        model = build(encoder, classes, seed, start)
        checkpoints = None
        if scratch is not None:
            identity = settings.to_dict() | encoder.settings | {"seed": seed, "rows": len(examples)}
            checkpoints = Checkpoints(scratch.training / f"checkpoints-{seed}", identity)
        score = None if kept_from is None else partial(score_on, model, encoder, kept_from)
        with ThreadPoolExecutor(cores(), thread_name_prefix="changes") as pool:
            epochs = self._epochs(encoder, examples, settings, seed, progress, scratch, pool)
            train_on_pictures(
                model,
                encoder,
                epochs,
                settings,
                seed,
                progress,
                checkpoints=checkpoints,
                score=score,
                after_epoch=None if self.watch is None else partial(self.watch, model, encoder),
            )
        chosen = settings.to_dict() | encoder.settings | {"seed": seed}
        return TrainedPictureClassifier(examples.names, encoder, model, chosen)

    def _epochs(
        self,
        encoder: PictureEncoder,
        examples: Examples,
        settings: PictureSettings,
        seed: int,
        progress: Progress,
        scratch: Scratch | None,
        pool: Executor,
    ) -> Epochs:
        if settings.keeps_maps and not self.from_scratch:
            groups = encoder.backbone.layer_groups()
            return FrozenMaps(
                self.trunk.encoder,
                examples.inputs,
                examples.targets,
                settings.batch_size,
                seed,
                Thaw(groups, settings.thaw, settings.frozen_groups).lowest,
                None if scratch is None else scratch.rung / "maps",
            )
        return ChangedPictures(
            encoder,
            self._images(encoder, examples.inputs, progress, scratch),
            examples.targets,
            len(examples.names),
            settings.batch_size,
            AUGMENTATIONS[settings.augmentation],
            settings.mix,
            seed,
            pool,
        )

    def _encoder(self, seed: int) -> PictureEncoder:
        encoder = self.trunk.open()
        return encoder.fresh(derive(seed, "backbone")) if self.from_scratch else encoder

    def _decode(self, encoder: PictureEncoder) -> Remembered[Picture]:
        """Return what decodes pictures to be changed and trained on, each once."""
        if self._decoded is None:
            record = encoder.preprocessing
            self._decoded = Remembered(
                partial(read_each, lambda data: read_whole(data, record)),
                lambda picture: picture.sha256,
                f"whole, {record.to_dict()}",
            )
        return self._decoded

    def _images(
        self,
        encoder: PictureEncoder,
        pictures: Sequence[Picture],
        progress: Progress,
        scratch: Scratch | None,
    ) -> list[np.ndarray]:
        decode = self._decode(encoder)
        if scratch is not None:
            decode.keep_in(scratch.rung / "decoded")
        progress.begin("decoding", len(pictures), "pictures")
        images = []
        for start in range(0, len(pictures), 1024):
            part = pictures[start : start + 1024]
            images += decode(part)
            progress.advance(len(part))
        return images


def fine_tuning_settings(rows: int) -> PictureSettings:
    """Return the recipe of fine-tuning for a number of training rows."""
    epochs = round(FEWEST_STEPS * 32 / rows)
    return PictureSettings(
        epochs=min(MOST_EPOCHS, max(8, epochs)),
        learning_rate=5e-4,
        schedule="cosine",
        layer_decay=0.8,
        weight_decay=0.05,
        average="ema",
    )


def scratch_settings(rows: int) -> PictureSettings:
    """Return the recipe of training from scratch for a number of training rows."""
    return PictureSettings(
        epochs=30,
        learning_rate=1e-3,
        schedule="cosine",
        weight_decay=0.05,
        statistics="batch",
        start="fresh",
        mix="cutmix",
    )


def train_on_pictures(
    model: Classifier,
    encoder: PictureEncoder,
    epochs: Epochs,
    settings: PictureSettings,
    seed: int,
    progress: Progress,
    *,
    checkpoints: Checkpoints | None = None,
    score: Callable[[], float] | None = None,
    after_epoch: Callable[[int], None] | None = None,
) -> None:
    """Train a model in place; ``score`` is what to choose by.

    A batch is computed in parts, unless batch norm is to have the statistics of the whole.
    """
    frozen = settings.statistics == "frozen"

    def loss(batch: Batch) -> Tensor:
        with encoder.arithmetic.forward():
            return picture_classification.loss(model, batch)

    freeze_statistics(model, frozen)
    groups, companions = compose(model, settings, score)
    with encoder.arithmetic.training(), memory_kept():
        train(
            model,
            groups,
            loss,
            epochs,
            settings,
            seed,
            progress,
            companions=companions,
            checkpoints=checkpoints,
            after_epoch=after_epoch,
            weight=lambda batch: len(batch.maps),
            parts=lambda batch: batch.parts(encoder.at_once_in_kept_memory) if frozen else [batch],
        )
    freeze_statistics(model, False)


def _memory(
    model: Classifier, encoder: PictureEncoder, images: Sequence[np.ndarray], settings: PictureSettings
) -> int:
    """Return about how many bytes a training takes: for weights, gradients and AdamW, and for what a step keeps."""
    crop = encoder.preprocessing.crop
    few = encoder.pack([np.zeros((crop, crop, len(encoder.preprocessing.mean)), np.uint8)] * 2)
    batch = Batch(few, torch.zeros(2, dtype=torch.int64, device=encoder.device))
    with encoder.arithmetic.forward():
        kept = kept_bytes(model.train(), lambda: picture_classification.loss(model, batch)) / 2
    weights = sum(parameter.numel() for parameter in model.parameters())
    pixels = sum(image.nbytes for image in images) / len(images)
    at_once = settings.batch_size
    if settings.statistics == "frozen":
        at_once = min(at_once, encoder.at_once_in_kept_memory)
    taken = PER_WEIGHT * weights + at_once * WORKING_SPACE * kept + 6 * settings.batch_size * pixels
    return int(taken) + BASE_MEMORY


def _sample(pictures: Sequence[Picture]) -> list[Picture]:
    """Return pictures spread evenly over the rows."""
    places = np.linspace(0, len(pictures) - 1, min(SAMPLE, len(pictures))).astype(int)
    return [pictures[place] for place in places]
