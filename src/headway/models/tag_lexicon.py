"""The lowest rung of tagging: each word gets the tags that it had in training, the commonest first.

The baseline of the CoNLL shared tasks is of this kind (Tjong Kim Sang & De Meulder 2003, section 2.4). A word that
training does not have gets the tags' overall shares, and so is outside of spans where most words are.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from headway.core.errors import RunError
from headway.core.files import read_json, write_json
from headway.core.tensors import load_arrays, own_lengths, save_arrays

_FILE, _ARRAYS = "tag_lexicon.json", "tag_lexicon.safetensors"


class TagLexicon:
    """How often each word had each tag."""

    opens_with: ClassVar[str | None] = None
    kind: ClassVar[str] = "tag_lexicon"

    def __init__(self, labels: tuple[str, ...], words: Sequence[str], counts: np.ndarray) -> None:
        self.labels = labels
        self.words = list(words)
        self.counts = counts  # [V + 1, C], of all words together in the last row
        self._shares = counts / counts.sum(axis=1, keepdims=True)
        self._index = {word: row for row, word in enumerate(self.words)}

    @classmethod
    def fit(cls, labels: tuple[str, ...], sentences: Sequence[Sequence[str]], targets: np.ndarray) -> Self:
        """Count; ``targets`` are [B] arrays of indexes into ``labels``, one for each word."""
        words = sorted({word for sentence in sentences for word in sentence})
        index = {word: row for row, word in enumerate(words)}
        counts = np.zeros((len(words) + 1, len(labels)))
        rows = np.array([index[word] for sentence in sentences for word in sentence])
        np.add.at(counts, (rows, np.concatenate(list(targets))), 1)
        counts[-1] = counts.sum(axis=0)
        return cls(labels, words, counts)

    @property
    def parameters(self) -> int:
        """The number of counts."""
        return self.counts.size

    @property
    def settings(self) -> dict[str, Any]:
        """How many words there are."""
        return {"words": len(self.words)}

    def cut(self, sentences: Sequence[Sequence[str]]) -> int:
        """Return 0: sentences of any length are read whole."""
        return 0

    def predict(self, sentences: Sequence[Sequence[str]]) -> np.ndarray:
        """Return each word's shares of the tags, [B] arrays [W, C]."""
        unknown = len(self.words)
        rows = ([self._index.get(word, unknown) for word in sentence] for sentence in sentences)
        return own_lengths((self._shares[found] for found in rows), len(sentences))

    def save(self, folder: Path) -> None:
        """Write ``tag_lexicon.json`` and ``tag_lexicon.safetensors``."""
        write_json(folder / _FILE, {"labels": self.labels, "words": self.words}, indent=None)
        save_arrays(folder / _ARRAYS, {"counts": self.counts})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what ``save`` wrote. Raises RunError where the words do not fit the counts."""
        stored = read_json(folder / _FILE)
        counts = load_arrays(folder / _ARRAYS)["counts"]
        if counts.shape != (len(stored["words"]) + 1, len(stored["labels"])):
            raise RunError(
                f"holds {len(stored['words']):,} words for {len(counts):,} rows", where=str(folder / _FILE)
            )
        return cls(tuple(stored["labels"]), stored["words"], counts)
