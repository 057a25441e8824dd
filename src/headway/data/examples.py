"""Examples: inputs with their targets, checked, each with its source line."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Self, get_args

import numpy as np
import numpy.typing as npt

from headway.core.tensors import rows_to_arrays
from headway.data.inputs import kin_groups

# What is learned: which one of some classes a row is of, a number, which of some labels it has, any number of them, or
# a tag for each of its words, or which passage of a context answers a question.
Task = Literal["classes", "numbers", "labels", "tags", "answers"]
TASKS: tuple[Task, ...] = get_args(Task)
_STRATA = 10  # of numbers


@dataclass(frozen=True, kw_only=True, eq=False)
class Examples:
    """B inputs, all of one kind (texts, pairs of texts, sentences of words), and what each is to be answered with.

    Of classes, ``targets`` [B] index ``names``, which are sorted as strings; of numbers, they are those, in float64,
    and there are no names; of labels, they say which of the names a row has, bool [B, C]; of tags, they are [B] arrays
    of int64, which index the names, one for each word; of answers, they are `squad.Question` objects. Inputs that count
    as the same, or as kin (`inputs.kin_groups`), share a number in ``groups`` [B], and are never on both sides of a
    split.
    """

    inputs: tuple[Any, ...]
    targets: npt.NDArray[Any]
    names: tuple[str, ...]
    groups: npt.NDArray[np.int64]
    lines: npt.NDArray[np.int64]
    source: str
    unit: str = "line"
    task: Task = "classes"

    def __post_init__(self) -> None:
        assert len(self.inputs) == len(self.targets) == len(self.groups) == len(self.lines)

    @classmethod
    def of_texts(cls, texts: Sequence[str], labels: Sequence[str], source: str) -> Self:
        """Take texts and the names of their classes as they are, unchecked."""
        names = tuple(sorted(set(labels)))
        number = {name: place for place, name in enumerate(names)}
        return cls(
            inputs=tuple(texts),
            targets=np.array([number[label] for label in labels], dtype=np.int64),
            names=names,
            groups=kin_groups(texts),
            lines=np.arange(1, len(texts) + 1),
            source=source,
            unit="row",
        )

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def strata(self) -> npt.NDArray[np.int64]:
        """What a split spreads evenly over its parts, [B]: the class, the tenth of the rows that a number is in, a
        row's rarest label or tag, or whether a question has an answer.
        """
        if self.task == "classes":
            return self.targets
        if self.task == "answers":
            return np.array([bool(question.answers) for question in self.targets], dtype=np.int64)
        if self.task in {"labels", "tags"}:
            held = self._held
            rarest = np.where(held, held.sum(axis=0), len(self) + 1).argmin(axis=1)
            return np.where(held.any(axis=1), rarest, len(self.names)).astype(np.int64)
        cuts = np.quantile(self.targets, np.arange(1, _STRATA) / _STRATA)
        return np.searchsorted(np.unique(cuts), self.targets, side="right").astype(np.int64)

    @property
    def _held(self) -> npt.NDArray[np.bool_]:
        """Which row has which of the labels or tags, [B, C]."""
        if self.task == "labels":
            return self.targets
        held = np.zeros((len(self), len(self.names)), dtype=np.bool_)
        for row, tags in enumerate(self.targets):
            held[row, tags] = True
        return held

    @property
    def target_bytes(self) -> bytes:
        """What the targets are, for a hash."""
        if self.task == "answers":
            return repr(self.targets.tolist()).encode()
        return b"".join(array.tobytes() for array in rows_to_arrays(self.targets).values())

    def rows_of_names(self, among: npt.NDArray[Any] | slice = slice(None)) -> npt.NDArray[np.int64]:
        """Return how many rows, of those that are chosen, have each of the names, [C]."""
        if self.task in {"labels", "tags"}:
            return np.asarray(self._held[among].sum(axis=0), dtype=np.int64)
        return np.bincount(self.targets[among], minlength=len(self.names)).astype(np.int64)

    def take(self, index: npt.ArrayLike) -> Self:
        """Return the rows at ``index`` (integers, in that order), with the same names."""
        chosen = np.asarray(index, dtype=np.int64)
        return replace(
            self,
            inputs=tuple(self.inputs[row] for row in chosen.tolist()),
            targets=self.targets[chosen],
            groups=self.groups[chosen],
            lines=self.lines[chosen],
        )

    def join(self, other: Self) -> Self:
        """Return these rows and then the other's, which has the same names and none of these inputs.

        Messages name this source.
        """
        assert self.names == other.names and self.task == other.task
        return replace(
            self,
            inputs=self.inputs + other.inputs,
            targets=np.concatenate([self.targets, other.targets]),
            groups=np.concatenate([self.groups, other.groups + self.groups.max(initial=-1) + 1]),
            lines=np.concatenate([self.lines, other.lines]),
        )

    def where(self, row: int) -> str:
        """Name a row for a message: ``reviews.csv, line 7``."""
        return f"{self.source}, {self.unit} {self.lines[row]}"
