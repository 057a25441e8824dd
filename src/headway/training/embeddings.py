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
def used_rows(model: nn.Module, table: nn.Embedding | None, ids: Iterable[np.ndarray]) -> Iterator[None]:
    """Let a model's word table (`Backbone.word_table`) have only the rows of ``ids`` for as long as this lasts.

    Equal to training all of them, up to the rounding of the decay; gradients, optimizer and checkpoints shrink to the
    words that there are. Parameters must be collected inside. Does nothing without a table, or where its matrix serves
    elsewhere in the model too.
    """
    place = None if table is None else _place(model, table)
    if table is None or place is None:
        yield
        return
    used = torch.from_numpy(np.unique(np.concatenate(list(ids)))).long().to(table.weight.device)
    rows = UsedRows(table, used)
    setattr(*place, rows)
    try:
        yield
    finally:
        rows.put_back(table, used)
        setattr(*place, table)


def _place(model: nn.Module, table: nn.Embedding) -> tuple[nn.Module, str] | None:
    """Return the module that holds the table and its name there; None where another parameter is the same matrix."""
    uses = [p for _, p in model.named_parameters(remove_duplicate=False) if p is table.weight]
    if len(uses) != 1:
        return None
    path = next(path for path, module in model.named_modules() if module is table)
    parent, _, name = path.rpartition(".")
    return model.get_submodule(parent), name
