"""Matrices held in few bytes for decoding, where each step reads all of them: int8, bfloat16 or float32.

Activations, sums and norms stay float32; a weight is widened as it is read. int8: each row of a matrix has one scale,
the largest magnitude over 127, and its weights are whole multiples of it, so that none is off by more than half
a scale. bfloat16: each weight is rounded to 8 bits of mantissa, off by at most 1/256 of itself. float32: as they are.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

STORAGES = ("float32", "bfloat16", "int8")
# With more vectors than this, widening the whole matrix for torch's product costs less than it saves (measured at
# GPT-2's sizes on two cores).
MOST_VECTORS = 64

Arrays = tuple[np.ndarray, np.ndarray, np.ndarray]  # codes [N, K], scales [N], bias [N]


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
        self.arrays = (codes.numpy(), self.scales.numpy())  # the same memory

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

        out = torch.empty(x.shape[0], self.arrays[0].shape[0])
        kernels.linear(*self.arrays, bias, x.contiguous().numpy(), out.numpy(), self.threads)
        return out


class StoredLinear(nn.Module):
    """x W^T + b with a stored W [N, K]: what `nn.Linear` computes with `StoredMatrix.rows`."""

    def __init__(self, matrix: StoredMatrix, bias: Tensor | None = None) -> None:
        super().__init__()
        self.matrix = matrix
        self.out_features, self.in_features = matrix.codes.shape
        self.bias = torch.zeros(self.out_features) if bias is None else bias.detach().float()
        self._bias = self.bias.numpy()  # the same memory

    @property
    def arrays(self) -> Arrays:
        """What the kernels take: codes, scales and bias, as they lie in memory."""
        return (*self.matrix.arrays, self._bias)

    def forward(self, x: Tensor) -> Tensor:
        """Transform each vector, [..., K] -> [..., N]."""
        vectors = x.reshape(-1, self.in_features)  # [M, K]
        if vectors.shape[0] > MOST_VECTORS:
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
