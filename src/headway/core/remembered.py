"""Arrays that are computed once: kept in memory-mapped files, found again by what they were computed from.

A file holds what one call added: `values`, the arrays' numbers end to end, and `index.json`, which says whose they are
and their shapes. It appears whole or not at all, so what a killed process had finished is there for the next one.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np

from headway.core.errors import RunError
from headway.core.files import atomic_folder, read_json, write_json

Input = TypeVar("Input")

_VALUES, _INDEX = "values", "index.json"


class Remembered(Generic[Input]):
    """``compute`` with a memory: it gives an array for each input, and is asked for each input once.

    key: what tells inputs apart, such as the hash of their bytes; two of one key have the same array.
    identity: what else the arrays follow from (weights, sizes); a folder may hold arrays of several.
    What is computed for an input must not depend on the others that it is computed with. All arrays are of one type.
    """

    def __init__(
        self,
        compute: Callable[[Sequence[Input]], Iterable[np.ndarray]],
        key: Callable[[Input], str],
        identity: str,
        folder: Path | None = None,
    ) -> None:
        self._compute = compute
        self._key = key
        self._identity = hashlib.sha256(identity.encode()).hexdigest()[:16]
        self._known: dict[str, np.ndarray] = {}
        self._folder: Path | None = None
        if folder is not None:
            self.keep_in(folder)

    def keep_in(self, folder: Path) -> None:
        """Read what a folder holds, and keep there what is computed from now on. Raises RunError on damaged files."""
        if folder == self._folder:
            return
        self._folder = folder
        for path in sorted(folder.glob(f"{self._identity}-*/")):
            self._known |= _read(path)

    def __call__(self, inputs: Sequence[Input]) -> list[np.ndarray]:
        """Return the inputs' arrays, in their order; read-only where they lie in a file."""
        keys = [self._key(one) for one in inputs]
        new = {key: one for key, one in zip(keys, inputs, strict=True) if key not in self._known}
        if new:
            arrays = self._compute(list(new.values()))
            if self._folder is None:
                self._known |= dict(zip(new, arrays, strict=True))
            else:
                self._known |= self._keep(self._folder, list(new), arrays)
        return [self._known[key] for key in keys]

    def _keep(self, folder: Path, keys: list[str], arrays: Iterable[np.ndarray]) -> dict[str, np.ndarray]:
        name = hashlib.sha256("\n".join(keys).encode()).hexdigest()[:16]
        path = folder / f"{self._identity}-{name}"
        with atomic_folder(path) as target:
            shapes, kind = [], ""
            with (target / _VALUES).open("wb") as file:
                for array in arrays:
                    shapes.append(array.shape)
                    kind = array.dtype.str
                    file.write(np.ascontiguousarray(array).data)
            write_json(target / _INDEX, {"keys": keys, "shapes": shapes, "type": kind}, indent=None)
        return _read(path)


def _read(path: Path) -> dict[str, np.ndarray]:
    """Map a folder's arrays."""
    index = read_json(path / _INDEX)
    try:
        sizes = [int(np.prod(shape)) for shape in index["shapes"]]
        values = np.memmap(path / _VALUES, np.dtype(index["type"]), mode="r", shape=(sum(sizes),))
        cuts = np.cumsum(sizes)[:-1]
        return {
            key: part.reshape(shape)
            for key, part, shape in zip(index["keys"], np.split(values, cuts), index["shapes"], strict=True)
        }
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise RunError(
            f"is damaged: {error}", where=str(path), remedy="Remove it: it is computed again."
        ) from error
