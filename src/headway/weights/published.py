"""What the zoo publishes: files with the bytes they must have, whose they are, and who may deliver them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headway.core.files import human_bytes
from headway.weights.sources import PublishedFile, ShippedFolder, Source


@dataclass(frozen=True, kw_only=True)
class Published:
    """What the zoo can fetch: files with the bytes they must have, and the places that may deliver them."""

    name: str
    title: str
    licence: str
    paper: str
    files: tuple[PublishedFile, ...]
    sources: tuple[Source, ...]  # in the order in which they are tried

    @property
    def comes_along(self) -> bool:
        """Whether it ships with Headway: nobody need be asked to fetch it."""
        return any(isinstance(source, ShippedFolder) for source in self.sources)

    @property
    def size(self) -> int:
        """Bytes of all files whose size is known."""
        return sum(file.size or 0 for file in self.files)

    @property
    def summary(self) -> str:
        """What someone who is asked whether to fetch it wants to know."""
        return f"{human_bytes(self.size)}, {self.licence}"

    def facts(self) -> dict[str, str]:
        """What there is to know, for showing: name of the fact -> text."""
        return {
            "name": self.name,
            "title": self.title,
            **self._details(),
            **{f"file {at}": self._facts_of(file) for at, file in enumerate(self.files, 1)},
            **{f"source {at}": source.describe() for at, source in enumerate(self.sources, 1)},
        }

    def _details(self) -> dict[str, str]:
        return {"licence": self.licence, "paper": self.paper}

    def _facts_of(self, file: PublishedFile) -> str:
        size = "" if file.size is None else f"{human_bytes(file.size)}, "
        if file.sha256:
            return f"{file.name}, {size}sha256 {file.sha256}"
        declared = any(source.online for source in self.sources)  # a folder declares nothing
        unknown = "as its source declares it" if declared else "not known: nobody vouches for the first file"
        return f"{file.name}, {size}sha256 {unknown}; remembered at the first fetch, other bytes are refused after"


@dataclass(frozen=True, kw_only=True)
class Network(Published):
    """One pretrained network of the zoo."""

    architecture: str  # a key of one of models.registry's tables
    config: Mapping[str, Any]  # what the architecture's config class takes
    parameters: int
    weights: str  # which of the files holds the tensors
    overlap: tuple[str, ...]  # benchmarks whose rows it has seen in pretraining

    @property
    def size(self) -> int:
        """Bytes of all files; weights of a size that is not known count as float32."""
        known = {file.name: file.size for file in self.files if file.size}
        return sum(({self.weights: 4 * self.parameters} | known).values())

    def _details(self) -> dict[str, str]:
        return {
            "architecture": self.architecture,
            "parameters": f"{self.parameters:,}",
            "licence": self.licence,
            "paper": self.paper,
            "reads": self._reads(),
            "has seen": ", ".join(self.overlap),
        }

    def _reads(self) -> str:
        raise NotImplementedError
