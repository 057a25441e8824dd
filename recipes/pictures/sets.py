"""The labelled pictures that the recipe learns from: $HEADWAY_DATA/{hymenoptera,trashnet,cifar10}."""

import os
import sys
from pathlib import Path

import numpy as np

from headway.core.progress import Silent
from headway.data.examples import Examples
from headway.data.splits import deal, stratified_sample
from headway.ladder.intake import Intake, take_in

PLACES = {"hymenoptera": "hymenoptera", "trashnet": "trashnet/trashnet.zip", "cifar10": "cifar10/cifar10.zip"}


def read(name: str) -> tuple[Examples, Examples | None]:
    """Return the pictures to train on and, where the set has a part for that, to test on."""
    place = os.environ.get("HEADWAY_DATA")
    if not place:
        sys.exit(
            "Set HEADWAY_DATA to the folder with hymenoptera/, trashnet/trashnet.zip and cifar10/cifar10.zip."
        )
    rows, _ = take_in(Intake(data=Path(place) / PLACES[name], drop_limit=0.1), Silent())
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
