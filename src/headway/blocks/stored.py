"""A model's weights held in few bytes for decoding, and its steps done by compiled kernels."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import accumulate

import numpy as np
import torch
from torch import nn

from headway.blocks.attention import SelfAttention
from headway.blocks.embedding import WordEmbedding
from headway.blocks.stored_layer import StoredLayer
from headway.blocks.stored_matrix import MOST_VECTORS, STORAGES, StoredEmbedding, StoredLinear, StoredMatrix
from headway.blocks.transformer import TransformerLayer
from headway.core.errors import UsageError


def store_weights(model: nn.Module, storage: str) -> None:
    """Hold a model's matrices and word embeddings in few bytes from here on, and decode with compiled kernels.

    In place; the model can no longer be trained or saved. As many threads as torch has now. Raises UsageError on an
    unknown storage, and unless the model is on the CPU and in float32.
    """
    if storage not in STORAGES:
        raise UsageError(
            f"unknown storage {storage!r}", where="weights", remedy=f"Known: {', '.join(STORAGES)}."
        )
    found = {f"{parameter.dtype} on {parameter.device.type}" for parameter in model.parameters()}
    if found != {"torch.float32 on cpu"}:
        raise UsageError(
            f"only a network in float32 on the CPU can hold its weights as {storage}, found "
            f"{', '.join(sorted(found)) or 'no network'}",
            where="weights",
            remedy="Use the device cpu, or leave the option out.",
        )
    threads = torch.get_num_threads()
    model.requires_grad_(False).eval()
    for module in list(model.modules()):
        if isinstance(module, SelfAttention):
            module.threads = threads
        for name, child in list(module.named_children()):
            if isinstance(child, nn.Linear):
                setattr(module, name, StoredLinear(StoredMatrix(child.weight, storage, threads), child.bias))
            elif isinstance(child, WordEmbedding):
                setattr(module, name, StoredEmbedding(StoredMatrix(child.weight, storage, threads)))
    _lay_together(_matrices(model))
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, TransformerLayer) and StoredLayer.takes(child):
                setattr(module, name, StoredLayer(child, threads))


def stored_bytes(model: nn.Module) -> int:
    """Return the bytes of all stored matrices: what a step of a language model reads of them."""
    return sum(matrix.nbytes for matrix in _matrices(model))


def _matrices(model: nn.Module) -> list[StoredMatrix]:
    """Return each stored matrix once."""
    linears = [module for module in model.modules() if isinstance(module, StoredLinear)]
    return list({id(linear.matrix): linear.matrix for linear in linears}.values())


def _lay_together(matrices: Sequence[StoredMatrix]) -> None:
    """Move all codes into one block of memory, each at a multiple of 64 bytes.

    numpy asks the system for huge pages for a large block, torch for small ones: a tenth to a quarter of a product's
    time was finding pages.
    """
    places = [0, *accumulate(-(-matrix.codes.nbytes // 64) * 64 for matrix in matrices)]
    block = torch.from_numpy(np.empty(places[-1], np.uint8))
    for matrix, place in zip(matrices, places, strict=False):
        matrix.move(block[place : place + matrix.codes.nbytes])


def around_steps(model: object, vectors: int = 1) -> AbstractContextManager[None]:
    """Return what steps of so many new tokens are done within; it can be entered again and again.

    For a model with stored weights, torch is kept to one thread where the kernels do the products: they have threads
    of their own, and torch's would stay awake on the same cores.
    """
    if vectors > MOST_VECTORS:
        return nullcontext()
    stored = isinstance(model, nn.Module) and any(isinstance(part, StoredLinear) for part in model.modules())
    return _OneThread() if stored else nullcontext()


class _OneThread(AbstractContextManager[None]):
    """torch on one thread."""

    def __enter__(self) -> None:
        self.before = torch.get_num_threads()
        torch.set_num_threads(1)

    def __exit__(self, *raised: object) -> None:
        torch.set_num_threads(self.before)
