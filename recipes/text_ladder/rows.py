"""The rows of the recipe: the same for Headway and for the peer, from the shared data folder."""

import csv
import os
import random
from pathlib import Path

DATA = Path(os.environ.get("HEADWAY_SHARED", Path(__file__).parents[3] / "shared")) / "data"
SST2_TRAINING_ROWS = 2000

Rows = tuple[list[str], list[str]]  # texts, labels


def read(path: Path, text: str, label: str) -> Rows:
    """Return two columns of a file of tabs."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [row[text] for row in rows], [row[label] for row in rows]


def load(name: str, seed: int) -> tuple[Rows, Rows]:
    """Return training and test rows: trec's official split, or 2,000 sst2 rows by the seed and its validation part."""
    if name == "trec":
        columns = ("text", "coarse_label")
        return read(DATA / "trec/train.tsv", *columns), read(DATA / "trec/test.tsv", *columns)
    texts, labels = read(DATA / "sst2/train.tsv", "sentence", "label")
    chosen = random.Random(seed).sample(range(len(texts)), SST2_TRAINING_ROWS)
    training = [texts[row] for row in chosen], [labels[row] for row in chosen]
    return training, read(DATA / "sst2/validation.tsv", "sentence", "label")
