"""How the taggers that stand on a pretrained encoder are estimated and trained. Loads torch."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from headway.core.device import available_memory
from headway.core.errors import UsageError
from headway.core.progress import Progress, Stopwatch
from headway.core.seeding import derive
from headway.data.batches import epoch_order, length_batches
from headway.data.examples import Examples
from headway.data.inputs import Sentence
from headway.ladder.choosing import best_of
from headway.ladder.encoder_training import FineTuning, checkpoints_in, spread_sample
from headway.ladder.judges import judge_of
from headway.ladder.rungs import Estimate, Scratch, Workload
from headway.models.heads import Classifier
from headway.models.linear_head import LinearHead
from headway.tasks import tagging
from headway.tasks.encoder import TextEncoder
from headway.tasks.tagging import EncoderTagger, Tagged, Vectors
from headway.tasks.word_encoder import WordEncoder
from headway.training.checkpoints import Checkpoints
from headway.training.embeddings import used_rows
from headway.training.fresh import freshen
from headway.training.loop import train
from headway.training.memory import MOST_AT_ONCE, Need, kept_bytes
from headway.training.recipe import compose
from headway.training.settings import TrainingSettings

DEPTHS = 3  # of the frozen encoder
# Of its head, times the number of features: of few as of many the same spread of scores is expected. With MiniLM's
# 1,152 it is 0.01, on wnut17's validation part better than 0.001, 0.1 and 1; with the 128 of elmo-tiny's mixed depths
# 0.1 is better there than 0.01.
INVERSE_REGULARISATION = 0.01 * 1152
MEASURED_TOKENS = 1024


class FrozenTagging:
    """A linear head on the words' vectors of the encoder as published, which are computed once a sentence."""

    def __init__(self, model: str, device: torch.device) -> None:
        self.words = WordEncoder(TextEncoder.open(model, device))
        self.vectors: Vectors = tagging.remembering(self.words)
        self.depths = DEPTHS
        self._kept: Path | None = None

    def estimate(self, work: Workload) -> Estimate:
        """Time the encoder on a sample of the sentences; the head's part goes by words, features and tags."""
        sample = spread_sample(work.inputs)
        self.words.vectors(sample[:8], self.depths)
        started = time.perf_counter()
        self.words.vectors(sample, self.depths)
        reading = (time.perf_counter() - started) / len(sample) * len(work.inputs)
        words = sum(map(len, work.inputs))
        features = self.depths * self.words.encoder.backbone.num_features
        trained = words / max(len(work.inputs), 1) * sum(work.training_rows)
        head = 2e-8 * trained * features * work.classes
        return Estimate(reading + head, memory=500_000_000 + 24 * features * words)

    def fit(
        self, examples: Examples, seed: int, progress: Progress, scratch: Scratch | None = None
    ) -> EncoderTagger:
        """Fit the head; nothing is left to chance."""
        if scratch is not None and self._kept != scratch.rung:
            self.vectors = tagging.remembering(self.words, scratch.rung / "features")
            self._kept = scratch.rung
        progress.begin("features", len(examples), "sentences")
        vectors = []
        for start in range(0, len(examples), 256):
            vectors += list(self.vectors(examples.inputs[start : start + 256], self.depths))
            progress.advance(len(vectors) - start)
        features = np.concatenate([own for own in vectors if len(own)])
        tags = np.concatenate(list(examples.targets))
        return self.tagger(examples.names, features, tags)

    def tagger(self, names: tuple[str, ...], features: np.ndarray, tags: np.ndarray) -> EncoderTagger:
        """Fit the head on words' features [W, F] and tags [W]."""
        head = LinearHead.fit(features, tags, len(names), self.inverse_regularisation)
        return EncoderTagger(names, self.words, head, self.depths, self.settings, self.vectors)

    @property
    def features(self) -> int:
        """How many numbers of a word the head reads."""
        return self.depths * self.words.encoder.backbone.num_features

    @property
    def inverse_regularisation(self) -> float:
        """The head's, which is scikit-learn's C."""
        return INVERSE_REGULARISATION / self.features

    @property
    def settings(self) -> dict[str, Any]:
        """What is told of the tagger."""
        chosen = {"depths": self.depths, "inverse_regularisation": self.inverse_regularisation}
        return chosen | self.words.encoder.settings


class TaggerTuning(FineTuning):
    """Encoder and head for words trained together, each time from the published weights."""

    def _timed(self, work: Workload) -> Estimate:
        """Time one epoch over a sample of the sentences, the first step left out."""
        sample = spread_sample(work.inputs)
        words = WordEncoder(self.open(work.inputs))
        model = tagging.build(words.encoder, work.classes, seed=0)
        asked = self.settings(len(sample), work.classes)
        free = available_memory(self.device)
        need = _need(model, words, work.inputs, asked.batch_size)
        at_once = self.recipe.get("tokens_at_once") or need.tokens_at_once(free)
        need.require(at_once, free)
        times: list[float] = []
        _train(
            model,
            words,
            tagging.tagged_windows(words, sample, _any_tags(sample, work.classes)),
            replace(asked, epochs=2, tokens_at_once=at_once, patience=0, seeds=1),
            0,
            Stopwatch(times),
        )
        per_step = float(np.median(np.diff(times)))
        steps = sum(self.settings(rows, work.classes).steps(rows) for rows in work.training_rows)
        return Estimate(per_step * steps, need.memory(at_once), at_once)

    def fit(  # type: ignore[override]
        self, examples: Examples, seed: int, progress: Progress, scratch: Scratch | None = None
    ) -> EncoderTagger:
        """Train on the examples; a pure function of examples and seed on one machine.

        Of several trainings the one with the best span F1 on a tenth of the rows, kept from all of them, is returned.
        """
        settings = self.settings(len(examples), len(examples.names), scratch)
        if settings.shard:
            raise UsageError("tagging is trained in one process", where="shard", remedy="Leave it out.")

        def train_one(rows: Examples, kept_from: Examples | None, own: int) -> tuple[EncoderTagger, float]:
            found = self._train_tagger(rows, kept_from, settings, own, progress, scratch)
            return found, 0.0 if kept_from is None else _score(found, kept_from)

        return best_of(train_one, examples, settings, seed)

    def _train_tagger(
        self,
        examples: Examples,
        kept_from: Examples | None,
        settings: TrainingSettings,
        seed: int,
        progress: Progress,
        scratch: Scratch | None,
    ) -> EncoderTagger:
        words = WordEncoder(self.open(examples.inputs))
        encoder = words.encoder
        freshen(encoder.backbone, settings.fresh_layers, derive(seed, "fresh layers"))
        model = tagging.build(encoder, len(examples.names), derive(seed, "head"))
        chosen = settings.to_dict() | encoder.settings | {"seed": seed}

        def tagger() -> EncoderTagger:
            return EncoderTagger.of_trained(examples.names, words, model, chosen)

        windows = tagging.tagged_windows(words, examples.inputs, examples.targets)
        longer = words.cut(examples.inputs)
        if longer:
            progress.say(
                f"  {longer:,} sentences have more than the {words.room} pieces that are read at once: "
                "they are read in windows that overlap"
            )
        checkpoints = checkpoints_in(scratch, settings, encoder, seed, len(examples))
        _train(model, words, windows, settings, seed, progress, checkpoints, kept_from, tagger)
        return tagger()


def _train(
    model: Classifier,
    words: WordEncoder,
    windows: Sequence[Tagged],
    settings: TrainingSettings,
    seed: int,
    progress: Progress,
    checkpoints: Checkpoints | None = None,
    kept_from: Examples | None = None,
    tagger: Callable[[], EncoderTagger] | None = None,
) -> None:
    """Train the model in place on batches of windows of near-equal length."""
    encoder = words.encoder
    lengths = [len(one.window.ids) for one in windows]

    def epoch_batches(epoch: int) -> list[Sequence[Tagged]]:
        order = epoch_order(len(windows), seed, epoch)
        return [
            [windows[row] for row in rows] for rows in length_batches(lengths, order, settings.batch_size)
        ]

    def loss(batch: Sequence[Tagged]) -> Tensor:
        with encoder.arithmetic.forward():
            return tagging.loss(model, words, batch)

    score = None if kept_from is None or tagger is None else (lambda: _score(tagger(), kept_from))
    read = [one.window.ids for one in windows]
    if kept_from is not None:
        read += [window.ids for window in words.windows(kept_from.inputs)]
    with encoder.arithmetic.training(), used_rows(model, encoder.backbone.word_table, read):
        groups, companions = compose(model, settings, score)
        train(
            model,
            groups,
            loss,
            epoch_batches,
            settings,
            seed,
            progress,
            companions=companions,
            checkpoints=checkpoints,
            weight=tagging.weight,
            parts=lambda batch: tagging.parts(batch, settings.tokens_at_once or MOST_AT_ONCE),
        )


def _score(tagger: EncoderTagger, examples: Examples) -> float:
    """Return the span F1 on the examples; of equal ones the one with more tags right is the higher."""
    judge = judge_of(examples)
    said = judge.said(tagger.predict(examples.inputs))
    spans, tags = (metric.value(examples.targets, said) for metric in judge.metrics)
    return spans + 1e-3 * tags


def _need(model: Classifier, words: WordEncoder, sentences: Sequence[Sentence], batch_size: int) -> Need:
    """Measure what a token of the longest sentences keeps for the backward pass; the rest goes by the weights."""
    longest = sorted(sentences, key=lambda sentence: sum(map(len, sentence)))[-8:]
    windows = tagging.tagged_windows(words, longest, _any_tags(longest, 1))
    windows.sort(key=lambda one: -len(one.window.ids))
    within = np.cumsum([len(one.window.ids) for one in windows]) <= MEASURED_TOKENS
    measured = windows[: max(1, int(within.sum()))]
    with words.encoder.arithmetic.forward():
        kept = kept_bytes(model.train(), lambda: tagging.loss(model, words, measured))
    tokens = sum(len(one.window.ids) for one in measured)
    return Need.of(model, kept, tokens, len(windows[0].window.ids), batch_size)


def _any_tags(sentences: Sequence[Sentence], tags: int) -> np.ndarray:
    """Return tags to time a training with: any will do."""
    found = np.empty(len(sentences), dtype=np.object_)
    for row, sentence in enumerate(sentences):
        found[row] = np.arange(len(sentence)) % tags
    return found
