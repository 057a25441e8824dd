"""More than one process: each computes its share of every global batch, and their gradients are added up.

Started by `torchrun`; no launcher of our own. Weights and optimizer are the same in all processes at every step, since
all of them start from the same seed and apply the same sum. The batches, too, are made alike by all; each takes the
rows that are its own. So the number of processes changes how fast a training is, not what it computes, but for the
rounding of the sums, and for dropout, of which each process draws its own.
"""

import importlib
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import numpy as np
import torch
from torch import nn

Rows = TypeVar("Rows", list[int], np.ndarray)
Part = TypeVar("Part")


class Processes:
    """How many processes train together, and which of them this one is; by itself it is alone."""

    def __init__(self, rank: int = 0, count: int = 1) -> None:
        self.rank = rank
        self.count = count

    @classmethod
    def joined(cls) -> "Processes":
        """Join the processes that `torchrun` started, over nccl where there is CUDA, else gloo; alone without it."""
        if int(os.environ.get("WORLD_SIZE", "1")) == 1:
            return cls()
        if not torch.distributed.is_initialized():
            # Imported once there is a group, as torch's optimizers do, its functions' defaults would keep the group.
            importlib.import_module("torch.distributed.nn")
            torch.distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
        return cls(torch.distributed.get_rank(), torch.distributed.get_world_size())

    @classmethod
    @contextmanager
    def joining(cls) -> Iterator["Processes"]:
        """Join for as long as the block lasts, and wait at its end for all.

        A thread of gloo that still frees a tensor when the interpreter ends aborts the process; so the group is ended,
        and its threads with it. Where weights were shared out, torch's caches keep the group: then its threads idle.
        """
        before = torch.distributed.is_initialized()
        processes = cls.joined()
        try:
            yield processes
            processes.wait()
        finally:
            if processes.count > 1 and not before:
                torch.distributed.destroy_process_group()

    def wait(self) -> None:
        """Wait until all processes have come this far."""
        if self.count > 1:
            torch.distributed.barrier()

    def own(self, rows: Rows) -> Rows:
        """Return this process's rows of a global batch; of rows in order of length each gets long and short ones."""
        own: Rows = rows[self.rank :: self.count]
        return own

    def share(self, weight: float, device: torch.device) -> float:
        """Return this process's part of the weights of all."""
        return 1.0 if self.count == 1 else weight / self.total(weight, device)

    def total(self, value: float, device: torch.device) -> float:
        """Return the sum over the processes."""
        if self.count == 1:
            return value
        kind = torch.float32 if device.type == "mps" else torch.float64
        summed = torch.tensor(value, dtype=kind, device=device)
        torch.distributed.all_reduce(summed)
        return float(summed.item())

    def together(self, parts: Sequence[tuple[Part, float]]) -> Sequence[tuple[Part, float]]:
        """Return what this process computes of a batch, part by part with its weight: just these parts."""
        return parts

    def add_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Put the sum over the processes in the place of each gradient, in one message."""
        if self.count == 1:
            return
        learning = [parameter for parameter in parameters if parameter.requires_grad]
        for parameter in learning:
            if parameter.grad is None:  # it took no part here, but may have elsewhere
                parameter.grad = torch.zeros_like(parameter)
        flat = torch.cat([parameter.grad.flatten() for parameter in learning if parameter.grad is not None])
        torch.distributed.all_reduce(flat)
        pieces = torch.split(flat, [parameter.numel() for parameter in learning])
        for parameter, piece in zip(learning, pieces, strict=True):
            parameter.grad = piece.view_as(parameter)
