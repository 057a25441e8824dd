"""The labelled pictures that the recipe learns from, from the shared data folder."""

import os
from pathlib import Path

import numpy as np

from headway.core.progress import Silent
from headway.data.examples import Examples
from headway.data.splits import deal, stratified_sample
from headway.ladder.intake import Intake, take_in

DATA = Path(os.environ.get("HEADWAY_SHARED", Path(__file__).parents[3] / "shared")) / "data"
PLACES = {"hymenoptera": "hymenoptera", "trashnet": "trashnet/trashnet.zip", "cifar10": "cifar10/cifar10.zip"}


def read(name: str) -> tuple[Examples, Examples | None]:
    """Return the pictures to train on and, where the set has a part for that, to test on."""
    rows, _ = take_in(Intake(data=DATA / PLACES[name], drop_limit=0.1), Silent())
    if rows.kind != "test file":
        return rows.examples, None
    (part,) = rows.parts
    return rows.examples.take(part.train), rows.examples.take(part.held_out)


def quarter_held_out(examples: Examples, split: int) -> tuple[Examples, Examples]:
    """Hold a stratified quarter out, the same pictures never on both sides."""
    folds = deal(examples.strata, examples.groups, split, 4)
    return examples.take(np.flatnonzero(folds)), examples.take(np.flatnonzero(folds == 0))


def sample(examples: Examples, size: int, seed: int) -> Examples:
    """Return so many pictures, each class by its share; all of them where there are no more."""
    return examples.take(stratified_sample(examples.strata, examples.groups, size, seed))
