"""Averaged word vectors: a text is the weighted mean of its words' published vectors, then logistic regression (of
each label where a text may have several), or ridge regression of numbers; of a pair both texts' vectors are read.

Arora et al. 2017, A Simple but Tough-to-Beat Baseline for Sentence Embeddings (SIF):

    v = 1/n sum_w  a / (a + p(w))  v_w,        then v - u u^T v

with p(w) the word's share of the corpus that the vectors were trained on, and u the first singular vector of the
training texts' means. Where the vectors come without counts but sorted by them, as GloVe's do, p is taken from
Zipf's law with Mandelbrot's shift, p proportional to 1 / (rank + 2.7). A word that is not among them has the mean of
its subwords' vectors where the source has subwords (fastText), and p = 0; else it takes no part. How many of the
training texts' words have a vector is in the settings. Prediction needs numpy alone.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from headway.core.config import Config
from headway.core.files import read_json, write_json
from headway.core.tensors import load_arrays, save_arrays
from headway.models.embedding_bag import means
from headway.models.linear_head import LinearHead
from headway.models.pair_features import side_by_side
from headway.models.stored_vectors import read_words, write_words
from headway.models.subwords import Subwords
from headway.models.word_vectors import WordVectors

_TOKEN = re.compile(r"\w+|[^\w\s]")
_MANDELBROT = 2.7
_FILE = "averaged_vectors.json"
_ARRAYS = "averaged_vectors.safetensors"


@dataclass(frozen=True, kw_only=True)
class AveragedConfig(Config):
    """Chosen on parts held out from the training rows of trec, sst2, ag_news, banking77, sms_spam and nsmc, of a 0,
    1e-3 and 1e-2, and C 0.01 to 10; for numbers on those of stsb, of 10 to 10,000.
    """

    a: float = 1e-2
    inverse_regularisation: float = 0.1  # scikit-learn's C, on scaled features
    ridge: float = 100.0  # of numbers: the weight of the squared weights, on scaled features


class AveragedVectors:
    """The fitted classifier."""

    opens_with: ClassVar[str | None] = None
    kind: ClassVar[str] = "averaged_vectors"

    def __init__(
        self,
        config: AveragedConfig,
        labels: tuple[str, ...],
        mean: "WeightedMean",
        head: LinearHead,
        known_words: float,
        *,
        several: bool = False,
    ) -> None:
        self.config = config
        self.several = several  # whether an input may have several labels, or none
        self.labels = labels  # none where it gives numbers
        self.mean = mean
        self.head = head
        self.known_words = known_words  # the share of the training texts' words that have a vector

    @classmethod
    def fit(
        cls,
        labels: tuple[str, ...],
        inputs: Sequence[Any],
        targets: np.ndarray,
        vectors: WordVectors,
        config: AveragedConfig,
    ) -> Self:
        """Fit the head; ``targets`` [B] are indexes into ``labels``, or numbers where there are none, or [B, C] which
        input has which label. Nothing is left to chance.
        """
        matrix = vectors.matrix.astype(np.float16)
        weights = (config.a / (config.a + _shares(vectors))).astype(np.float32)
        subwords = None if vectors.subwords is None else vectors.subwords.astype(np.float16)
        mean = WeightedMean(vectors.words, matrix, weights, np.zeros(vectors.size, np.float32), subwords)
        sides = _sides(inputs)
        found, known = mean.of([text for texts in sides for text in texts])
        if found.any():
            first = np.linalg.svd(found.astype(np.float64), full_matrices=False)[2][0]
            mean = WeightedMean(vectors.words, matrix, weights, first.astype(np.float32), subwords)
        features = side_by_side(np.split(mean.without_common(found), len(sides)))
        strictness = config.inverse_regularisation, config.ridge
        head = LinearHead.fit_targets(features, targets, len(labels), *strictness)
        return cls(config, labels, mean, head, known, several=targets.ndim == 2)

    @property
    def parameters(self) -> int:
        """The number of values, the words' vectors among them."""
        subwords = 0 if self.mean.subwords is None else self.mean.subwords.table.size
        return self.mean.matrix.size + subwords + self.head.weights.size + self.head.bias.size

    @property
    def settings(self) -> dict[str, Any]:
        """The configuration, and how many of the training texts' words have a vector."""
        chosen = self.config.to_dict()
        del chosen["ridge" if self.labels else "inverse_regularisation"]
        return chosen | {
            "vectors": len(self.mean.words),
            "subwords": 0 if self.mean.subwords is None else len(self.mean.subwords.table),
            "d_model": self.mean.matrix.shape[1],
            "known_words": round(self.known_words, 4),
        }

    def cut(self, inputs: Sequence[Any]) -> int:
        """Return 0: texts of any length are read whole."""
        return 0

    def predict(self, inputs: Sequence[Any]) -> np.ndarray:
        """Return probabilities [B, C], or numbers [B]."""
        if not inputs:
            return np.empty((0, len(self.labels)) if self.labels else 0)
        sides = [self.mean.without_common(self.mean.of(texts)[0]) for texts in _sides(inputs)]
        return self.head.outputs(side_by_side(sides), len(self.labels), several=self.several)

    def save(self, folder: Path) -> None:
        """Write ``averaged_vectors.json``, ``words.txt`` and ``averaged_vectors.safetensors``."""
        subwords = self.mean.subwords
        stored = {
            "labels": self.labels,
            "config": self.config.to_dict(),
            "known_words": self.known_words,
            "subwords": None if subwords is None else [subwords.shortest, subwords.longest],
        }
        write_json(folder / _FILE, stored | ({"several": True} if self.several else {}))
        write_words(list(self.mean.words), folder)
        save_arrays(
            folder / _ARRAYS,
            {
                "matrix": self.mean.matrix,
                "weights": self.mean.weights,
                "common": self.mean.common,
                **({} if subwords is None else {"subwords": subwords.table}),
                **{f"head.{name}": array for name, array in vars(self.head).items()},
            },
        )

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what ``save`` wrote. Raises RunError where the words do not fit the vectors."""
        stored: dict[str, Any] = read_json(folder / _FILE)
        arrays = load_arrays(folder / _ARRAYS)
        words = read_words(folder, len(arrays["matrix"]))
        head = LinearHead(**{name: arrays[f"head.{name}"] for name in LinearHead.__dataclass_fields__})
        spans = stored.get("subwords")  # folders of the time before subwords have none
        subwords = None if spans is None else Subwords(spans[0], spans[1], arrays["subwords"])
        mean = WeightedMean(words, arrays["matrix"], arrays["weights"], arrays["common"], subwords)
        config = AveragedConfig.from_dict(stored["config"])
        several = stored.get("several", False)
        return cls(config, tuple(stored["labels"]), mean, head, stored["known_words"], several=several)


class WeightedMean:
    """What makes a text a vector: words [V], their vectors [V, D] and weights [V], the direction u [D] to remove, and
    what other words' vectors are made of.

    The vectors are float16, so that what is saved is what was fitted.
    """

    def __init__(
        self,
        words: Sequence[str],
        matrix: np.ndarray,
        weights: np.ndarray,
        common: np.ndarray,
        subwords: Subwords | None = None,
    ) -> None:
        self.words = words
        self.matrix = matrix
        self.weights = weights
        self.common = common
        self.subwords = subwords
        self._index = {word: row for row, word in enumerate(words)}

    def of(self, texts: Sequence[str]) -> tuple[np.ndarray, float]:
        """Return each text's mean [B, D], zeros where no word has a vector, and the share of the words that have."""
        unseen: dict[str, int] = {}
        rows = [[self._row(word, unseen) for word in words_of(text)] for text in texts]
        known = [[row for row in found if row >= 0] for found in rows]
        flat = np.fromiter((row for found in known for row in found), np.int64)
        starts = np.cumsum([0, *map(len, known)])
        listed = flat < len(self.words)
        weighted = np.empty((len(flat), self.matrix.shape[1]), np.float32)
        weighted[listed] = self.matrix[flat[listed]].astype(np.float32) * self.weights[flat[listed], None]
        if unseen:
            weighted[~listed] = self._composed(unseen)[flat[~listed] - len(self.words)]
        share = len(flat) / max(sum(map(len, rows)), 1)
        return means(weighted, np.arange(len(flat)), starts), share

    def without_common(self, vectors: np.ndarray) -> np.ndarray:
        """Return the vectors [B, D] without their parts along u."""
        return vectors - np.outer(vectors @ self.common, self.common)

    def _row(self, word: str, unseen: dict[str, int]) -> int:
        """Return the row of a word as it stands, else in small letters; of one that only subwords know, which is
        added to the unseen, a row behind all of them; else -1.
        """
        row = self._index.get(word, self._index.get(word.lower(), -1))
        if row >= 0 or self.subwords is None or not (word in unseen or self.subwords.rows(word)):
            return row
        return len(self.words) + unseen.setdefault(word, len(unseen))

    def _composed(self, words: Iterable[str]) -> np.ndarray:
        """Return the vectors of words that only subwords know."""
        assert self.subwords is not None
        return np.stack([vector for word in words if (vector := self.subwords.vector(word)) is not None])


def words_of(text: str) -> list[str]:
    """Cut a text into words (letters, digits and what belongs to them) and single signs, as they are written."""
    return _TOKEN.findall(text)


def _sides(inputs: Sequence[Any]) -> list[Sequence[str]]:
    """Return the texts, or of pairs the first texts and the second ones."""
    if not inputs or isinstance(inputs[0], str):
        return [inputs]
    first, second = zip(*inputs, strict=True)
    return [first, second]


def _shares(vectors: WordVectors) -> np.ndarray:
    """Return p(w) of each word, [V]."""
    if vectors.counts is not None:
        counts: np.ndarray = vectors.counts / vectors.counts.sum()
        return counts
    inverse = 1 / (np.arange(1, len(vectors) + 1) + _MANDELBROT)
    shares: np.ndarray = inverse / inverse.sum()
    return shares
