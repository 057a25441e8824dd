"""An ensemble: several fine-tuned models that answer together, by the mean of what each says.

ULMFiT's is of a model that reads texts forward and one that reads them backward (Howard and Ruder 2018, section 3.3).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from headway.core.errors import RunError
from headway.core.files import read_json, write_json
from headway.tasks.finetuned import FineTunedClassifier

_FILE = "ensemble.json"


class Ensemble:
    """Fine-tuned models of the same labels; each lies in a folder of its own."""

    kind: ClassVar[str] = "ensemble"
    opens_with: None = None

    def __init__(self, members: Sequence[FineTunedClassifier]) -> None:
        assert members
        self.members = tuple(members)

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the classes; none where it gives numbers."""
        return self.members[0].labels

    @property
    def parameters(self) -> int:
        """The number of all members' weights."""
        return sum(member.parameters for member in self.members)

    @property
    def settings(self) -> dict[str, Any]:
        """What was chosen for the first member, and what of the others differs from it."""
        first, *others = (member.settings for member in self.members)
        differing = {
            f"{name} of model {number}": value
            for number, settings in enumerate(others, 2)
            for name, value in settings.items()
            if first.get(name) != value
        }
        return {**first, **differing}

    def cut(self, inputs: Sequence[Any]) -> int:
        """Return how many inputs are longer than the member reads that cuts the most."""
        return max(member.cut(inputs) for member in self.members)

    def predict(self, inputs: Sequence[Any]) -> np.ndarray:
        """Return the mean of the members' probabilities [B, C], or of their numbers [B]."""
        mean: np.ndarray = np.mean([member.predict(inputs) for member in self.members], axis=0)
        return mean

    def save(self, folder: Path) -> None:
        """Write each member into a folder of its own, and ``ensemble.json``."""
        names = [f"model-{number}" for number in range(1, len(self.members) + 1)]
        for name, member in zip(names, self.members, strict=True):
            (folder / name).mkdir()
            member.save(folder / name)
        write_json(folder / _FILE, {"members": names})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what ``save`` wrote. Raises RunError when a member is missing, or of other labels than the first."""
        stored = read_json(folder / _FILE)
        names = stored.get("members") if isinstance(stored, dict) else None
        if not names or not all(isinstance(name, str) for name in names):
            raise RunError("names no members", where=str(folder / _FILE))
        members = [FineTunedClassifier.load(folder / Path(name).name) for name in names]
        if any(member.labels != members[0].labels for member in members):
            raise RunError("holds models of different labels", where=str(folder))
        return cls(members)
