"""Numbers as they are trained on: less their mean, in standard deviations, so that one recipe serves all."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch

from headway.data.examples import Examples
from headway.models.heads import ClassificationHead


@dataclass(frozen=True)
class Scale:
    """The mean and the deviation of the training rows' numbers; of classes 0 and 1, which change nothing."""

    mean: float = 0.0
    deviation: float = 1.0

    @classmethod
    def of(cls, examples: Examples, head: ClassificationHead) -> Self:
        """Measure the examples; a head without a bias has to find the mean itself."""
        if examples.task != "numbers":
            return cls()
        mean = 0.0 if head.classifier.bias is None else float(examples.targets.mean())
        return cls(mean, float(examples.targets.std()) or 1.0)

    def standard(self, targets: np.ndarray) -> np.ndarray:
        """Return the targets as they are trained on; classes as they are."""
        if not np.issubdtype(targets.dtype, np.floating):
            return targets
        scaled: np.ndarray = (targets - self.mean) / self.deviation
        return scaled

    def fold(self, head: ClassificationHead) -> None:
        """Let a head that gives standard numbers give the numbers themselves."""
        with torch.no_grad():
            for weights in head.classifier.parameters():
                weights.mul_(self.deviation)
            if self.mean:
                head.classifier.bias.add_(self.mean)

    def unfold(self, head: ClassificationHead) -> None:
        """Undo `fold`."""
        with torch.no_grad():
            if self.mean:
                head.classifier.bias.sub_(self.mean)
            for weights in head.classifier.parameters():
                weights.div_(self.deviation)
