"""ULMFiT's three steps (Howard and Ruder 2018): a general language model, the same tuned on the task's own texts, and
a classifier on top of that, thawed from the top. Loads torch.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from headway.core.files import read_json
from headway.core.progress import Progress
from headway.core.seeding import derive
from headway.data.examples import Examples
from headway.ladder.encoder_training import FineTuning
from headway.ladder.rungs import Estimate, Scratch, Workload
from headway.models.base import Predictor
from headway.tasks.decoder import TextDecoder
from headway.tasks.encoder import TextEncoder
from headway.tasks.ensemble import Ensemble
from headway.training.language_tuning import (
    DISCRIMINATIVE,
    Tuned,
    require_language_model,
    seconds_to_tune,
    tune,
)
from headway.training.pretraining import RECORD_FILE
from headway.training.settings import TrainingSettings
from headway.weights import catalog

FEWEST_STEPS = 240
_TIMED_TEXTS = 300


class Ulmfit:
    """One model for each general language model, and the ensemble of them where there are several.

    tuned: a folder in which language models are kept that were tuned on a set of texts, so that trainings on more or
    fewer labels of the same texts share them.
    """

    def __init__(
        self,
        models: Sequence[str],
        device: torch.device,
        unlabelled: Sequence[str] = (),
        recipe: Mapping[str, Any] | None = None,
        tuned: Path | None = None,
    ) -> None:
        self.directions = [TunedFineTuning(model, device, unlabelled, recipe, tuned) for model in models]

    def estimate(self, work: Workload) -> Estimate:
        """Add the models' estimates up; they are trained one after the other."""
        estimates = [direction.estimate(work) for direction in self.directions]
        return Estimate(
            sum(estimate.seconds for estimate in estimates),
            max(estimate.memory for estimate in estimates),
            min(estimate.tokens_at_once or 0 for estimate in estimates) or None,
        )

    def fit(
        self, examples: Examples, seed: int, progress: Progress, scratch: Scratch | None = None
    ) -> Predictor:
        """Train one model after the other; a pure function of examples and seed on one machine."""
        members = [
            direction.fit(
                examples,
                seed,
                progress,
                None if scratch is None else replace(scratch, training=scratch.training / f"model-{number}"),
            )
            for number, direction in enumerate(self.directions, 1)
        ]
        return members[0] if len(members) == 1 else Ensemble(members)


class TunedFineTuning(FineTuning):
    """Fine-tuning that begins with a language model that was tuned on the training texts and texts without labels."""

    def __init__(
        self,
        model: str,
        device: torch.device,
        unlabelled: Sequence[str] = (),
        recipe: Mapping[str, Any] | None = None,
        tuned: Path | None = None,
    ) -> None:
        super().__init__(model, device, recipe)
        self.unlabelled = tuple(unlabelled)
        self._tuned = tuned

    @cached_property
    def general(self) -> TextDecoder:
        """The general language model. Raises UsageError on another kind of model."""
        return require_language_model(TextDecoder.open(self.model, self.device), self.model)

    def usual(self, rows: int, classes: int) -> TrainingSettings:
        """Return the recipe for a number of rows: slanted triangular and discriminative rates, thawed from the top."""
        return ulmfit_settings(rows)

    def begin(
        self, examples: Examples, seed: int, progress: Progress, scratch: Scratch | None
    ) -> tuple[TextEncoder, dict[str, Any]]:
        """Tune the language model on the training texts and those without labels: no others are here to be read."""
        texts = [*examples.inputs, *self.unlabelled]
        weights = provenance(self.model)
        progress.say(f"  {self.model}: {weights}")
        with TemporaryDirectory() as passing:
            kept, unfinished = self._tuned or Path(passing), None
            if scratch is not None:
                kept = self._tuned or scratch.training / "language-model"
                unfinished = scratch.training / "tuning"
            tuned = tune(self.general, texts, derive(seed, "tuning"), progress, kept, unfinished)
        progress.end()
        progress.say(f"  {tuning_words(tuned, len(set(examples.inputs)))}")
        facts = {"language_model": self.model, "weights": weights, **tuned.facts}
        return tuned.encoder, facts

    def _timed(self, work: Workload) -> Estimate:
        classifier = super()._timed(work)
        texts = [*work.inputs, *self.unlabelled]
        sample = [str(text) for text in texts[:: max(1, len(texts) // _TIMED_TEXTS)]]
        a_text = sum(map(len, self.general.tokenizer.pieces(sample))) / len(sample)
        seconds = sum(
            seconds_to_tune(self.general, sample, int(a_text * (rows + len(self.unlabelled))))
            for rows in set(work.training_rows)
            for _ in range(work.training_rows.count(rows))
        )
        return replace(classifier, seconds=classifier.seconds + seconds)


def ulmfit_settings(rows: int) -> TrainingSettings:
    """Return the classifier's recipe for a number of training rows."""
    batch_size = 32
    epochs = math.ceil(FEWEST_STEPS * batch_size / rows)
    return TrainingSettings(
        epochs=min(20, max(6, epochs)),
        learning_rate=1e-2,
        batch_size=batch_size,
        schedule="slanted_triangular",
        layer_decay=DISCRIMINATIVE,
        thaw=1,
        beta2=0.99,
    )


def provenance(model: str) -> str:
    """Say where a general language model's weights are from: of the zoo, made here, or published."""
    if model in catalog.CATALOG:
        return catalog.find(model).origin
    record = Path(model) / RECORD_FILE
    if record.is_file():
        return f"pretrained here: {read_json(record).get('described')}"
    return "weights as they lie in its folder"


def tuning_words(tuned: Tuned, labelled: int) -> str:
    """Say what a language model was tuned on."""
    facts = tuned.facts
    others = facts["tuned_texts"] - labelled
    return (
        f"Language model tuned on {facts['tuned_texts']:,} texts, {facts['tuned_words']:,} words, "
        f"{facts['tuned_epochs']} times: {labelled:,} training texts and {others:,} without labels; "
        f"{facts['new_words']:,} words were new to it, {facts['unknown_words']:.1%} of the text stays unknown"
    )
