"""The rung ULMFiT: a language model tuned on the task's texts, and a classifier on it. Loads torch when it is used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headway.core.device import choose_device
from headway.core.progress import Progress
from headway.data.examples import Examples
from headway.data.inputs import texts_of
from headway.ladder.rungs import Estimate, Scratch, Workload
from headway.weights import catalog

if TYPE_CHECKING:
    from headway.ladder.ulmfit_training import Ulmfit
    from headway.models.base import Predictor

LANGUAGE_MODELS = ("awd-tiny",)


class UlmfitRung:
    """General language models, of the zoo or in folders, each tuned on the training texts and on ``unlabelled`` ones;
    of several, the ensemble.
    """

    name = "ulmfit"

    def __init__(
        self,
        models: Sequence[str],
        unlabelled: Sequence[str],
        device: str | None,
        recipe: Mapping[str, Any] | None,
    ) -> None:
        self.title = f"ULMFiT on {' and '.join(Path(model).name for model in models)}"
        self.needs: tuple[str, ...] = tuple(model for model in models if model in catalog.CATALOG)
        self._models = models
        self._unlabelled = unlabelled
        self._device = device
        self._recipe = recipe

    @cached_property
    def training(self) -> Ulmfit:
        """What does the work."""
        from headway.ladder.ulmfit_training import Ulmfit

        return Ulmfit(self._models, choose_device(self._device), self._unlabelled, self._recipe)

    def estimate(self, work: Workload) -> Estimate:
        """Time tuning and fine-tuning on a sample, and see whether the general models know the texts' words."""
        from headway.tasks.tokenizer_files import reader_of
        from headway.tasks.tokenizer_fit import tokenizer_fit

        estimate = self.training.estimate(work)
        fits = [tokenizer_fit(reader_of(model), texts_of(work.inputs)) for model in self._models]
        return replace(estimate, misfit=next((fit.problem for fit in fits if fit.problem), None))

    def fit(
        self, examples: Examples, seed: int, progress: Progress, scratch: Scratch | None = None
    ) -> Predictor:
        """Tune and train on the examples."""
        return self.training.fit(examples, seed, progress, scratch)
