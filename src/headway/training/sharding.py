"""Weights, gradients and AdamW's state in shares: what does not fit into one process's memory is held by several.

FSDP (Zhao et al. 2023, arXiv:2304.11277) by torch's own `fully_shard`: each process holds a part of every tensor; a
layer's weights are gathered when it computes, and its gradients are added up and parted again. Over nccl or gloo.
"""

import copy
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar, cast

import torch
from torch import nn

from headway.blocks.transformer import TransformerLayer
from headway.core.errors import UsageError
from headway.models.heads import Classifier
from headway.training.processes import Processes

if TYPE_CHECKING:
    from torch.distributed.fsdp import FSDPModule
    from torch.distributed.tensor import DTensor

Part = TypeVar("Part")


class Shards(Processes):
    """Processes that share the weights too. What one computes, all compute at the same time, on rows of their own."""

    def __init__(self, processes: Processes) -> None:
        super().__init__(processes.rank, processes.count)
        self._spare: Any = None

    def together(self, parts: Sequence[tuple[Part, float]]) -> Sequence[tuple[Part, float]]:
        """Return the parts, and as many idle ones of no weight as the process with the most parts has more."""
        most = torch.tensor(len(parts))
        torch.distributed.all_reduce(most, torch.distributed.ReduceOp.MAX)
        if parts:
            self._spare = parts[0][0]
        if self._spare is None:
            raise UsageError(f"fewer rows than the {self.count} processes", where="shard")
        return [*parts, *[(self._spare, 0.0)] * (int(most) - len(parts))]

    def add_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Do nothing: they were added up where they came into being."""


@contextmanager
def sharded(
    model: Classifier, processes: Processes, *, wanted: bool
) -> Iterator[tuple[Classifier, Processes]]:
    """Yield what is to be trained, and how the processes work together; in the end ``model`` holds what was learned.

    Where sharing is not wanted, or there is one process, that is the model itself. Raises UsageError where the backbone
    is no Transformer.
    """
    if not wanted or processes.count == 1:
        yield model, processes
        return
    layers = getattr(model.backbone, "layers", ())
    if not layers or not all(isinstance(layer, TransformerLayer) for layer in layers):
        raise UsageError(
            f"the weights of a {type(model.backbone).__name__} cannot be shared out",
            where="shard",
            remedy="Leave it out: each process then holds all of them.",
        )
    whole = dict(model.named_parameters())
    learner = copy.deepcopy(model, {id(parameter): parameter for parameter in whole.values()})
    _share_out(learner, processes)
    for parameter in whole.values():
        parameter.data = parameter.data.new_empty(0)  # its share lives on in the learner
    try:
        yield learner, Shards(processes)
    finally:
        for name, share in learner.named_parameters():
            whole[name].data = cast("DTensor", share.detach()).full_tensor()
        model.eval()


def _share_out(learner: Classifier, processes: Processes) -> None:
    """Replace each parameter by this process's share, layer by layer."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard, register_fsdp_forward_method

    device = next(learner.parameters()).device
    mesh = init_device_mesh(device.type, (processes.count,))
    for layer in cast("nn.ModuleList", learner.backbone.layers):
        fully_shard(layer, mesh=mesh)
        register_fsdp_forward_method(layer, "at_first")
    fully_shard(learner, mesh=mesh)
    for module in learner.modules():
        if hasattr(module, "set_gradient_divide_factor"):
            sharing = cast("FSDPModule", module)
            sharing.set_gradient_divide_factor(1.0)  # the losses are shares of the whole batch's already
            sharing.set_force_sum_reduction_for_comms(True)
