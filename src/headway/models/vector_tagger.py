"""A tagger on word vectors: logistic regression on the vectors of a word and its neighbours.

A word has its own vector as written, else in small letters, else its subwords' mean where the source has subwords
(fastText), else zeros. The neighbours' vectors stand beside it, zeros beyond the sentence. Predicts with numpy alone.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from headway.core.config import Config
from headway.core.files import read_json, write_json
from headway.core.tensors import load_arrays, own_lengths, save_arrays
from headway.models.linear_head import LinearHead
from headway.models.stored_vectors import in_half, load_vectors, save_vectors
from headway.models.word_vectors import WordVectors

_FILE, _ARRAYS = "vector_tagger.json", "vector_tagger.safetensors"


@dataclass(frozen=True, kw_only=True)
class VectorTaggerConfig(Config):
    """How far a word is read, and how strictly the head is fitted; chosen on wnut17's validation part."""

    neighbours: int = 1  # on each side
    inverse_regularisation: float = 1.0  # scikit-learn's C, on scaled features


class VectorTagger:
    """The fitted head, and the vectors, which are float16, so that what is saved is what was fitted."""

    opens_with: ClassVar[str | None] = None
    kind: ClassVar[str] = "vector_tagger"

    def __init__(
        self,
        config: VectorTaggerConfig,
        labels: tuple[str, ...],
        vectors: WordVectors,
        head: LinearHead,
        known_words: float,
    ) -> None:
        self.config = config
        self.labels = labels
        self.vectors = vectors
        self.head = head
        self.known_words = known_words  # the share of the training words that have a vector

    @classmethod
    def fit(
        cls,
        labels: tuple[str, ...],
        sentences: Sequence[Sequence[str]],
        targets: np.ndarray,
        vectors: WordVectors,
        config: VectorTaggerConfig,
    ) -> Self:
        """Fit the head; ``targets`` are [B] arrays of indexes into ``labels``. Nothing is left to chance."""
        half = in_half(vectors)
        features, known = word_features(sentences, half, config.neighbours)
        tags = np.concatenate(list(targets))
        head = LinearHead.fit(
            np.concatenate(list(features)), tags, len(labels), config.inverse_regularisation
        )
        return cls(config, labels, half, head, known)

    @property
    def parameters(self) -> int:
        """The number of values, the words' vectors among them."""
        subwords = 0 if self.vectors.subwords is None else self.vectors.subwords.table.size
        return self.vectors.matrix.size + subwords + self.head.weights.size + self.head.bias.size

    @property
    def settings(self) -> dict[str, Any]:
        """The configuration, and how many of the training words have a vector."""
        return self.config.to_dict() | {
            "vectors": len(self.vectors),
            "d_model": self.vectors.size,
            "known_words": round(self.known_words, 4),
        }

    def cut(self, sentences: Sequence[Sequence[str]]) -> int:
        """Return 0: sentences of any length are read whole."""
        return 0

    def predict(self, sentences: Sequence[Sequence[str]]) -> np.ndarray:
        """Return each word's shares of the tags, [B] arrays [W, C]."""
        features, _ = word_features(sentences, self.vectors, self.config.neighbours)
        return own_lengths(map(self.head.probabilities, features), len(sentences))

    def save(self, folder: Path) -> None:
        """Write ``vector_tagger.json``, ``vector_tagger.safetensors``, and the words beside their vectors."""
        stored = {"labels": self.labels, "config": self.config.to_dict(), "known_words": self.known_words}
        write_json(folder / _FILE, stored)
        save_arrays(folder / _ARRAYS, vars(self.head))
        save_vectors(self.vectors, folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what ``save`` wrote. Raises RunError, WeightsError."""
        stored = read_json(folder / _FILE)
        head = LinearHead(**load_arrays(folder / _ARRAYS))
        config = VectorTaggerConfig.from_dict(stored["config"])
        return cls(config, tuple(stored["labels"]), load_vectors(folder), head, stored["known_words"])


def word_features(
    sentences: Sequence[Sequence[str]], vectors: WordVectors, neighbours: int
) -> tuple[np.ndarray, float]:
    """Return each word's vectors with its neighbours', [B] arrays [W, (2 n + 1) D] of float32, and the share of words
    that have one.
    """
    known = {word: _vector(word, vectors) for word in dict.fromkeys(w for own in sentences for w in own)}
    nothing = np.zeros(vectors.size, np.float32)
    found = (_beside([known[word] for word in own], nothing, neighbours) for own in sentences)
    words = [known[word] is not None for own in sentences for word in own]
    return own_lengths(found, len(sentences)), sum(words) / max(len(words), 1)


def _vector(word: str, vectors: WordVectors) -> np.ndarray | None:
    found = vectors.get(vectors.known(word) or word)
    return None if found is None else found.astype(np.float32)


def _beside(words: Iterable[np.ndarray | None], nothing: np.ndarray, neighbours: int) -> np.ndarray:
    """Lay each word's vector between its neighbours'."""
    own = [nothing if vector is None else vector for vector in words]
    if not own:
        return np.empty((0, (2 * neighbours + 1) * len(nothing)), np.float32)
    padded = np.stack([nothing] * neighbours + own + [nothing] * neighbours)
    return np.concatenate([padded[by : by + len(own)] for by in range(2 * neighbours + 1)], axis=1)
