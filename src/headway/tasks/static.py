"""Distilled vectors as a predictor: n-grams beside the weighted mean of a static table's rows, one linear layer.

The table comes from a pretrained encoder (`tasks.static_table`); a text's vector is the mean of its tokens' rows, each
weighted by a / (a + p), p being the token's share of the training texts (Arora et al. 2017). It knows what words
mean, and nothing of their order; the n-grams beside it do. The mean is scaled to deviation 1 and length about 1, as the
n-grams' blocks have. Prediction needs no torch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from headway.core.config import Config
from headway.core.files import read_json, write_json
from headway.core.progress import Progress
from headway.core.tensors import load_arrays, save_arrays
from headway.data.tokenizers import FILE, Tokenizer
from headway.models.bag import Bag, BagConfig
from headway.models.embedding_bag import means

_FILE = "static.json"
_ARRAYS = "static.safetensors"


@dataclass(frozen=True, kw_only=True)
class StaticConfig(Config):
    """Chosen on parts held out from the training rows of trec (all and 500) and sst2."""

    a: float = 1e-3


@dataclass(frozen=True, eq=False)
class StaticMean:
    """What makes a text a vector: the table [V, D] float16, each token's weight [V], and the scale of the means [D]."""

    table: np.ndarray
    weights: np.ndarray
    centre: np.ndarray
    scale: np.ndarray

    @classmethod
    def fit(cls, table: np.ndarray, ids: Sequence[np.ndarray], a: float) -> Self:
        """Count the tokens of the training texts and scale their means."""
        counts = np.bincount(np.concatenate([np.empty(0, np.int32), *ids]), minlength=len(table))
        weights = (a / (a + counts / max(counts.sum(), 1))).astype(np.float32)
        size = table.shape[1]
        plain = cls(table, weights, np.zeros(size, np.float32), np.ones(size, np.float32))
        found = plain.of(ids)
        deviation = found.std(axis=0)
        deviation[deviation == 0] = 1
        return cls(table, weights, found.mean(axis=0), 1 / (deviation * np.float32(np.sqrt(size))))

    def of(self, ids: Sequence[np.ndarray]) -> np.ndarray:
        """Return each text's vector, [B, D]."""
        flat = np.concatenate([np.empty(0, np.int32), *ids]).astype(np.int64)
        rows = self.table[flat].astype(np.float32) * self.weights[flat, None]
        found = means(rows, np.arange(len(flat)), np.cumsum([0, *map(len, ids)]))
        scaled: np.ndarray = (found - self.centre) * self.scale
        return scaled


class StaticClassifier:
    """The fitted classifier."""

    opens_with: ClassVar[str | None] = None
    kind: ClassVar[str] = "static"

    def __init__(self, config: StaticConfig, tokenizer: Tokenizer, mean: StaticMean, bag: Bag) -> None:
        self.config = config
        self.tokenizer = tokenizer
        self.mean = mean
        self.bag = bag

    @classmethod
    def fit(
        cls,
        labels: tuple[str, ...],
        texts: Sequence[str],
        targets: np.ndarray,
        table: np.ndarray,
        tokenizer: Tokenizer,
        config: StaticConfig,
        ngrams: BagConfig,
        seed: int,
        progress: Progress,
    ) -> Self:
        """Fit n-grams and vectors together; ``targets`` [B] are indexes into ``labels``."""
        ids = tokenizer.pieces(texts)
        mean = StaticMean.fit(table, ids, config.a)
        bag = Bag.fit(labels, texts, targets, ngrams, seed, progress, beside=mean.of(ids))
        return cls(config, tokenizer, mean, bag)

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the classes."""
        return self.bag.labels

    @property
    def parameters(self) -> int:
        """The number of values, the table's among them."""
        return self.mean.table.size + self.bag.parameters

    @property
    def settings(self) -> dict[str, Any]:
        """Those of the n-grams, the weighting, and the table's size."""
        tokens, size = self.mean.table.shape
        return self.bag.settings | self.config.to_dict() | {"tokens": tokens, "d_model": size}

    def cut(self, texts: Sequence[str]) -> int:
        """Return 0: texts of any length are read whole."""
        return 0

    def predict(self, texts: Sequence[str]) -> np.ndarray:
        """Return [B, C]."""
        return self.bag.predict(texts, self.mean.of(self.tokenizer.pieces(texts)))

    def save(self, folder: Path) -> None:
        """Write the n-grams' files, the tokenizer, ``static.json`` and ``static.safetensors``."""
        self.bag.save(folder)
        self.tokenizer.save(folder)
        write_json(folder / _FILE, self.config.to_dict())
        save_arrays(folder / _ARRAYS, vars(self.mean))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what ``save`` wrote."""
        config = StaticConfig.from_dict(read_json(folder / _FILE))
        mean = StaticMean(**load_arrays(folder / _ARRAYS))
        return cls(config, Tokenizer.load(folder / FILE), mean, Bag.load(folder))
