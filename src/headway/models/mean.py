"""The lowest rung of numbers: every input gets the training rows' mean."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from headway.core.files import read_json, write_json


class Mean:
    """Predicts the mean of the training rows' numbers, whatever the input."""

    opens_with: ClassVar[str | None] = None
    kind: ClassVar[str] = "mean"
    labels: ClassVar[tuple[str, ...]] = ()
    parameters = 1

    def __init__(self, mean: float) -> None:
        self.mean = mean

    @classmethod
    def fit(cls, targets: np.ndarray) -> Self:
        """Take the mean of numbers [B]."""
        return cls(float(targets.mean()))

    @property
    def settings(self) -> dict[str, Any]:
        """Nothing is chosen."""
        return {}

    def cut(self, inputs: Sequence[Any]) -> int:
        """Return 0: no input is read."""
        return 0

    def predict(self, inputs: Sequence[Any]) -> np.ndarray:
        """Return the mean for each, [B]."""
        return np.full(len(inputs), self.mean)

    def save(self, folder: Path) -> None:
        """Write ``mean.json``."""
        write_json(folder / "mean.json", {"mean": self.mean})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what ``save`` wrote."""
        return cls(float(read_json(folder / "mean.json")["mean"]))
