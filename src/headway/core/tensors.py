"""Numpy arrays in safetensors files, for what needs no torch."""

from collections.abc import Iterable
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


def rows_to_arrays(rows: np.ndarray) -> dict[str, np.ndarray]:
    """Return rows [B, ...] as named arrays; where each is an array of its own length (an object array [B]), end to end
    with their lengths.
    """
    if rows.dtype != np.object_:
        return {"rows": rows}
    lengths = np.array([len(row) for row in rows], dtype=np.int64)
    joined = np.concatenate(list(rows)) if len(rows) else np.empty(0)
    return {"rows": joined, "lengths": lengths}


def rows_from_arrays(arrays: dict[str, np.ndarray]) -> np.ndarray:
    """Return what was given to `rows_to_arrays`."""
    if "lengths" not in arrays:
        return arrays["rows"]
    return own_lengths(np.split(arrays["rows"], np.cumsum(arrays["lengths"])[:-1]), len(arrays["lengths"]))


def own_lengths(rows: Iterable[np.ndarray], count: int) -> np.ndarray:
    """Return so many arrays, each of its own length, as rows: an object array [B]."""
    gathered = np.empty(count, dtype=np.object_)
    for place, row in zip(range(count), rows, strict=False):
        gathered[place] = row
    return gathered
