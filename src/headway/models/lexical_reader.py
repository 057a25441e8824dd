"""Passages chosen by a linear model of what speaks for them (`lexical_features`). Predicts with numpy alone."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from headway.core.answers import MOST, Found
from headway.core.errors import RunError
from headway.core.files import read_json, write_json
from headway.core.progress import Progress
from headway.core.seeding import generator
from headway.core.tensors import load_arrays, save_arrays
from headway.models.lexical_features import DENSE, Candidates, LexicalFeatures

WRONG = 100  # passages of each question that are set against the right one in training
INVERSE_REGULARISATION = 1.0  # scikit-learn's C
_FILE, _ARRAYS = "lexical_reader.json", "lexical_reader.safetensors"


class LexicalReader:
    """Logistic regression of right passages against wrong ones; the highest log odds answer."""

    opens_with: ClassVar[str | None] = None
    kind: ClassVar[str] = "lexical_reader"
    labels: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self, features: LexicalFeatures, weights: np.ndarray, threshold: float | None = None
    ) -> None:
        self.features = features
        self.weights = weights  # [size + 6]: of the fields, then of the numbers
        self.threshold = (
            threshold  # of no answer's score, 0, above the best passage's; None: there always is one
        )

    @classmethod
    def fit(
        cls,
        pairs: Sequence[tuple[str, str]],
        answers: Sequence[tuple[int, int] | None],
        seed: int,
        progress: Progress,
    ) -> Self:
        """Fit to pairs of question and context, each with the characters of its answer, or None."""
        features = LexicalFeatures.of([pair[0] for pair in pairs], [pair[1] for pair in pairs])
        random = generator(seed, "wrong passages")
        fields, dense, right = [], [], []
        progress.begin("passages", len(pairs), "questions")
        for (question, context), answer in zip(pairs, answers, strict=True):
            progress.advance()
            found = features.candidates(question, context)
            truth = _right(found, answer)
            if truth is None:
                continue
            wrong = np.setdiff1d(random.permutation(len(found.spans))[:WRONG], [truth])
            rows = np.append(wrong, truth)
            fields.append(found.fields[rows])
            dense.append(found.dense[rows])
            right.append(rows == truth)
        if not fields or not any(len(one) > 1 for one in right):
            return cls(features, np.zeros(features.size + DENSE))
        weights = _regress(
            features.size, np.concatenate(fields), np.concatenate(dense), np.concatenate(right)
        )
        return cls(features, weights)

    @property
    def parameters(self) -> int:
        """The number of weights and of words with a rarity."""
        return len(self.weights) + len(self.features.rarity)

    @property
    def settings(self) -> dict[str, Any]:
        """What was chosen in fitting."""
        chosen = {"wrong_passages": WRONG, "inverse_regularisation": INVERSE_REGULARISATION}
        return chosen if self.threshold is None else chosen | {"threshold": self.threshold}

    def cut(self, inputs: Sequence[Any]) -> int:
        """Return 0: contexts are read whole."""
        return 0

    def find(self, pairs: Sequence[tuple[str, str]]) -> list[Found]:
        """Return the best passages of each question; that there is none scores 0."""
        found = []
        for question, context in pairs:
            candidates = self.features.candidates(question, context)
            size = self.features.size
            scores = self.weights[candidates.fields].sum(axis=1) + candidates.dense @ self.weights[size:]
            best = np.argsort(-scores, kind="stable")[:MOST]
            found.append(Found(candidates.spans[best], scores[best], 0.0))
        return found

    def predict(self, inputs: Sequence[Any]) -> np.ndarray:
        """Return the likeliest answers to pairs of question and context, [B, 20, 3] (`core.answers`)."""
        return np.array([found.answers(self.threshold) for found in self.find(inputs)]).reshape(-1, MOST, 3)

    def save(self, folder: Path) -> None:
        """Write ``lexical_reader.json`` and ``lexical_reader.safetensors``."""
        write_json(folder / _FILE, {"features": self.features.to_dict(), "threshold": self.threshold})
        save_arrays(folder / _ARRAYS, {"weights": self.weights})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what ``save`` wrote. Raises RunError, WeightsError."""
        stored = read_json(folder / _FILE)
        weights = load_arrays(folder / _ARRAYS)["weights"]
        features = LexicalFeatures(**stored["features"])
        if len(weights) != features.size + DENSE:
            raise RunError(
                f"holds {len(weights)} weights for {features.size + DENSE}", where=str(folder / _ARRAYS)
            )
        return cls(features, weights, stored["threshold"])


def _right(found: Candidates, answer: tuple[int, int] | None) -> int | None:
    """Return the place of the shortest passage that holds the answer; None where there is no such."""
    if answer is None or not len(found.spans):
        return None
    starts, ends = found.spans.T
    holds = np.flatnonzero((starts <= answer[0]) & (ends >= answer[1]))
    return int(holds[np.argmin((ends - starts)[holds])]) if len(holds) else None


def _regress(size: int, fields: np.ndarray, dense: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return the weights of a logistic regression without a constant, [size + 6]."""
    from scipy.sparse import csr_matrix, hstack
    from sklearn.linear_model import LogisticRegression

    rows, width = fields.shape
    ones = csr_matrix(
        (np.ones(fields.size), fields.ravel(), np.arange(0, fields.size + 1, width)), (rows, size)
    )
    model = LogisticRegression(C=INVERSE_REGULARISATION, fit_intercept=False, max_iter=300)
    model.fit(hstack([ones, csr_matrix(dense)]).tocsr(), right)
    weights: np.ndarray = model.coef_[0].astype(np.float64)
    return weights
