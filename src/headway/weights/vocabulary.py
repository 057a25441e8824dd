"""A model's rows for another vocabulary: those of the words that it knows, and for the others their mean (ULMFiT)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from headway.core.errors import UsageError
from headway.models.awd_lstm import AwdLstm, AwdLstmLanguageModel


def transfer_rows(rows: Tensor, old: Sequence[str], new: Sequence[str]) -> tuple[Tensor, int]:
    """Return the rows [V', ...] of the new words, given those [V, ...] of the old, and how many words were unseen.

    Raises UsageError when there are not as many rows as old words.
    """
    if len(rows) != len(old):
        raise UsageError(f"{len(old):,} words, but {len(rows):,} rows", where="vocabulary")
    places = {word: place for place, word in enumerate(old)}
    known = torch.tensor([word in places for word in new])
    index = torch.tensor([places.get(word, 0) for word in new])
    moved = torch.where(known.view(-1, *[1] * (rows.ndim - 1)), rows[index], rows.mean(dim=0, keepdim=True))
    return moved, int((~known).sum())


def with_vocabulary(
    model: AwdLstmLanguageModel, old: Sequence[str], new: Sequence[str]
) -> tuple[AwdLstmLanguageModel, int]:
    """Return a copy of the model that reads and writes the new words, and how many of them it had not seen."""
    config = type(model.config).from_dict(model.config.to_dict() | {"vocab_size": len(new)})
    moved = AwdLstmLanguageModel(AwdLstm(config)).to(model.bias)
    state = model.state_dict()
    unseen = 0
    with torch.no_grad():
        for name in ("backbone.embeddings.word.weight", "bias"):
            state[name], unseen = transfer_rows(state[name], old, new)
        moved.load_state_dict(state)
    return moved, unseen
