"""Numpy arrays in safetensors files, for what needs no torch."""

from pathlib import Path

import numpy as np

from headway.core.errors import WeightsError
from headway.core.files import atomic_path


def save_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write named arrays, whole or not at all."""
    from safetensors.numpy import save_file

    with atomic_path(path) as temporary:
        save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, temporary)


def load_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read named arrays; raises WeightsError when the file is missing or damaged."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise WeightsError(
            f"cannot be read: {error}", where=str(path), remedy="Make the run again."
        ) from error
