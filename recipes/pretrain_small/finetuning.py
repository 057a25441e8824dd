"""A pretrained encoder fine-tuned on 2,000 rows of sst2, against the same network from scratch."""

from dataclasses import replace
from typing import Any, cast

import numpy as np
import torch
from recipes.cells import Cell
from recipes.pretrain_small.backbone import RESULTS, Backbone
from recipes.pretrain_small.phrases import CHOOSING_SEED, SEEDS, choosing_rows
from recipes.text_ladder.rows import load

from headway.core.progress import Silent
from headway.core.seeding import derive
from headway.ladder.encoder_training import fine_tune
from headway.tasks import classification
from headway.tasks.encoder import TextEncoder
from headway.training.settings import TrainingSettings

ARMS = ("scratch", "pretrained")
RATES = {"bert": (1e-4, 3e-4, 1e-3), "t5": (3e-4, 1e-3, 3e-3)}
EPOCHS = 8
SECONDS = 20.0  # a run, about


def cells(backbone: Backbone) -> list[Cell]:
    """Return all runs: those that choose the rates first."""
    choosing = [_choosing(backbone, arm, rate) for arm in ARMS for rate in RATES[backbone.name]]
    return [*choosing, *(_scored(backbone, arm, seed) for arm in ARMS for seed in SEEDS)]


def table(backbone: Backbone) -> None:
    """Print each arm, and the paired difference."""
    right: dict[str, np.ndarray] = {}
    truth = np.array(load("sst2", 0)[1][1])
    for arm in ARMS:
        stored = [_scored(backbone, arm, seed).stored() for seed in SEEDS]
        if not all(stored):
            return
        right[arm] = np.array([np.array(part["predicted"]) == truth for part in stored], float)
        seeds = " ".join(f"{100 * value:.1f}" for value in right[arm].mean(axis=1))
        print(
            f"sst2 {arm:10} mean {100 * right[arm].mean():.2f}   seeds {seeds}   rate {stored[0]['rate']:g}"
        )
    difference = (right["pretrained"] - right["scratch"]).mean(axis=0)  # [test rows], over the seeds
    random = np.random.default_rng(0)
    resampled = random.choice(difference, size=(10_000, len(difference))).mean(axis=1)
    low, high = 100 * np.quantile(resampled, [0.025, 0.975])
    print(f"sst2 pretrained minus scratch {100 * difference.mean():+.2f} (95 % {low:+.2f} to {high:+.2f})")


def _choosing(backbone: Backbone, arm: str, rate: float) -> Cell:
    """Score one rate on sentences held out for that."""

    def work() -> dict[str, Any]:
        training, (asked, labels) = choosing_rows()
        predicted = _learn(backbone, arm, *training, rate, CHOOSING_SEED, asked)
        right = [a == b for a, b in zip(predicted, labels, strict=True)]
        return {"rate": rate, "accuracy": float(np.mean(right))}

    return Cell(RESULTS / f"{backbone.name}-{arm}-rate-{rate:g}.json", work, lambda: SECONDS)


def _scored(backbone: Backbone, arm: str, seed: int) -> Cell:
    """Train one arm at its best rate, and label the validation part."""

    def work() -> dict[str, Any]:
        choosing = [_choosing(backbone, arm, rate).stored() for rate in RATES[backbone.name]]
        rate = max(choosing, key=lambda stored: stored["accuracy"])["rate"]
        training, (texts, _) = load("sst2", seed)
        return {"rate": rate, "predicted": _learn(backbone, arm, *training, rate, seed, texts)}

    return Cell(RESULTS / f"{backbone.name}-{arm}-{seed}.json", work, lambda: SECONDS)


def _learn(
    backbone: Backbone,
    arm: str,
    texts: list[str],
    labels: list[str],
    rate: float,
    seed: int,
    asked: list[str],
) -> list[str]:
    """Train one arm and return its labels for the texts asked."""
    names = sorted(set(labels))
    encoder = TextEncoder.from_folder(backbone.folder, torch.device("cpu"))
    if arm == "scratch":
        with torch.random.fork_rng():
            torch.manual_seed(derive(seed, "scratch"))
            kind = cast("Any", type(encoder.backbone))
            encoder = replace(encoder, backbone=kind(encoder.backbone.config))
    model = classification.build(encoder, len(names), derive(seed, "head"))
    targets = np.array([names.index(label) for label in labels])
    settings = TrainingSettings(epochs=EPOCHS, learning_rate=rate)
    fine_tune(model, encoder, texts, targets, settings, seed, Silent())
    return [names[best] for best in classification.probabilities(model, encoder, asked).argmax(axis=1)]
