"""Real texts for the benchmarks, from the shared data folder."""

import csv
import json
import os
import random
from pathlib import Path

DATA = Path(os.environ.get("HEADWAY_SHARED", Path(__file__).parents[2] / "shared")) / "data"


def load(name: str, count: int, seed: int = 0) -> list[str]:
    """Return ``count`` texts of a set, drawn by the seed."""
    return load_labelled(name, count, seed)[0]


def load_labelled(name: str, count: int, seed: int = 0) -> tuple[list[str], list[str]]:
    """Return ``count`` texts of a set's training part and their labels, drawn by the seed."""
    if name == "imdb":
        with (DATA / "imdb/train.jsonl").open(encoding="utf-8") as file:
            rows = [(row["text"], row["label"]) for row in map(json.loads, file)]
    elif name == "banking77":
        with (DATA / "banking77/train.csv").open(encoding="utf-8", newline="") as file:
            rows = [(row["text"], row["category"]) for row in csv.DictReader(file)]
    else:
        with (DATA / "sst2/train.tsv").open(encoding="utf-8", newline="") as file:
            table = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
            rows = [(row["sentence"], row["label"]) for row in table]
    texts, labels = zip(*random.Random(seed).sample(rows, count), strict=True)
    return list(texts), list(labels)
