"""TensorFlow checkpoints by name, as Google published BERT: read through tensorflow, an optional package.

A checkpoint is a pair of files, `NAME.index` and `NAME.data-00000-of-00001`.
"""

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from headway.core.errors import WeightsError
from headway.core.files import human_bytes
from headway.weights.read import LIMIT


def read_checkpoint(index: Path) -> dict[str, Tensor]:
    """Read every variable of the checkpoint whose `.index` file is given.

    Raises WeightsError when tensorflow is not installed, or the checkpoint is missing, damaged, too large, or holds
    anything but numbers.
    """
    tensorflow = _tensorflow(index)
    try:
        reader = tensorflow.train.load_checkpoint(str(index.with_suffix("")))
        shapes: dict[str, list[int]] = reader.get_variable_to_shape_map()
        size = 4 * sum(int(np.prod(shape)) for shape in shapes.values())
        if size > LIMIT:
            raise WeightsError(
                f"holds {human_bytes(size)}, more than the {human_bytes(LIMIT)} that are read",
                where=str(index),
            )
        arrays = {name: reader.get_tensor(name) for name in sorted(shapes)}
    except (tensorflow.errors.OpError, ValueError) as error:
        raise WeightsError(
            f"is damaged or incomplete ({str(error).splitlines()[0]})",
            where=str(index),
            remedy="Fetch or copy the checkpoint again, both of its files.",
        ) from error
    others = [name for name, array in arrays.items() if np.asarray(array).dtype.kind not in "fiu"]
    if others:
        raise WeightsError(f"holds entries that are no numbers: {', '.join(others[:5])}", where=str(index))
    return {name: torch.from_numpy(np.array(array)) for name, array in arrays.items()}


def _tensorflow(index: Path) -> Any:
    try:
        return importlib.import_module("tensorflow")
    except ImportError as error:
        raise WeightsError(
            "is a TensorFlow checkpoint, and tensorflow is not installed",
            where=str(index),
            remedy="Install it with: pip install tensorflow\n"
            "  Or use the same model as safetensors, if it is published so.",
        ) from error
