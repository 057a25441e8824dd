"""An n-gram model with its tokenizer: from texts to counts, perplexity, and a folder or an ARPA file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from headway.core.errors import WeightsError
from headway.core.files import atomic_folder, read_json, write_json
from headway.core.tensors import load_arrays, save_arrays
from headway.data import units
from headway.data.corpus import Corpus
from headway.data.tokenizers import END
from headway.metrics.perplexity import Perplexity, of_text
from headway.models.ngram_lm import MAX_ORDER, Discounts, Level, NgramModel
from headway.tasks.tokenizer_files import AnyTokenizer, tokenizer_in
from headway.weights import arpa

SETTINGS = "ngrams.json"
ARRAYS = "ngrams.safetensors"
FORMAT = 1


@dataclass(frozen=True)
class NgramText:
    """An n-gram model of texts. by_line: each line that is not blank is a sequence of its own, which ends with the
    tokenizer's token for the end, if it has one; otherwise a whole text is one.
    """

    model: NgramModel
    tokenizer: AnyTokenizer
    by_line: bool

    @classmethod
    def fit(
        cls, texts: Sequence[str], tokenizer: AnyTokenizer, *, order: int = MAX_ORDER, by_line: bool = False
    ) -> Self:
        """Count and smooth; each text is a document. Raises UsageError on another order than 1 to 5, or no text."""
        sequences = _sequences(texts, tokenizer, by_line)
        return cls(NgramModel.fit(sequences, tokenizer.vocab_size, order), tokenizer, by_line)

    @classmethod
    def of_words(cls, corpus: Corpus, order: int = MAX_ORDER) -> Self:
        """Fit on the words of a corpus, line by line."""
        return cls.fit(corpus.lines, units.words_of(corpus.lines), order=order, by_line=True)

    @classmethod
    def of_characters(cls, corpus: Corpus, order: int = MAX_ORDER) -> Self:
        """Fit on the characters of a corpus, line ends included."""
        texts = corpus.texts
        return cls.fit(texts, units.characters_of(texts), order=order)

    @staticmethod
    def is_at(source: str | Path) -> bool:
        """Return whether a path leads to an n-gram model: an ARPA file, or a folder that `save` wrote."""
        path = Path(source)
        return path.is_file() or (path / SETTINGS).is_file()

    @classmethod
    def open(cls, source: str | Path) -> Self:
        """Read an ARPA file or a folder. Raises DataError, RunError, WeightsError."""
        path = Path(source)
        if path.is_dir():
            return cls._load(path)
        model, words = arpa.read_arpa(path)
        pieces = [END if word == arpa.END else word for word in words]
        return cls(model, units.word_tokenizer(pieces), by_line=True)

    def perplexity(self, text: str) -> Perplexity:
        """Return how well the model predicts a text: every token of it and, where it knows them, the ends of lines.

        Raises UsageError on a text with nothing to predict.
        """
        sequences = _sequences([text], self.tokenizer, self.by_line)
        nats = -sum(float(self.model.log_probabilities(ids).sum()) for ids in sequences)
        unknown = sum(int((ids == self.tokenizer.unknown).sum()) for ids in sequences)
        return of_text(text, nats, sum(len(ids) for ids in sequences), unknown=unknown)

    def save(self, folder: Path) -> None:
        """Write a new folder, whole or not at all."""
        with atomic_folder(folder) as temporary:
            settings = {
                "format": FORMAT,
                "order": self.model.order,
                "vocab_size": self.model.vocab_size,
                "by_line": self.by_line,
                "discounts": [discounts._asdict() for discounts in self.model.discounts],
            }
            write_json(temporary / SETTINGS, settings)
            save_arrays(temporary / ARRAYS, _arrays(self.model))
            self.tokenizer.save(temporary)

    def save_arpa(self, path: Path) -> None:
        """Write an ARPA file. Raises UsageError where the tokenizer has pieces that it cannot hold."""
        pieces = self.tokenizer.vocabulary
        words = [arpa.END if self.by_line and piece == END else piece for piece in pieces]
        arpa.write_arpa(path, self.model, words)

    @classmethod
    def _load(cls, folder: Path) -> Self:
        settings: dict[str, Any] = read_json(folder / SETTINGS)
        if settings.get("format") != FORMAT:
            raise WeightsError(
                f"has the format {settings.get('format')!r}, this version reads {FORMAT}", where=str(folder)
            )
        arrays = load_arrays(folder / ARRAYS)
        try:
            levels = [
                Level(*(arrays[f"{n}.{name}"] for name in Level.__dataclass_fields__))
                for n in range(1, settings["order"] + 1)
            ]
            discounts = [Discounts(**values) for values in settings["discounts"]]
            model = NgramModel(levels, settings["vocab_size"], discounts)
            return cls(model, tokenizer_in(folder), settings["by_line"])
        except (KeyError, TypeError) as error:
            raise WeightsError(f"is damaged: {error} is missing", where=str(folder)) from error


def _arrays(model: NgramModel) -> dict[str, np.ndarray]:
    return {
        f"{n}.{name}": getattr(level, name)
        for n, level in enumerate(model.levels, 1)
        for name in Level.__dataclass_fields__
    }


def _sequences(texts: Iterable[str], tokenizer: AnyTokenizer, by_line: bool) -> list[np.ndarray]:
    """Return the ids of each text or, by line, of each line that is not blank, with the end."""
    if not by_line:
        return tokenizer.pieces(list(texts))
    lines = [line for text in texts for line in text.split("\n") if line.strip()]
    end = [] if tokenizer.end is None else [tokenizer.end]
    return [np.concatenate([ids, np.array(end, ids.dtype)]) for ids in tokenizer.pieces(lines)]
