"""What one rung did on the held-out rows, and what it cost."""

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Measured:
    """The figures of one rung."""

    probabilities: np.ndarray  # [held-out rows, C], uncalibrated
    temperature: float
    train_seconds: float
    latency_ms: float
    latency_p95_ms: float
    size_bytes: int
    parameters: int
    settings: dict[str, Any]
    texts_cut: int
    opens_with: str | None

    @property
    def predicted(self) -> np.ndarray:
        """The predicted class of each held-out row."""
        best: np.ndarray = self.probabilities.argmax(axis=1)
        return best
