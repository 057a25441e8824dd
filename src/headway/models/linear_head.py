"""A linear layer on given features: logistic regression for classes, ridge regression for numbers.

It needs no torch, and numpy alone to predict.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

_ABSENT = -1e4  # a logit whose share is 0


@dataclass(frozen=True, eq=False)
class LinearHead:
    """softmax(((x - mean) / deviation) weights + bias); without the softmax, and C = 1, where it gives numbers."""

    mean: np.ndarray  # [F]
    deviation: np.ndarray  # [F]
    weights: np.ndarray  # [F, C]
    bias: np.ndarray  # [C]

    @classmethod
    def fit(
        cls,
        features: np.ndarray,
        targets: np.ndarray,
        classes: int,
        inverse_regularisation: float,
        *,
        bias: bool = True,
    ) -> Self:
        """Fit multinomial logistic regression by L-BFGS on features [B, F]; without a ``bias`` they are only scaled."""
        scaled, mean, deviation = _scaled(features, centred=bias)
        weights, shift, present = _logistic_regression(scaled, targets, inverse_regularisation, bias=bias)
        return cls(mean, deviation, *of_every_class(weights, shift, present, classes))

    @classmethod
    def fit_targets(
        cls,
        features: np.ndarray,
        targets: np.ndarray,
        classes: int,
        inverse_regularisation: float,
        ridge: float,
        *,
        bias: bool = True,
    ) -> Self:
        """Fit what the targets ask for: indexes of ``classes`` [B], numbers [B] where there are none, or [B, C] which
        row has which label.
        """
        if targets.ndim == 2:
            return cls.fit_labels(features, targets, inverse_regularisation, bias=bias)
        if not classes:
            return cls.fit_numbers(features, targets, ridge, bias=bias)
        return cls.fit(features, targets, classes, inverse_regularisation, bias=bias)

    @classmethod
    def fit_labels(
        cls, features: np.ndarray, targets: np.ndarray, inverse_regularisation: float, *, bias: bool = True
    ) -> Self:
        """Fit a logistic regression for each label on features [B, F]; ``targets`` [B, C] say which row has which."""
        scaled, mean, deviation = _scaled(features, centred=bias)
        weights = np.zeros((features.shape[1], targets.shape[1]), np.float32)
        shift = label_odds(targets)
        for place, wanted in enumerate(targets.T):
            if wanted.all() == wanted.any():
                continue  # every row has it, or none: the bias says all
            column, odds, _ = _logistic_regression(scaled, wanted, inverse_regularisation, bias=bias)
            weights[:, place], shift[place] = column[:, 0], odds[0]
        return cls(mean, deviation, weights, shift)

    def shares(self, features: np.ndarray) -> np.ndarray:
        """Return each label's own probability, [B, C], for features [B, F]."""
        shares: np.ndarray = 0.5 * (1 + np.tanh(0.5 * self._scores(features)))
        return shares

    @classmethod
    def fit_numbers(
        cls, features: np.ndarray, targets: np.ndarray, regularisation: float, *, bias: bool = True
    ) -> Self:
        """Fit ridge regression of numbers [B] on features [B, F]; the penalty counts in deviations of the numbers."""
        from sklearn.linear_model import Ridge

        scaled, mean, deviation = _scaled(features, centred=bias)
        middle, spread = targets.mean() if bias else 0.0, targets.std() or 1.0
        model = Ridge(alpha=regularisation, fit_intercept=bias).fit(scaled, (targets - middle) / spread)
        weights, bias = model.coef_[:, None] * spread, model.intercept_ * spread + middle
        return cls(mean, deviation, weights.astype(np.float32), np.array([bias], np.float32))

    def plain(self) -> tuple[np.ndarray, np.ndarray]:
        """Return weights [F, C] and bias [C] that give the same on features which are not scaled:

        (x - mean) / deviation W + b = x (W / deviation) + (b - mean / deviation W).
        """
        weights = self.weights / self.deviation[:, None]
        return weights, self.bias - self.mean @ weights

    def outputs(self, features: np.ndarray, classes: int, *, several: bool) -> np.ndarray:
        """Return probabilities [B, C] of classes, or of labels of which a row may have several, or numbers [B]."""
        if not classes:
            return self.numbers(features)
        return self.shares(features) if several else self.probabilities(features)

    def numbers(self, features: np.ndarray) -> np.ndarray:
        """Return [B] for features [B, F]."""
        return self._scores(features)[:, 0]

    def _scores(self, features: np.ndarray) -> np.ndarray:
        scaled = ((features - self.mean) / self.deviation).astype(np.float64)
        scores: np.ndarray = scaled @ self.weights + self.bias
        return scores

    def probabilities(self, features: np.ndarray) -> np.ndarray:
        """Return [B, C] for features [B, F]."""
        return softmax(self._scores(features))


def _scaled(features: np.ndarray, *, centred: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return features of deviation 1, and of mean 0 where they are ``centred``, as float64; their mean and deviation
    before.
    """
    mean, deviation = features.mean(axis=0), features.std(axis=0)
    if not centred:
        mean = np.zeros_like(mean)
    deviation[deviation == 0] = 1
    return ((features - mean) / deviation).astype(np.float64), mean, deviation


def _logistic_regression(
    scaled: np.ndarray, targets: np.ndarray, inverse_regularisation: float, *, bias: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return weights [F, K], intercepts [K] and the classes that occur; K is 1 for two of them.

    The penalty is on the weights' squares, so the best weights lie in what the rows span: with fewer rows than features
    they are sought there, B numbers a class in place of F.
    """
    from sklearn.linear_model import LogisticRegression

    basis = None
    if len(scaled) < scaled.shape[1]:
        basis, triangle = np.linalg.qr(scaled.T)  # [F, B], orthonormal, and [B, B]
        scaled = triangle.T
    model = LogisticRegression(C=inverse_regularisation, max_iter=500, fit_intercept=bias).fit(
        scaled, targets
    )
    weights = model.coef_.T if basis is None else basis @ model.coef_.T
    return weights, model.intercept_, model.classes_


def softmax(scores: np.ndarray) -> np.ndarray:
    """Return each row's shares, which sum to 1: [B, C]."""
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    normalised: np.ndarray = powers / powers.sum(axis=1, keepdims=True)
    return normalised


def label_odds(targets: np.ndarray) -> np.ndarray:
    """Return the logarithm of each label's odds among rows [B, C], finite also where all rows have it, or none: [C]."""
    odds: np.ndarray = np.log((targets.sum(axis=0) + 0.5) / ((~targets).sum(axis=0) + 0.5))
    return odds.astype(np.float32)


def of_every_class(
    weights: np.ndarray, bias: np.ndarray, present: np.ndarray, classes: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the weights [F, C] and bias [C] of all classes; one that is not among ``present`` gets no share.

    Of two classes one column is given: the second class against the first.
    """
    if len(present) == 2:
        weights, bias = np.hstack([np.zeros_like(weights), weights]), np.append(0.0, bias)
    all_weights = np.zeros((len(weights), classes), np.float32)
    all_bias = np.full(classes, _ABSENT, np.float32)
    all_weights[:, present], all_bias[present] = weights, bias
    return all_weights, all_bias
