"""Training only the rows of the token embedding that the texts hold: the others' gradient is zero at every step."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn


class UsedRows(nn.Module):
    """Stands in an embedding's place with the rows that a training uses; asking for another is an IndexError.

    ``weight`` [used + 1, D] ends in a row of ones that no text holds. The optimizer treats it as it would treat every
    row without a gradient (with AdamW: weight decay), so in the end it tells what has become of them.
    """

    def __init__(self, whole: nn.Embedding, used: Tensor) -> None:
        super().__init__()
        place = torch.full((whole.num_embeddings,), len(used) + 1, device=used.device)
        place[used] = torch.arange(len(used), device=used.device)
        self.register_buffer("place", place, persistent=False)
        witness = whole.weight.new_ones(1, whole.embedding_dim)
        rows = torch.cat([whole.weight.detach()[used], witness])
        self.weight = nn.Parameter(rows, requires_grad=whole.weight.requires_grad)

    def forward(self, ids: Tensor) -> Tensor:
        """Look ids up, of any shape."""
        return F.embedding(cast("Tensor", self.place)[ids], self.weight)

    def put_back(self, whole: nn.Embedding, used: Tensor) -> None:
        """Write the trained rows into the embedding, and do to its other rows what was done to the row of ones."""
        with torch.no_grad():
            *_, witness = self.weight
            whole.weight.mul_(witness)
            whole.weight[used] = self.weight[:-1]


@contextmanager
def used_rows(model: nn.Module, vocab_size: int, ids: Iterable[np.ndarray]) -> Iterator[None]:
    """Let a model's token embedding have only the rows of ``ids`` for as long as this lasts.

    Equal to training all of them, up to the rounding of the decay; gradients, optimizer and checkpoints shrink to the
    words that there are. Parameters must be collected inside. Does nothing where no embedding has ``vocab_size`` rows,
    or where its matrix serves elsewhere in the model too.
    """
    found = _token_embedding(model, vocab_size)
    if found is None:
        yield
        return
    parent, name, whole = found
    used = torch.from_numpy(np.unique(np.concatenate(list(ids)))).long().to(whole.weight.device)
    rows = UsedRows(whole, used)
    setattr(parent, name, rows)
    try:
        yield
    finally:
        rows.put_back(whole, used)
        setattr(parent, name, whole)


def _token_embedding(model: nn.Module, vocab_size: int) -> tuple[nn.Module, str, nn.Embedding] | None:
    """Return the embedding of so many rows and where it is, if there is one and nothing shares its matrix."""
    for path, module in model.named_modules():
        if isinstance(module, nn.Embedding) and module.num_embeddings == vocab_size:
            uses = [p for _, p in model.named_parameters(remove_duplicate=False) if p is module.weight]
            parent, _, name = path.rpartition(".")
            return (model.get_submodule(parent), name, module) if len(uses) == 1 else None
    return None
