"""Perplexity: how well a language model predicts a text, per token, per word and per character."""

import math
from dataclasses import dataclass

from headway.core.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Perplexity:
    """What a text costs a model: ``nats`` = -ln p(text), and what it can be spread over.

    Perplexities per token are comparable between models of one vocabulary only; those per word and per character, and
    bits per character, between all. Raises UsageError when there is nothing to spread over.
    """

    nats: float
    tokens: int  # that were predicted
    words: int  # separated by white space
    characters: int
    unpredicted: int = 0  # first tokens that had nothing before them; their cost is not in ``nats``
    unknown: int = (
        0  # tokens that stand for anything the vocabulary lacks; what they spell is not in ``nats``
    )

    def __post_init__(self) -> None:
        if min(self.tokens, self.words, self.characters) < 1:
            raise UsageError("no words to score", where="text", remedy="Give a text of at least two tokens.")

    @property
    def per_token(self) -> float:
        """exp(nats / tokens)."""
        return math.exp(self.nats / self.tokens)

    @property
    def per_word(self) -> float:
        """exp(nats / words); infinite where that is beyond a float."""
        return math.exp(self.nats / self.words) if self.nats / self.words < 709 else math.inf

    @property
    def per_character(self) -> float:
        """exp(nats / characters)."""
        return math.exp(self.nats / self.characters)

    @property
    def bits_per_character(self) -> float:
        """nats / characters / ln 2."""
        return self.nats / self.characters / math.log(2)


def of_text(text: str, nats: float, tokens: int, unpredicted: int = 0, unknown: int = 0) -> Perplexity:
    """Return the perplexity of a text whose tokens cost so many nats together."""
    return Perplexity(
        nats=nats,
        tokens=tokens,
        words=len(text.split()),
        characters=len(text),
        unpredicted=unpredicted,
        unknown=unknown,
    )
