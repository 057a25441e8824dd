"""The rows of a run and how they are parted: which are learned from and which are held out."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from headway.core.seeding import derive
from headway.data.examples import Examples
from headway.data.splits import deal, holdout, stratified_sample

Split = Literal["holdout", "folds", "test file"]

FOLDS = 5
FOLDS_BELOW = 1000  # with fewer rows and no test file, every row is held out once


@dataclass(frozen=True)
class Part:
    """One training and the rows held out from it, as positions in the examples."""

    train: np.ndarray
    held_out: np.ndarray


@dataclass(frozen=True)
class Rows:
    """All examples and their parts; the held-out rows of the parts do not overlap."""

    examples: Examples
    parts: tuple[Part, ...]
    kind: Split
    words: str

    @property
    def held_out(self) -> np.ndarray:
        """The held-out positions of all parts, ascending."""
        return np.sort(np.concatenate([part.held_out for part in self.parts]))


def at_most(examples: Examples, max_rows: int, seed: int, notes: list[str]) -> Examples:
    """Return a stratified sample of the examples when they are more than ``max_rows``, and note it."""
    if len(examples) <= max_rows:
        return examples
    chosen = stratified_sample(examples.strata, examples.groups, max_rows, seed)
    notes.append(
        f"a stratified sample of {len(chosen):,} of the {len(examples):,} rows is used; --max-rows changes that"
    )
    return examples.take(chosen)


def part_rows(examples: Examples, seed: int) -> Rows:
    """Part by the seed: five folds below 1,000 rows, else a fifth held out. Duplicates never straddle."""
    if len(examples) < FOLDS_BELOW:
        folds = deal(examples.strata, examples.groups, seed, FOLDS)
        parts = tuple(Part(np.flatnonzero(folds != k), np.flatnonzero(folds == k)) for k in range(FOLDS))
        return Rows(examples, parts, "folds", f"{FOLDS} folds, each row held out once")
    train, held_out = holdout(examples.strata, examples.groups, seed)
    words = f"{len(train):,} rows to train, {len(held_out):,} held out"
    return Rows(examples, (Part(train, held_out),), "holdout", words)


def keep_a_tenth(examples: Examples, seed: int) -> tuple[Examples, Examples]:
    """Part the rows into those to train on and a stratified tenth to choose by; every class is trained on."""
    folds = deal(examples.strata, examples.groups, derive(seed, "kept rows"), 10)
    trained = np.unique(examples.strata[folds != 0])
    kept = (folds == 0) & np.isin(examples.strata, trained)
    return examples.take(np.flatnonzero(~kept)), examples.take(np.flatnonzero(kept))


def join_test(training: Examples, test: Examples) -> Rows:
    """Hold out the rows of the user's own test file."""
    examples = training.join(test)
    train = np.arange(len(training))
    held_out = np.arange(len(training), len(examples))
    words = f"{len(train):,} rows to train, {len(held_out):,} held out ({test.source})"
    return Rows(examples, (Part(train, held_out),), "test file", words)
