"""Students: smaller networks whose first weights are some of a larger one's layers (Sanh et al. 2019, section 3)."""

from typing import cast

import numpy as np
import torch

from headway.core.errors import UsageError
from headway.models.base import Backbone
from headway.models.bert import Encoder


def chosen_layers(layers: int, kept: int) -> list[int]:
    """Return which layers a student keeps: spread evenly, the first and the last among them.

    Of 12 it keeps 0, 2, 4, 7, 9 and 11, as DistilBERT does; the only one kept is the last.
    """
    if kept == 1:
        return [layers - 1]
    return [int(place) for place in np.round(np.linspace(0, layers - 1, kept))]


def student_of(teacher: Backbone, num_layers: int | None = None) -> Backbone:
    """Return a network like the teacher with fewer layers (half as many unless told), its weights copied.

    Raises UsageError when the teacher is no BERT or one of its kin, or has not so many layers to leave out.
    """
    if not isinstance(teacher, Encoder):
        raise UsageError(
            f"a {type(teacher).__name__} has no layers that a student could take",
            where="--layers",
            remedy="Name a small model instead: --student NAME.",
        )
    layers = teacher.config.num_layers
    kept = (layers + 1) // 2 if num_layers is None else num_layers
    if not 1 <= kept < layers:
        raise UsageError(f"must be from 1 to {layers - 1}, found {kept}", where="--layers")
    sizes = teacher.config.to_dict() | {"num_layers": kept}
    with torch.random.fork_rng(devices=[]):
        student = type(teacher)(teacher.config_class.from_dict(sizes))  # type: ignore[arg-type, call-arg]
    state = {name: tensor for name, tensor in teacher.state_dict().items() if not name.startswith("layers.")}
    for place, layer in enumerate(chosen_layers(layers, kept)):
        of_layer = teacher.layers[layer].state_dict()
        state |= {f"layers.{place}.{name}": tensor for name, tensor in of_layer.items()}
    student.load_state_dict(state)
    return cast("Backbone", student.to(next(teacher.parameters()).device))
