"""What a step of training keeps in memory from its forward pass for its backward pass."""

from collections.abc import Callable

import torch
from torch import Tensor, nn


def kept_bytes(model: nn.Module, loss: Callable[[], Tensor]) -> int:
    """Compute a loss and return the bytes that autograd keeps for its gradient, the weights not counted."""
    weights = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    kept: dict[int, tuple[int, Tensor]] = {}  # by address; the tensor is held so that no address comes twice

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes(), tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        loss()
    return sum(size for size, _ in kept.values())
