"""The networks of the recipe: how each is pretrained, and on what."""

import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from recipes.cells import Cell
from recipes.pretrain_small.phrases import TRAINING_PART, unlabelled
from recipes.text_ladder.rows import DATA

from headway import api
from headway.cli.display import PlainLines
from headway.core.files import read_json
from headway.data.corpus import read_corpus
from headway.training.pretraining import (
    RECORD_FILE,
    Order,
    arithmetic_on,
    pretraining_class,
    seconds_per_step,
)

RESULTS = Path(__file__).parent / "results"
AUSTEN = ("emma", "mansfieldpark", "northangerabbey", "prideprejudice", "sensesensibility", "persuasion")
NOVELS = {f"austen-{name}": DATA / "lm_austen" / f"{name}.txt" for name in AUSTEN}
REVIEWS = {f"imdb-{part}": DATA / "imdb" / f"{part}.jsonl" for part in ("train", "test")}
_BETWEEN_SENTENCES = re.compile(r"(?<=[.!?])\s+|\n+")


@dataclass(frozen=True)
class Backbone:
    """One network: its architecture, its texts, and how often it reads them."""

    name: str
    texts: Mapping[str, Path]
    size: str
    epochs: int

    @property
    def folder(self) -> Path:
        """Where it is saved."""
        return RESULTS / self.name

    @property
    def corpus(self) -> Path:
        """Where its texts are gathered."""
        return RESULTS / f"{self.name}-corpus"

    def gather(self) -> None:
        """Put the texts into one folder, without labels; of reviews and phrases a line holds one sentence or phrase."""
        self.corpus.mkdir(parents=True, exist_ok=True)
        for name, path in self.texts.items():
            text = path.read_text(encoding="utf-8")
            if path.suffix == ".jsonl":
                rows = [json.loads(line)["text"] for line in text.split("\n") if line]
                text = "\n".join(part for row in rows for part in _BETWEEN_SENTENCES.split(row) if part)
            if path.suffix == ".tsv":
                text = "\n".join(unlabelled())
            (self.corpus / f"{name}.txt").write_text(text, encoding="utf-8")

    def cell(self) -> Cell:
        """Return the pretraining."""
        return Cell(RESULTS / f"{self.name}.json", self._pretrain, self._estimate)

    def _pretrain(self) -> dict[str, Any]:
        if self.folder.with_name(f"{self.name}-unfinished").is_dir():
            folder = api.pretrain(resume=self.folder, progress=PlainLines())
        else:
            shutil.rmtree(self.folder, ignore_errors=True)
            folder = api.pretrain(
                self.corpus,
                arch=self.name,
                size=self.size,
                epochs=self.epochs,
                out=self.folder,
                device="cpu",
                progress=PlainLines(),
            )
        record: dict[str, Any] = read_json(folder / RECORD_FILE)
        return record

    def _estimate(self) -> float:
        """Time a few steps."""
        order = Order(corpus=self.corpus, architecture=self.name, size=self.size, epochs=self.epochs)
        cpu = torch.device("cpu")
        work = pretraining_class(self.name).prepare(read_corpus(self.corpus), order, cpu)
        steps = len(work.epoch_batches(0)) * self.epochs
        return steps * seconds_per_step(work, order.seed, arithmetic_on(cpu)) + 60  # and the tokenizer, twice


BACKBONES = {
    backbone.name: backbone
    for backbone in (
        Backbone("bert", {**REVIEWS, "sst2-phrases": TRAINING_PART}, "tiny", 2),
        Backbone("t5", REVIEWS, "tiny", 12),
        Backbone("gpt2", {n: path for n, path in NOVELS.items() if "persuasion" not in n}, "tiny", 16),
    )
}
