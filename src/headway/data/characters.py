"""Words as rows of character ids, for ELMo (Peters et al. 2018): `core.characters` says which ids."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from headway.core import characters
from headway.core.errors import DataError, UsageError
from headway.core.files import read_json, write_json
from headway.data.tokenizers import Encoded, Located
from headway.data.words import PATTERN, split_words, word_spans

FILE = "characters.json"
_FORMAT = 1


class CharacterTokenizer:
    """Cuts texts into words (`data.words`) and words into the bytes of their UTF-8, in ELMo's ids.

    width: ids of a word, its two marks included. A word of more bytes than width - 2 loses its end.
    """

    vocab_size = characters.COUNT

    def __init__(self, width: int = characters.WIDTH) -> None:
        self.width = width

    @property
    def end(self) -> None:
        """ELMo itself puts the marks of a sentence around a text: no id stands between texts."""
        return None

    @property
    def backward(self) -> bool:
        """False: it reads in the order of the text; ELMo does both by itself."""
        return False

    @property
    def reads(self) -> str:
        """How texts are cut: ELMo came with words that were cut before."""
        return f"words and marks (apostrophes stay in words), {self.width - 2} bytes of each"

    @property
    def nothing(self) -> np.ndarray:
        """What stands for a text without a word: one word without a character, [1, width]."""
        return self.words([""])

    def words(self, words: Sequence[str]) -> np.ndarray:
        """Return the ids of words that are cut already, int64 [words, width]."""
        rows = [characters.frame(_bytes(word), self.width) for word in words]
        return np.array(rows, np.int64).reshape(len(rows), self.width)

    def located(self, texts: Sequence[str]) -> list[Located]:
        """Return each text's words' ids and where they stand. Raises DataError on a text that is no Unicode."""
        found = []
        for text in texts:
            spans = word_spans(text)
            ids = self.words([text[first:last] for first, last in spans])
            found.append(Located(ids, np.array(spans, np.int64).reshape(-1, 2)))
        return found

    def encode(self, texts: Sequence[str], max_tokens: int) -> Encoded:
        """Turn texts into words' ids [words, width]; ``cut`` counts those with more than max_tokens words, or with a
        word that is too long.

        Raises UsageError when max_tokens leaves no room, DataError on a text that is no Unicode.
        """
        if max_tokens < 1:
            raise UsageError(f"max_tokens must be at least 1, found {max_tokens}", where="max_tokens")
        ids: list[np.ndarray] = []
        cut = 0
        for text in texts:
            words = split_words(text)
            kept = words[:max_tokens]
            long = any(
                len(word) > (self.width - 2) // 4 and len(_bytes(word)) > self.width - 2 for word in kept
            )
            cut += len(words) > max_tokens or long
            ids.append(self.words(kept))
        return Encoded(ids, cut)

    def save(self, folder: Path, *, max_tokens: int) -> None:
        """Write `characters.json`, which says how words are cut."""
        stored = {"format": _FORMAT, "words": PATTERN, "width": self.width, "max_tokens": max_tokens}
        write_json(folder / FILE, stored)

    @classmethod
    def load(cls, path: Path) -> CharacterTokenizer:
        """Read what `save` wrote; raises DataError on another way to cut words."""
        stored = read_json(path)
        if stored.get("format") != _FORMAT or stored.get("words") != PATTERN:
            raise DataError("cuts words in a way that this version does not know", where=str(path))
        return cls(int(stored["width"]))


def _bytes(word: str) -> bytes:
    try:
        return word.encode()
    except UnicodeEncodeError as error:
        raise DataError(f"is not valid Unicode at character {error.start}", where=repr(word)) from error
