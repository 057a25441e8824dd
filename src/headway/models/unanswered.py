"""The lowest rung of questions: none of them is answered."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from headway.core.answers import MOST, ranked
from headway.core.errors import RunError
from headway.core.files import read_json, write_json

_FILE = "unanswered.json"


class Unanswered:
    """Says of every question that its context does not answer it."""

    opens_with: ClassVar[str | None] = None
    kind: ClassVar[str] = "unanswered"
    labels: ClassVar[tuple[str, ...]] = ()
    parameters = 1
    settings: ClassVar[dict[str, Any]] = {}

    def cut(self, inputs: Sequence[Any]) -> int:
        """Return 0: no input is read."""
        return 0

    def predict(self, inputs: Sequence[Any]) -> np.ndarray:
        """Return no answer for each, [B, 20, 3] (`core.answers`)."""
        nothing = ranked(np.empty((0, 2), np.int64), np.empty(0))
        return np.broadcast_to(nothing, (len(inputs), MOST, 3)).copy()

    def save(self, folder: Path) -> None:
        """Write ``unanswered.json``."""
        write_json(folder / _FILE, {"answers": "none"})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what ``save`` wrote."""
        if read_json(folder / _FILE) != {"answers": "none"}:
            raise RunError("is damaged", where=str(folder / _FILE), remedy="Make the run again.")
        return cls()
