"""Choosing among trainings, and among a training's epochs, by rows that are kept from all of them."""

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import numpy as np

from headway.core.seeding import derive
from headway.data.examples import Examples
from headway.ladder.measured import SEED_SCORES
from headway.ladder.rows import keep_a_tenth
from headway.models.heads import Classifier
from headway.tasks import classification
from headway.training.settings import TrainingSettings


class Trained(Protocol):
    """What a training gives."""

    settings: dict[str, Any]


Found = TypeVar("Found", bound=Trained)


def best_of(
    train: Callable[[Examples, Examples | None, int], tuple[Found, float]],
    examples: Examples,
    settings: TrainingSettings,
    seed: int,
    *,
    keeps: bool | None = None,
) -> Found:
    """Train as often as the settings say and return the best, with the scores of all among its settings.

    ``train`` is given the examples to train on, those to choose by (a tenth of all where there is anything to choose,
    or as ``keeps`` says), and a seed; it returns what it made, and its score on those to choose by.
    """
    kept_from = None
    if settings.chooses if keeps is None else keeps:
        examples, kept_from = keep_a_tenth(examples, seed)
    best: tuple[float, Found] | None = None
    scores = []
    for number in range(settings.seeds):
        found, score = train(examples, kept_from, derive(seed, "restart", number) if number else seed)
        scores.append(score)
        if best is None or score > best[0]:
            best = score, found
    assert best is not None
    if settings.seeds > 1:
        best[1].settings[SEED_SCORES] = scores
    return best[1]


def score_on(model: Classifier, encoder: classification.Batching[Any], examples: Examples | None) -> float:
    """Return the accuracy on the examples, 0 without any; of equal ones the surer is the higher, by less than a
    hundredth of what one example counts.

    Of numbers, the share of their variance that is explained; of several labels, the share that is told right.
    """
    if examples is None:
        return 0.0
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
    return float((right.sum() + 1e-4 * sure) / len(right))
