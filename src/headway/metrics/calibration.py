"""Calibration: one temperature that makes probabilities mean what they say, and how far off they are."""

import math
from collections.abc import Callable

import numpy as np

from headway.core.errors import UsageError
from headway.metrics.classification import Floats, Labels

LOWEST, HIGHEST = 0.05, 20.0
_FLOOR = -60.0  # the least log-probability below the greatest of its row: keeps log(0) finite


def fit_temperature(logits: Floats, labels: Labels) -> float:
    """Return the T in [0.05, 20] for which softmax(logits / T) fits ``labels`` best (Guo et al. 2017, 4.2).

    ``logits`` [B, C] may be log-probabilities. Minimises the cross-entropy, which is convex in 1/T, against
    Platt's targets (1999): the label has (B + 1) / (B + 2), not 1, so that rows which are all right do not
    drive T to zero. Use rows that the model was not trained on. Raises UsageError without rows or on a NaN.
    """
    scores = _shifted(logits)
    rows, classes = scores.shape
    if rows == 0:
        raise UsageError("no rows to fit a temperature on", where="metrics")
    wrong = 1 / (rows + 2)
    at_label = scores[np.arange(rows), labels]
    others = (scores.sum(axis=1) - at_label) / max(1, classes - 1)
    wanted = float(np.mean((1 - wrong) * at_label + wrong * others))

    def loss(log_temperature: float) -> float:
        sharpness = math.exp(-log_temperature)
        return float(np.mean(np.log(np.exp(scores * sharpness).sum(axis=1)))) - sharpness * wanted

    return math.exp(_golden_section(loss, math.log(LOWEST), math.log(HIGHEST)))


def tempered(logits: Floats, temperature: float) -> Floats:
    """Return softmax(logits / T), [B, C]."""
    weights = np.exp(_shifted(logits) / temperature)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float64)


def expected_calibration_error(probabilities: Floats, labels: Labels, bins: int = 15) -> float:
    """Return the mean distance of confidence and accuracy over equally wide bins, weighted by their rows.

    Confidence is the greatest probability of a row [B, C] (Guo et al. 2017, equation 3). 0 is best.
    """
    if len(probabilities) == 0:
        raise UsageError("no rows to measure calibration on", where="metrics")
    confidence = probabilities.max(axis=1)
    gap = confidence - (probabilities.argmax(axis=1) == labels)
    place = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    return float(np.abs(np.bincount(place, weights=gap, minlength=bins)).sum() / len(gap))


def _shifted(logits: Floats) -> Floats:
    """Subtract each row's maximum, in float64, and lift what is hopeless to the floor."""
    scores = np.asarray(logits, dtype=np.float64)
    if scores.ndim != 2 or scores.shape[1] == 0 or np.isnan(scores).any():
        raise UsageError(
            f"logits must be [rows, classes] without NaN, found shape {list(scores.shape)}", where="metrics"
        )
    return np.asarray(np.maximum(scores - scores.max(axis=1, keepdims=True), _FLOOR), dtype=np.float64)


def _golden_section(loss: Callable[[float], float], low: float, high: float) -> float:
    """Return the minimum of a unimodal function on [low, high], to 1e-6."""
    ratio = (math.sqrt(5) - 1) / 2
    left, right = high - ratio * (high - low), low + ratio * (high - low)
    at_left, at_right = loss(left), loss(right)
    while high - low > 1e-6:
        if at_left <= at_right:
            high, right, at_right = right, left, at_left
            left = high - ratio * (high - low)
            at_left = loss(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + ratio * (high - low)
            at_right = loss(right)
    return (low + high) / 2
