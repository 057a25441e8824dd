"""Choosing among trainings, and among a training's epochs, by rows that are kept from all of them."""

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import numpy as np

from headway.core.seeding import derive
from headway.data.examples import Examples
from headway.ladder.rows import keep_a_tenth
from headway.models.heads import Classifier
from headway.tasks import classification
from headway.training.settings import TrainingSettings


class Trained(Protocol):
    """A classifier that was trained."""

    model: Classifier
    encoder: Any  # what makes its batches


Found = TypeVar("Found", bound=Trained)


def best_of(
    train: Callable[[Examples, Examples | None, int], Found],
    examples: Examples,
    settings: TrainingSettings,
    seed: int,
) -> Found:
    """Train as often as the settings say and return the best: ``train`` is given the examples to train on, those to
    choose by (a tenth of all, where there is anything to choose), and a seed.
    """
    kept_from = None
    if settings.chooses:
        examples, kept_from = keep_a_tenth(examples, seed)
    best: tuple[float, Found] | None = None
    for number in range(settings.seeds):
        found = train(examples, kept_from, derive(seed, "restart", number) if number else seed)
        score = 0.0 if kept_from is None else score_on(found.model, found.encoder, kept_from)
        if best is None or score > best[0]:
            best = score, found
    assert best is not None
    return best[1]


def score_on(model: Classifier, encoder: classification.Batching[Any], examples: Examples) -> float:
    """Return the accuracy on the examples; of equal ones the surer is the higher, by less than one example counts.

    Of numbers, the share of their variance that is explained; of several labels, the share that is told right.
    """
    if examples.task == "labels":
        found = classification.label_shares(model, encoder, examples.inputs)
        return float(((found > 0.5) == examples.targets).mean())
    if examples.task == "numbers":
        off = classification.numbers(model, encoder, examples.inputs) - examples.targets
        return float(1 - np.square(off).mean() / (examples.targets.var() or 1.0))
    probabilities = classification.probabilities(model, encoder, examples.inputs)
    right = probabilities.argmax(axis=1) == examples.targets
    sure = np.log(
        np.maximum(probabilities[np.arange(len(right)), examples.targets], 1e-30)
    ).mean()  # -69 to 0
    return float((right.sum() + 1e-2 * sure) / len(right))
