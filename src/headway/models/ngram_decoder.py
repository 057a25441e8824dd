"""An n-gram model as a decoder, so that whatever draws, searches or scores with a language model takes it too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from headway.blocks.cache import Cache
from headway.blocks.ragged import Ragged, Tokens
from headway.core.config import Config
from headway.core.errors import UsageError
from headway.models.ngram_lm import NgramModel


@dataclass(frozen=True, kw_only=True)
class NgramConfig(Config):
    """Its size. Of an n-gram model there is nothing else to say beforehand."""

    vocab_size: int
    order: int


@dataclass(frozen=True)
class Histories(Cache):
    """The tokens that each row has taken in."""

    rows: tuple[tuple[int, ...], ...] = ()

    def select(self, rows: Sequence[int]) -> Histories:
        """Return the histories of these rows, in this order."""
        return _histories([self.rows[row] for row in rows])


def _histories(rows: Sequence[tuple[int, ...]]) -> Histories:
    return Histories(past=(), lengths=tuple(len(row) for row in rows), rows=tuple(rows))


class NgramDecoder(nn.Module):
    """Keeps the contract of `models.base.LanguageModel`; ``end``: the token after which a new sequence begins."""

    context = None

    def __init__(self, model: NgramModel, end: int | None) -> None:
        super().__init__()
        self.ngrams = model
        self.end = end
        self.config = NgramConfig(vocab_size=model.vocab_size, order=model.order)
        self.register_buffer("device_of_logits", torch.empty(0), persistent=False)

    def start(self, rows: int, memory: Ragged | None = None) -> Cache:
        """Return empty histories. Raises UsageError on a memory: there is no encoder."""
        if memory is not None:
            raise UsageError("an n-gram model has no encoder", where="memory")
        return _histories([()] * rows)

    def step(self, batch: Tokens, cache: Cache) -> tuple[Tensor, Cache]:
        """Take in each row's new tokens and return ln p of every next one, [B, V]."""
        assert isinstance(cache, Histories)
        if len(batch.lengths) != len(cache.rows):
            raise UsageError(
                f"{len(batch.lengths)} rows of new tokens, but the cache holds {len(cache.rows)}",
                where="cache",
            )
        new = _histories([(*old, *row) for old, row in zip(cache.rows, _rows(batch), strict=True)])
        return self._logits(new.rows), new

    def logits(self, batch: Tokens) -> Tensor:
        """Return ln p of every next token after each token, [N, V]."""
        return self._logits([row[: end + 1] for row in _rows(batch) for end in range(len(row))])

    def _logits(self, histories: Sequence[Sequence[int]]) -> Tensor:
        scores = np.stack([self.ngrams.distribution(self._sequence(history)) for history in histories])
        return torch.from_numpy(scores).log().to(self.get_buffer("device_of_logits").device)

    def _sequence(self, history: Sequence[int]) -> Sequence[int]:
        """Return what of a history belongs to the sequence that it ends in."""
        ends = [place for place, token in enumerate(history) if token == self.end]
        return history[ends[-1] + 1 :] if ends else history


def _rows(batch: Tokens) -> list[tuple[int, ...]]:
    return [tuple(row.tolist()) for row in torch.split(batch.values, list(batch.lengths.sizes))]
