"""Real texts for the benchmarks, from the shared data folder."""

import csv
import json
import os
import random
from pathlib import Path

DATA = Path(os.environ.get("HEADWAY_SHARED", Path(__file__).parents[2] / "shared")) / "data"


def load(name: str, count: int, seed: int = 0) -> list[str]:
    """Return ``count`` texts of a set, drawn by the seed."""
    if name == "imdb":
        with (DATA / "imdb/train.jsonl").open(encoding="utf-8") as file:
            texts = [json.loads(line)["text"] for line in file]
    elif name == "banking77":
        with (DATA / "banking77/train.csv").open(encoding="utf-8", newline="") as file:
            texts = [row["text"] for row in csv.DictReader(file)]
    else:
        with (DATA / "sst2/train.tsv").open(encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
            texts = [row["sentence"] for row in rows]
    return random.Random(seed).sample(texts, count)
