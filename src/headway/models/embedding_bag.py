"""Embedding bag: vectors of hashed n-grams, learned on the labels alone, their mean, and a linear layer.

    p(class | text) = softmax(W mean_g E[g] + b)        g: the text's words, pairs of words, and character n-grams

Joulin et al. 2017, Bag of Tricks for Efficient Text Classification, arXiv:1607.01759 (fastText's classifier), with
differences: an n-gram counts once a text; only buckets that training rows fill have a row, so what no training
row holds takes no part; and in training each n-gram of a text is left out with a probability (Iyyer et al. 2015,
section 3.2, of words). Steps are plain SGD, a text each, the rate falling in a line to 0. Prediction needs numpy alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from headway.core.config import Config
from headway.core.errors import TrainingError
from headway.core.files import read_json, write_json
from headway.core.progress import Progress
from headway.core.seeding import derive, generator
from headway.core.tensors import load_arrays, save_arrays
from headway.models.hashed_ngrams import Buckets, hashed_ngrams

_FILE = "embedding_bag.json"
_ARRAYS = "embedding_bag.safetensors"
_TEXTS_AT_ONCE = 1024  # when predicting


@dataclass(frozen=True, kw_only=True)
class EmbeddingBagConfig(Config):
    """What is hashed and how it is trained.

    Chosen on parts held out from the training rows of trec (all and 500), sst2, banking77, sms_spam and nsmc: within
    half a point, on average, of 1 to 3 words, characters from 2 to 6, 16 to 64 dimensions; SGD over Adagrad.
    """

    word_ngrams: int = 2  # the longest
    character_ngrams: tuple[int, int] = (3, 5)
    buckets: int = 1 << 22
    min_rows: int = 1  # a bucket has a row when this many training texts fill it
    max_rows: int = 1 << 18  # of the table; the rarest buckets go first
    d_model: int = 32
    epochs: int = 20
    learning_rate: float = 0.5
    left_out: float = 0.5  # of a text's n-grams, in a step


class EmbeddingBag:
    """The fitted classifier."""

    opens_with: ClassVar[str | None] = None
    kind: ClassVar[str] = "embedding_bag"

    def __init__(
        self,
        config: EmbeddingBagConfig,
        labels: tuple[str, ...],
        buckets: np.ndarray,
        table: np.ndarray,
        weights: np.ndarray,
        bias: np.ndarray,
    ) -> None:
        self.config = config
        self.labels = labels
        self.buckets = buckets  # [F] int32, ascending: those that have a row
        self.table = table  # [F, D]
        self.weights = weights  # [C, D]
        self.bias = bias  # [C]

    @classmethod
    def fit(
        cls,
        labels: tuple[str, ...],
        texts: Sequence[str],
        targets: np.ndarray,
        config: EmbeddingBagConfig,
        seed: int,
        progress: Progress,
    ) -> Self:
        """Train; ``targets`` [B] are indexes into ``labels``. The same seed gives the same bytes.

        Raises TrainingError where no text holds an n-gram.
        """
        from headway.models.embedding_bag_steps import train_epoch

        found = _hashed(texts, config)
        kept = _kept(found, config)
        if not len(kept):
            raise TrainingError(f"no n-gram stands in {config.min_rows} texts", where="embeddings")
        shape = (len(kept), config.d_model)
        table = generator(seed, "table").uniform(-1 / config.d_model, 1 / config.d_model, shape)
        bag = cls(
            config,
            labels,
            kept,
            table.astype(np.float32),
            np.zeros((len(labels), config.d_model), np.float32),
            np.zeros(len(labels), np.float32),
        )
        rows, starts = bag._rows(found)
        rates = np.linspace(config.learning_rate, 0, config.epochs * len(texts), endpoint=False)
        rates = rates.reshape(config.epochs, len(texts))
        progress.begin("epochs", config.epochs, "epochs")
        for epoch in range(config.epochs):
            loss = train_epoch(
                rows,
                starts,
                targets.astype(np.int64),
                generator(seed, "order", epoch).permutation(len(texts)),
                (bag.table, bag.weights, bag.bias),
                rates[epoch],
                config.left_out,
                np.uint64(derive(seed, "left out", epoch)),
            )
            progress.advance(note=f"loss {loss:.3f}")
        progress.end()
        return bag

    @property
    def parameters(self) -> int:
        """The number of fitted values."""
        return int(self.table.size + self.weights.size + self.bias.size)

    @property
    def settings(self) -> dict[str, Any]:
        """The configuration and the number of n-grams kept."""
        return self.config.to_dict() | {"kept_ngrams": len(self.buckets)}

    def cut(self, texts: Sequence[str]) -> int:
        """Return 0: texts of any length are read whole."""
        return 0

    def vectors(self, texts: Sequence[str]) -> np.ndarray:
        """Return the mean of each text's rows, [B, D]; zeros where it has none."""
        rows, starts = self._rows(_hashed(texts, self.config))
        return means(self.table, rows, starts)

    def predict(self, texts: Sequence[str]) -> np.ndarray:
        """Return [B, C]."""
        parts = [np.empty((0, len(self.labels)))]
        for start in range(0, len(texts), _TEXTS_AT_ONCE):
            vectors = self.vectors(texts[start : start + _TEXTS_AT_ONCE]).astype(np.float64)
            logits = vectors @ self.weights.T + self.bias
            powers = np.exp(logits - logits.max(axis=1, keepdims=True))
            parts.append(powers / powers.sum(axis=1, keepdims=True))
        return np.concatenate(parts)

    def _rows(self, found: Buckets) -> tuple[np.ndarray, np.ndarray]:
        """Return the table's rows of all texts, end to end, and where each text's begin [B + 1]."""
        places = np.minimum(np.searchsorted(self.buckets, found.values), len(self.buckets) - 1)
        known = self.buckets[places] == found.values
        owners = np.repeat(np.arange(len(found.lengths)), found.lengths)[known]
        counts = np.bincount(owners, minlength=len(found.lengths))
        return places[known], np.concatenate([[0], np.cumsum(counts)])

    def save(self, folder: Path) -> None:
        """Write ``embedding_bag.json`` and ``embedding_bag.safetensors``."""
        write_json(folder / _FILE, {"labels": self.labels, "config": self.config.to_dict()})
        save_arrays(
            folder / _ARRAYS,
            {"buckets": self.buckets, "table": self.table, "weights": self.weights, "bias": self.bias},
        )

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what ``save`` wrote."""
        stored: dict[str, Any] = read_json(folder / _FILE)
        config = {key: tuple(v) if isinstance(v, list) else v for key, v in stored["config"].items()}
        return cls(
            EmbeddingBagConfig.from_dict(config), tuple(stored["labels"]), **load_arrays(folder / _ARRAYS)
        )


def means(table: np.ndarray, rows: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Return the mean of each text's rows of a table [F, D]: [B, D], zeros for a text without any."""
    counts = np.diff(starts)
    found = np.zeros((len(counts), table.shape[1]), np.float32)
    some = counts > 0
    if some.any():
        sums = np.add.reduceat(table[rows], starts[:-1][some], axis=0)
        found[some] = sums / counts[some, None]
    return found


def _hashed(texts: Sequence[str], config: EmbeddingBagConfig) -> Buckets:
    return hashed_ngrams(texts, config.word_ngrams, config.character_ngrams, config.buckets)


def _kept(found: Buckets, config: EmbeddingBagConfig) -> np.ndarray:
    """Return the buckets that get a row, ascending."""
    texts = np.bincount(found.values, minlength=config.buckets)
    kept = np.flatnonzero(texts >= config.min_rows)
    if len(kept) > config.max_rows:
        kept = np.sort(kept[np.argsort(-texts[kept], kind="stable")[: config.max_rows]])
    return kept.astype(np.int32)
