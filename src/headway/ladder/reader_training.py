"""How an encoder is trained to read answers out of contexts. Loads torch."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from headway.core.device import available_memory
from headway.core.progress import Progress, Stopwatch
from headway.core.seeding import derive
from headway.data.batches import OnDemand, epoch_order, length_batches
from headway.data.examples import Examples
from headway.data.inputs import TextPair
from headway.data.reading_windows import ReadingWindows
from headway.data.table import counted
from headway.ladder.answer_threshold import choose_threshold
from headway.ladder.choosing import best_of
from headway.ladder.encoder_training import MEASURED_TOKENS, checkpoints_in, settings_for, spread_sample
from headway.ladder.rungs import Estimate, Scratch, Workload
from headway.models.heads import TokenClassifier
from headway.tasks import reading
from headway.tasks.encoder import TextEncoder
from headway.tasks.reader import ExtractiveReader
from headway.training.checkpoints import Checkpoints
from headway.training.embeddings import used_rows
from headway.training.fresh import freshen
from headway.training.loop import train
from headway.training.memory import MOST_AT_ONCE, Need, kept_bytes
from headway.training.reading_settings import ReadingSettings
from headway.training.recipe import compose


class ReaderTraining:
    """Encoder and a head on each token trained together, each time from the published weights.

    ``recipe`` are settings that differ from those chosen by the number of rows.
    """

    def __init__(self, model: str, device: torch.device, recipe: Mapping[str, Any] | None = None) -> None:
        self.model = model
        self.device = device
        self.recipe = dict(recipe or {})

    def estimate(self, work: Workload) -> Estimate:
        """Time one epoch over windows of a sample of the questions, the first step left out."""
        pairs = spread_sample(work.inputs)
        encoder = self.open()
        asked = self.settings(len(pairs))
        model = reading.build(encoder, seed=0)
        every = reading.cut(encoder, pairs, asked.reading)
        windows = ReadingWindows(spread_sample(every.windows), every.cut)
        need = _need(model, encoder, work.inputs, asked)
        free = available_memory(self.device)
        at_once = self.recipe.get("tokens_at_once") or need.tokens_at_once(free)
        need.require(at_once, free)
        settings = replace(self.settings(1), epochs=2, patience=0, average="none", tokens_at_once=at_once)
        times: list[float] = []
        places = np.zeros((len(windows), 2), np.int64)  # any will do
        train_reader(model, encoder, windows, places, settings, 0, Stopwatch(times))
        per_step = float(np.median(np.diff(times)))
        steps = 0
        for rows in work.training_rows:
            settings = self.settings(rows)
            steps += (
                settings.seeds
                * settings.epochs
                * math.ceil(rows * len(every) / len(pairs) / settings.batch_size)
            )
        return Estimate(per_step * steps, need.memory(at_once), at_once)

    def fit(
        self, examples: Examples, seed: int, progress: Progress, scratch: Scratch | None = None
    ) -> ExtractiveReader:
        """Train on the examples; a pure function of examples and seed on one machine.

        Where some question has no answer, a tenth of the rows is kept from training, and the threshold is the best on
        them. Of several trainings the one that scores best on such a tenth is returned.
        """
        settings = self.settings(len(examples), scratch)

        def train_one(rows: Examples, kept_from: Examples | None, own: int) -> tuple[ExtractiveReader, float]:
            return self._train(rows, kept_from, settings, own, progress, scratch)

        keeps = settings.chooses or not examples.strata.all()
        return best_of(train_one, examples, settings, seed, keeps=keeps)

    def open(self) -> TextEncoder:
        """Load the published encoder, to read questions and contexts."""
        return replace(TextEncoder.open(self.model, self.device), pairs=True)

    def settings(self, rows: int, scratch: Scratch | None = None) -> ReadingSettings:
        """Return the recipe for a number of training rows, with what the plan has decided on memory."""
        settings = ReadingSettings(**(settings_for(rows).to_dict() | self.recipe))
        planned = None if scratch is None else scratch.tokens_at_once
        return replace(settings, tokens_at_once=planned or settings.tokens_at_once or MOST_AT_ONCE)

    def _train(
        self,
        examples: Examples,
        kept_from: Examples | None,
        settings: ReadingSettings,
        seed: int,
        progress: Progress,
        scratch: Scratch | None,
    ) -> tuple[ExtractiveReader, float]:
        """Return a trained reader and its F1 on the rows that were kept from it (0 without)."""
        encoder = self.open()
        freshen(encoder.backbone, settings.fresh_layers, derive(seed, "fresh layers"))
        model = reading.build(encoder, derive(seed, "head"))
        windows, places = _with_places(
            reading.cut(encoder, examples.inputs, settings.reading), examples.targets, progress
        )
        checkpoints = checkpoints_in(scratch, settings, encoder, seed, len(examples))
        train_reader(
            model,
            encoder,
            windows,
            places,
            settings,
            seed,
            progress,
            checkpoints=checkpoints,
            kept_from=kept_from,
        )
        threshold, score = None, 0.0
        if kept_from is not None:
            found = reading.find(model, encoder, kept_from.inputs, settings.reading)
            threshold, score = choose_threshold(
                found, kept_from.targets, unanswerable=not examples.strata.all()
            )
        chosen = settings.to_dict() | encoder.settings | {"seed": seed}
        if threshold is not None:
            chosen["threshold"] = threshold
        return ExtractiveReader(encoder, model, settings.reading, threshold, chosen), score


def train_reader(
    model: TokenClassifier,
    encoder: TextEncoder,
    windows: ReadingWindows,
    places: np.ndarray,
    settings: ReadingSettings,
    seed: int,
    progress: Progress,
    *,
    checkpoints: Checkpoints | None = None,
    kept_from: Examples | None = None,
) -> None:
    """Train a model in place on batches of windows of near-equal length, with the places [B, 2] of their answers.

    ``kept_from`` are examples to choose the best epoch by, where the settings have a patience.
    """

    def epoch_batches(epoch: int) -> Sequence[reading.Batch]:
        order = epoch_order(len(windows), seed, epoch)
        rows = length_batches(windows.lengths, order, settings.batch_size)

        def batch(number: int) -> reading.Batch:
            own = rows[number]
            return reading.batch(encoder, [windows.windows[row] for row in own], places[own])

        return OnDemand(batch, len(rows))

    def loss(batch: reading.Batch) -> Tensor:
        with encoder.arithmetic.forward():
            return reading.loss(model, batch)

    def score() -> float:
        assert kept_from is not None
        found = reading.find(model, encoder, kept_from.inputs, settings.reading)
        return choose_threshold(found, kept_from.targets, unanswerable=not kept_from.strata.all())[1]

    read = [window.ids for window in windows.windows]
    if kept_from is not None and settings.patience:
        read += [window.ids for window in reading.cut(encoder, kept_from.inputs, settings.reading).windows]
    with encoder.arithmetic.training(), used_rows(model, encoder.backbone.word_table, read):
        groups, companions = compose(model, settings, None if kept_from is None else score)
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
            weight=lambda batch: len(batch.places),
            parts=lambda batch: reading.parts(batch, settings.tokens_at_once or MOST_AT_ONCE),
        )


def _with_places(
    windows: ReadingWindows, questions: np.ndarray, progress: Progress
) -> tuple[ReadingWindows, np.ndarray]:
    """Return the windows of `Question` objects to train on, and the places of the first answer of each, [B, 2].

    An answer that the tokenizer makes no token of cannot be learned: its windows are left out, and that is said.
    """
    kept, places, unseen = [], [], set[int]()
    for window in windows.windows:
        answers = questions[window.row].answers
        place: tuple[int, int] | None = (window.nothing, window.nothing)
        if answers:
            place = window.answer(answers[0].start, answers[0].start + len(answers[0].text))
        if place is None:
            unseen.add(window.row)
        else:
            kept.append(window)
            places.append(place)
    if unseen:
        progress.say(
            f"  {counted(len(unseen), 'question')} not trained on: the model's tokenizer makes nothing of the answer"
        )
    return ReadingWindows(kept, windows.cut), np.array(places, np.int64).reshape(-1, 2)


def _need(
    model: TokenClassifier, encoder: TextEncoder, pairs: Sequence[TextPair], settings: ReadingSettings
) -> Need:
    """Measure what a token of the longest windows keeps for the backward pass; the rest goes by the weights."""
    longest = sorted(pairs, key=lambda pair: len(pair.first) + len(pair.second))[-8:]
    windows = sorted(reading.cut(encoder, longest, settings.reading).windows, key=lambda one: -len(one.ids))
    within = np.cumsum([len(window.ids) for window in windows]) <= MEASURED_TOKENS
    measured = windows[: max(1, int(within.sum()))]
    batch = reading.batch(encoder, measured, np.zeros((len(measured), 2), np.int64))
    with encoder.arithmetic.forward():
        kept = kept_bytes(model.train(), lambda: reading.loss(model, batch))
    return Need.of(model, kept, batch.windows.lengths.total, len(measured[0].ids), settings.batch_size)
