"""Whether a tokenizer suits the user's texts: one made for other languages gives unknown pieces, or crumbs."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from headway.data.characters import CharacterTokenizer
from headway.tasks.tokenizer_files import AnyTokenizer

MOST_UNKNOWN = 0.05  # of the pieces
MOST_PIECES = 4.0  # of a word
SAMPLE = 500  # texts
# Chinese characters and Japanese syllables are words each, since no space parts them.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\W\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+")


@dataclass(frozen=True)
class TokenizerFit:
    """What share of the pieces is unknown, and how many pieces a word has."""

    unknown: float
    pieces: float

    @property
    def problem(self) -> str | None:
        """What speaks against the tokenizer, in words; None: nothing."""
        if self.unknown > MOST_UNKNOWN:
            return f"its tokenizer does not know {self.unknown:.0%} of these texts' pieces"
        if self.pieces > MOST_PIECES:
            return f"its tokenizer cuts these texts' words into {self.pieces:.1f} pieces each"
        return None


def tokenizer_fit(reader: AnyTokenizer | CharacterTokenizer, texts: Sequence[str]) -> TokenizerFit:
    """Measure a sample of the texts, taken evenly; what reads characters suits everything."""
    if isinstance(reader, CharacterTokenizer):
        return TokenizerFit(0.0, 1.0)
    chosen = [texts[at] for at in np.linspace(0, len(texts) - 1, min(SAMPLE, len(texts))).astype(int)]
    pieces = np.concatenate([np.empty(0, np.int32), *reader.pieces(chosen)])
    words = sum(len(_WORD.findall(text)) for text in chosen)
    unknown = 0 if reader.unknown is None else int((pieces == reader.unknown).sum())
    return TokenizerFit(unknown / max(len(pieces), 1), len(pieces) / max(words, 1))
