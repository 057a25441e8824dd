"""A linear layer on given features, fitted by logistic regression. It needs no torch, and numpy alone to predict."""

from dataclasses import dataclass
from typing import Self

import numpy as np


@dataclass(frozen=True, eq=False)
class LinearHead:
    """softmax(((x - mean) / deviation) weights + bias)."""

    mean: np.ndarray  # [F]
    deviation: np.ndarray  # [F]
    weights: np.ndarray  # [F, C]
    bias: np.ndarray  # [C]

    @classmethod
    def fit(
        cls, features: np.ndarray, targets: np.ndarray, classes: int, inverse_regularisation: float
    ) -> Self:
        """Fit multinomial logistic regression by L-BFGS on features [B, F]; every class is among ``targets``."""
        from sklearn.linear_model import LogisticRegression

        mean, deviation = features.mean(axis=0), features.std(axis=0)
        deviation[deviation == 0] = 1
        model = LogisticRegression(C=inverse_regularisation, max_iter=500)
        model.fit(((features - mean) / deviation).astype(np.float64), targets)
        weights, bias = model.coef_.T, model.intercept_
        if classes == 2:  # scikit-learn keeps one column: the second class against the first
            weights, bias = np.hstack([np.zeros_like(weights), weights]), np.append(0.0, bias)
        return cls(mean, deviation, weights.astype(np.float32), bias.astype(np.float32))

    def probabilities(self, features: np.ndarray) -> np.ndarray:
        """Return [B, C] for features [B, F]."""
        logits = ((features - self.mean) / self.deviation).astype(np.float64) @ self.weights + self.bias
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        normalised: np.ndarray = powers / powers.sum(axis=1, keepdims=True)
        return normalised
