"""Cells: pieces of a recipe that are run once, and whose results stay as JSON."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headway.core.files import write_json


@dataclass(frozen=True)
class Cell:
    """What is run, what it takes in seconds, and where its result goes."""

    path: Path
    work: Callable[[], dict[str, Any]]
    estimate: Callable[[], float]

    def run(self) -> None:
        """Run and write, whole or not at all."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_json(self.path, self.work())

    def stored(self) -> dict[str, Any]:
        """Return the result, or nothing where there is none yet."""
        stored: dict[str, Any] = json.loads(self.path.read_text()) if self.path.is_file() else {}
        return stored


def missing(cells: Iterable[Cell]) -> list[Cell]:
    """Return those without a result."""
    return [cell for cell in cells if not cell.path.is_file()]
