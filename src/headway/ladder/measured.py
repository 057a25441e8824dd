"""What one rung did on the held-out rows, and what it cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

SEED_SCORES = (
    "seed_scores"  # among a predictor's settings, where it is the best of trainings by several seeds
)


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
    seed_scores: list[float] | None = None  # each seed's on the rows kept to choose by, means over the parts


def mean_seed_scores(trainings: Sequence[list[float] | None]) -> list[float] | None:
    """Return the mean over the parts' trainings of the first seeds' scores, of the second seeds' and so on; None
    where each was trained once.
    """
    known = [scores for scores in trainings if scores is not None]
    return np.mean(known, axis=0).tolist() if known else None
