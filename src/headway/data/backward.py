"""Tokenizers that read a text from its end, for language models that are trained backward (Howard and Ruder 2018)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from headway.core.files import read_json
from headway.data.tokenizers import Encoded, Tokenizer

CONFIG = "tokenizer_config.json"
_DIRECTION = {"direction": "backward"}  # our key in it; transformers passes over what it does not know


class BackwardTokenizer(Tokenizer):
    """The same ids in the opposite order; a text that is too long still loses its end, not its beginning."""

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> Self:
        """Return one that cuts texts as this tokenizer does."""
        return cls(tokenizer._tokenizer)

    @property
    def backward(self) -> bool:
        """True."""
        return True

    def pieces(self, texts: Sequence[str]) -> list[np.ndarray]:
        """Return each text's ids, its last one first."""
        return [ids[::-1].copy() for ids in super().pieces(texts)]

    def encode(self, texts: Sequence[str], max_tokens: int) -> Encoded:
        """Turn texts into ids, the last one first. For errors see `Tokenizer.encode`."""
        encoded = super().encode(texts, max_tokens)
        return Encoded([ids[::-1].copy() for ids in encoded.ids], encoded.cut)

    def decode(self, ids: Sequence[int] | np.ndarray, *, special: bool = False) -> str:
        """Turn ids back into the text as it is read. Raises UsageError on an unknown id."""
        return super().decode(ids[::-1], special=special)

    def _published(self) -> dict[str, Any]:
        return super()._published() | _DIRECTION


def load_tokenizer(path: Path) -> Tokenizer:
    """Read a `tokenizer.json` in the direction that the `tokenizer_config.json` beside it states, if one does.

    Raises DataError, RunError.
    """
    config = path.parent / CONFIG
    stored = read_json(config) if config.is_file() else {}
    backward = isinstance(stored, dict) and stored.get("direction") == _DIRECTION["direction"]
    return (BackwardTokenizer if backward else Tokenizer).load(path)
