"""Weights files: reading tensors out of safetensors and PyTorch files, and writing safetensors.

Python's own unpickler never runs: PyTorch's files are read with ``weights_only=True``. No file and no tensors
beyond ``LIMIT`` bytes are taken in.
"""

import pickle
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from headway.core.errors import WeightsError
from headway.core.files import atomic_path, human_bytes

LIMIT = 16_000_000_000

_REMEDY = "Fetch or copy the file again."


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read every tensor of a .safetensors, .bin, .pt, .pth or .hdf5 file; its content decides the format, not its
    name. Of a TensorFlow checkpoint the .index file is given. Of a training checkpoint its ``state_dict`` is read.

    Raises WeightsError when the file is missing, damaged, too large, or holds anything but tensors.
    """
    if path.suffix == ".index":
        from headway.weights.read_tensorflow import read_checkpoint

        return read_checkpoint(path)
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            beginning = file.read(64)
    except OSError as error:
        raise WeightsError(f"cannot be read: {error.strerror}", where=str(path)) from error
    if size > LIMIT:
        raise _too_large(path, size)
    if beginning.startswith(b"\x89HDF\r\n\x1a\n"):
        from headway.weights.hdf5 import read_hdf5

        return read_hdf5(path, LIMIT)
    if beginning.startswith(b"PK"):
        return _read_torch(path, zipped=True)
    if beginning.startswith(b"\x80"):
        return _read_torch(path, zipped=False)
    return _read_safetensors(path, beginning)


def write_safetensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write tensors as safetensors that PyTorch libraries accept, whole or not at all."""
    with atomic_path(path) as temporary:
        plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        save_file(plain, temporary, metadata={"format": "pt"})


def _read_safetensors(path: Path, beginning: bytes) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (SafetensorError, ValueError, OverflowError) as error:
        found = "not a weights file" if beginning[8:9] != b"{" else "damaged or incomplete"
        if beginning.startswith(b"version https://git-lfs"):
            found = "a Git LFS pointer, not the weights themselves"
        raise WeightsError(f"is {found} ({error})", where=str(path), remedy=_REMEDY) from error


def _read_torch(path: Path, *, zipped: bool) -> dict[str, Tensor]:
    try:
        if zipped:
            with zipfile.ZipFile(path) as archive:
                unpacked = sum(entry.file_size for entry in archive.infolist())
            if unpacked > LIMIT:
                raise _too_large(path, unpacked)
        with warnings.catch_warnings():  # old files name storage classes that torch now calls deprecated
            warnings.simplefilter("ignore")
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=zipped)
    except pickle.UnpicklingError as error:
        raise WeightsError(
            "holds more than tensors, or is damaged; running what it holds is refused",
            where=str(path),
            remedy="Ask its author for a safetensors file.",
        ) from error
    except WeightsError:
        raise
    except Exception as error:  # a damaged stream fails in whatever way its bytes lead to
        raise WeightsError(
            f"is damaged or incomplete ({type(error).__name__})", where=str(path), remedy=_REMEDY
        ) from error
    return _tensors(path, content)


def _tensors(path: Path, content: Any) -> dict[str, Tensor]:
    """Check that a file held a flat table of dense tensors of a sane size."""
    if not isinstance(content, dict):
        raise WeightsError(f"holds a {type(content).__name__}, not a table of tensors", where=str(path))
    if isinstance(
        content.get("state_dict"), dict
    ):  # a training checkpoint: beside it stand counts and scores
        content = content["state_dict"]
    others = [str(key) for key, value in content.items() if not isinstance(value, Tensor)]
    if others:
        raise WeightsError(
            f"holds entries that are no tensors: {', '.join(sorted(others)[:5])}", where=str(path)
        )
    size = sum(tensor.numel() * tensor.element_size() for tensor in content.values())
    if size > LIMIT:  # a few stored bytes can pretend to be a huge tensor
        raise _too_large(path, size)
    return dict(content)


def _too_large(path: Path, size: int) -> WeightsError:
    return WeightsError(
        f"holds {human_bytes(size)}, more than the {human_bytes(LIMIT)} that are read", where=str(path)
    )
