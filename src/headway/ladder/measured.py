"""What one rung did on the held-out rows, and what it cost."""

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Measured:
    """The figures of one rung."""

    outputs: np.ndarray  # [held-out rows, ...]: what the predictor gives, uncalibrated
    temperature: float | None  # None: nothing in them is a probability
    train_seconds: float
    latency_ms: float
    latency_p95_ms: float
    size_bytes: int
    parameters: int
    settings: dict[str, Any]
    texts_cut: int
    opens_with: str | None
