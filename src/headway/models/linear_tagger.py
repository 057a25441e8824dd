"""A linear tagger: multinomial logistic regression on what a word is told by (`tag_features`).

Fitted by L-BFGS through scikit-learn; prediction needs numpy alone.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from headway.core.config import Config
from headway.core.errors import RunError, TrainingError
from headway.core.files import read_json, write_json
from headway.core.tensors import load_arrays, own_lengths, save_arrays
from headway.models.linear_head import of_every_class, softmax
from headway.models.tag_features import sentence_features

_FILE, _ARRAYS = "linear_tagger.json", "linear_tagger.safetensors"


@dataclass(frozen=True, kw_only=True)
class LinearTaggerConfig(Config):
    """Chosen on wnut17's validation part, of 1 to 3 words and C from 0.3 to 100."""

    min_words: int = 2  # a feature is kept when this many training words have it
    max_weights: int = 40_000_000  # features times tags; the rarest features go first
    inverse_regularisation: float = 30.0


class LinearTagger:
    """The fitted layer: a weight for each feature and tag."""

    opens_with: ClassVar[str | None] = None
    kind: ClassVar[str] = "linear_tagger"

    def __init__(
        self,
        config: LinearTaggerConfig,
        labels: tuple[str, ...],
        features: Sequence[str],
        weights: np.ndarray,
        bias: np.ndarray,
    ) -> None:
        self.config = config
        self.labels = labels
        self.features = list(features)
        self.weights = weights  # [V, C]
        self.bias = bias  # [C]
        self._index = {feature: row for row, feature in enumerate(self.features)}

    @classmethod
    def fit(
        cls,
        labels: tuple[str, ...],
        sentences: Sequence[Sequence[str]],
        targets: np.ndarray,
        config: LinearTaggerConfig,
    ) -> Self:
        """Fit the weights; ``targets`` are [B] arrays of indexes into ``labels``. Nothing is left to chance."""
        from scipy.sparse import csr_matrix
        from sklearn.linear_model import LogisticRegression

        words = [own for sentence in sentences for own in sentence_features(sentence)]
        features = _frequent(words, config.min_words, config.max_weights // len(labels))
        if not features:
            raise TrainingError(f"no feature stands on {config.min_words} words", where="linear tagger")
        index = {feature: row for row, feature in enumerate(features)}
        found = [[index[feature] for feature in own if feature in index] for own in words]
        starts = np.cumsum([0, *map(len, found)])
        columns = np.fromiter((row for own in found for row in own), np.int32)
        matrix = csr_matrix(
            (np.ones(len(columns), np.float32), columns, starts), shape=(len(found), len(features))
        )
        tags = np.concatenate(list(targets))
        model = LogisticRegression(C=config.inverse_regularisation, max_iter=300).fit(matrix, tags)
        weights, bias = of_every_class(model.coef_.T, model.intercept_, model.classes_, len(labels))
        return cls(config, labels, features, weights, bias)

    @property
    def parameters(self) -> int:
        """The number of fitted weights and biases."""
        return int(self.weights.size + self.bias.size)

    @property
    def settings(self) -> dict[str, Any]:
        """The configuration and the number of features kept."""
        return self.config.to_dict() | {"kept_features": len(self.features)}

    def cut(self, sentences: Sequence[Sequence[str]]) -> int:
        """Return 0: sentences of any length are read whole."""
        return 0

    def predict(self, sentences: Sequence[Sequence[str]]) -> np.ndarray:
        """Return each word's shares of the tags, [B] arrays [W, C]."""
        return own_lengths(map(self._shares, sentences), len(sentences))

    def _shares(self, sentence: Sequence[str]) -> np.ndarray:
        scores = np.empty((len(sentence), len(self.labels)))
        for place, own in enumerate(sentence_features(sentence)):
            rows = [self._index[feature] for feature in own if feature in self._index]
            scores[place] = self.weights[rows].sum(axis=0, dtype=np.float64) + self.bias
        return softmax(scores)

    def save(self, folder: Path) -> None:
        """Write ``linear_tagger.json`` and ``linear_tagger.safetensors``."""
        stored = {"labels": self.labels, "config": self.config.to_dict(), "features": self.features}
        write_json(folder / _FILE, stored, indent=None)
        save_arrays(folder / _ARRAYS, {"weights": self.weights, "bias": self.bias})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what ``save`` wrote. Raises RunError where the features do not fit the weights."""
        stored = read_json(folder / _FILE)
        arrays = load_arrays(folder / _ARRAYS)
        if len(stored["features"]) != len(arrays["weights"]):
            raise RunError(
                f"holds {len(stored['features']):,} features for {len(arrays['weights']):,} rows of weights",
                where=str(folder / _FILE),
            )
        config = LinearTaggerConfig.from_dict(stored["config"])
        return cls(config, tuple(stored["labels"]), stored["features"], arrays["weights"], arrays["bias"])


def _frequent(words: Sequence[Sequence[str]], least: int, room: int) -> list[str]:
    """Return the features that so many words have, sorted; at most ``room``, the commonest."""
    counts = Counter(feature for own in words for feature in own)
    kept = sorted(feature for feature, count in counts.items() if count >= least)
    return kept if len(kept) <= room else sorted(sorted(kept, key=lambda feature: -counts[feature])[:room])
