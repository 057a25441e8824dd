"""Examples: texts with labels, checked, each with its source line."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, kw_only=True, eq=False)
class Examples:
    """Texts and their labels. ``labels[i]`` indexes ``names``, which are sorted as strings."""

    texts: tuple[str, ...]
    labels: npt.NDArray[np.int64]
    names: tuple[str, ...]
    lines: npt.NDArray[np.int64]
    source: str
    unit: str = "line"

    def __post_init__(self) -> None:
        assert len(self.texts) == len(self.labels) == len(self.lines)

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, index: npt.ArrayLike) -> Self:
        """Return the rows at ``index`` (integers, in that order), with the same names."""
        chosen = np.asarray(index, dtype=np.int64)
        return type(self)(
            texts=tuple(self.texts[row] for row in chosen.tolist()),
            labels=self.labels[chosen],
            names=self.names,
            lines=self.lines[chosen],
            source=self.source,
            unit=self.unit,
        )

    def join(self, other: Self) -> Self:
        """Return these rows and then the other's, which has the same names; messages name this source."""
        assert self.names == other.names
        return type(self)(
            texts=self.texts + other.texts,
            labels=np.concatenate([self.labels, other.labels]),
            names=self.names,
            lines=np.concatenate([self.lines, other.lines]),
            source=self.source,
            unit=self.unit,
        )

    def where(self, row: int) -> str:
        """Name a row for a message: ``reviews.csv, line 7``."""
        return f"{self.source}, {self.unit} {self.lines[row]}"
