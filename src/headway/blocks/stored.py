"""Weights held in few bytes for decoding, where each step reads all of them: int8, bfloat16 or float32.

Activations, sums and norms stay float32; a weight is widened as it is read. int8: each row of a matrix has one scale,
the largest magnitude over 127, and its weights are whole multiples of it, so that none is off by more than half
a scale. bfloat16: each weight is rounded to 8 bits of mantissa, off by at most 1/256 of itself. float32: as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import accumulate

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from headway.blocks.attention import SelfAttention
from headway.blocks.embedding import WordEmbedding
from headway.core.errors import UsageError

STORAGES = ("float32", "bfloat16", "int8")
# With more vectors than this, widening the whole matrix for torch's product costs less than it saves (measured at
# GPT-2's sizes on two cores).
_MOST_VECTORS = 64


class StoredMatrix:
    """A matrix [N, K] in few bytes: ``scales`` [N] times ``codes`` [N, K]. Not trainable, on the CPU."""

    def __init__(self, weight: Tensor, storage: str, threads: int) -> None:
        weight = weight.detach().float()
        self.storage = storage
        self.threads = threads
        self.scales = torch.ones(len(weight))
        if storage == "int8":
            largest = weight.abs().amax(1)
            self.scales = torch.where(largest > 0, largest / 127, 1.0)
            self.codes = (weight / self.scales[:, None]).round().to(torch.int8)
        elif storage == "bfloat16":
            self.codes = weight.to(torch.bfloat16)
        else:
            self.codes = weight.contiguous()
        self.move(torch.empty(self.codes.nbytes, dtype=torch.uint8))

    def move(self, room: Tensor) -> None:
        """Hold the codes in this room from here on: uint8, as many as they have bytes."""
        self.codes = room.view(self.codes.dtype).view(self.codes.shape).copy_(self.codes)
        codes = self.codes.view(torch.uint16) if self.storage == "bfloat16" else self.codes
        self._arrays = (codes.numpy(), self.scales.numpy())  # the same memory

    @property
    def nbytes(self) -> int:
        """What it takes, and what a product reads."""
        return self.codes.nbytes + (self.scales.nbytes if self.storage == "int8" else 0)

    def rows(self, index: Tensor | slice = slice(None)) -> Tensor:
        """Return rows of the matrix as float32."""
        if self.storage == "float32":
            return self.codes[index]
        return self.codes[index].float() * self.scales[index, None]

    def product(self, x: Tensor, bias: np.ndarray) -> Tensor:
        """Return x times the matrix transposed plus the bias [N], [M, K] -> [M, N], by the compiled kernel."""
        from headway.blocks import kernels

        out = torch.empty(x.shape[0], self._arrays[0].shape[0])
        kernels.linear(*self._arrays, bias, x.contiguous().numpy(), out.numpy(), self.threads)
        return out


class StoredLinear(nn.Module):
    """x W^T + b with a stored W [N, K]: what `nn.Linear` computes with `StoredMatrix.rows`."""

    def __init__(self, matrix: StoredMatrix, bias: Tensor | None = None) -> None:
        super().__init__()
        self.matrix = matrix
        self.out_features, self.in_features = matrix.codes.shape
        self.bias = torch.zeros(self.out_features) if bias is None else bias.detach().float()
        self._bias = self.bias.numpy()  # the same memory

    def forward(self, x: Tensor) -> Tensor:
        """Transform each vector, [..., K] -> [..., N]."""
        vectors = x.reshape(-1, self.in_features)  # [M, K]
        if vectors.shape[0] > _MOST_VECTORS:
            return F.linear(x, self.matrix.rows(), self.bias)
        return self.matrix.product(vectors, self._bias).view(*x.shape[:-1], self.out_features)

    def extra_repr(self) -> str:
        """Show sizes and storage when the module is printed."""
        return f"{self.in_features}, {self.out_features}, {self.matrix.storage}"


class StoredEmbedding(nn.Module):
    """A `WordEmbedding` with a stored matrix [V, D]."""

    def __init__(self, matrix: StoredMatrix) -> None:
        super().__init__()
        self.matrix = matrix
        self.head = StoredLinear(matrix)

    def forward(self, ids: Tensor) -> Tensor:
        """Return the vectors of tokens, [...] -> [..., D]."""
        return self.matrix.rows(ids)

    def unembed(self, x: Tensor) -> Tensor:
        """Return each token's logit, [..., D] -> [..., V]."""
        logits: Tensor = self.head(x)
        return logits


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
    if vectors > _MOST_VECTORS:
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
