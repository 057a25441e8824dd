"""The lowest rung: every input gets the training rows' class shares, so the commonest class is predicted.

Where a row has several labels, it gets each label's share of the rows.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from headway.core.files import read_json, write_json


class Majority:
    """Predicts the class shares of the training rows, whatever the text."""

    opens_with: ClassVar[str | None] = None
    kind: ClassVar[str] = "majority"

    def __init__(self, labels: tuple[str, ...], shares: np.ndarray) -> None:
        self.labels = labels
        self.shares = shares  # [C]

    @classmethod
    def fit(cls, labels: tuple[str, ...], targets: np.ndarray) -> Self:
        """Count the classes; ``targets`` [B] are indexes into ``labels``, or [B, C] which row has which."""
        if targets.ndim == 2:
            return cls(labels, targets.mean(axis=0))
        counts = np.bincount(targets, minlength=len(labels))
        return cls(labels, counts / counts.sum())

    @property
    def parameters(self) -> int:
        """The number of fitted values."""
        return self.shares.size

    @property
    def settings(self) -> dict[str, Any]:
        """Nothing is chosen."""
        return {}

    def cut(self, texts: Sequence[str]) -> int:
        """Return 0: no text is read."""
        return 0

    def predict(self, texts: Sequence[str]) -> np.ndarray:
        """Return [B, C], each row the class shares."""
        return np.tile(self.shares, (len(texts), 1))

    def save(self, folder: Path) -> None:
        """Write ``majority.json``."""
        write_json(folder / "majority.json", {"labels": self.labels, "shares": self.shares.tolist()})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what ``save`` wrote."""
        stored = read_json(folder / "majority.json")
        return cls(tuple(stored["labels"]), np.asarray(stored["shares"]))
