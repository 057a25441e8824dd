"""HDF5 files of tensors, in which ELMo was published: each dataset is a tensor, named by its path."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from headway.core.errors import UsageError, WeightsError
from headway.core.files import atomic_path, human_bytes


def read_hdf5(path: Path, limit: int) -> dict[str, Tensor]:
    """Read every dataset. Raises WeightsError when the file is damaged, holds other things than numbers, or unpacks to
    more than ``limit`` bytes; UsageError without h5py.
    """
    h5py = _h5py()
    tensors: dict[str, Tensor] = {}
    try:
        with h5py.File(path, "r") as file:
            names: list[str] = []
            file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
            size = sum(file[name].nbytes for name in names)
            if size > limit:  # stated, not stored: a small file can pretend to hold much
                raise WeightsError(
                    f"holds {human_bytes(size)}, more than the {human_bytes(limit)} that are read",
                    where=str(path),
                )
            for name in names:
                if file[name].dtype.kind not in "fiub":
                    raise WeightsError(f"holds {name}, which is no table of numbers", where=str(path))
                tensors[name] = torch.from_numpy(np.asarray(file[name][()]))
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        raise WeightsError(
            f"is damaged or incomplete ({error})", where=str(path), remedy="Fetch or copy the file again."
        ) from error
    return tensors


def write_hdf5(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write each tensor as a dataset under its name, whole or not at all. Raises UsageError without h5py."""
    h5py = _h5py()
    with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
        for name, tensor in tensors.items():
            file[name] = tensor.detach().cpu().numpy()


def _h5py() -> Any:
    try:
        import h5py
    except ImportError as error:
        raise UsageError(
            "an HDF5 file needs the package h5py",
            where="h5py",
            remedy="Install it: pip install 'headway[legacy]'.",
        ) from error
    return h5py
