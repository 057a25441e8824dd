"""Recipe: what fine-tuning gains on 100 and 500 rows from more steps, a faster head, and what the literature advises.

    python recipes/few_rows/run.py            # every cell, then the table
    python recipes/few_rows/run.py --table    # the table of what is there

Hardware: one core, about 60 minutes of processor time. Each cell is written as JSON when it ends, and a cell that is
there is not run again. Rows of the training parts alone: 100 to 6,000 to train on by the seed, 1,000 others to score.
Expected: docs/results.md, "Settings of fine-tuning": the default is well above `before` on trec and banking77 at 100
rows, and within chance of it on sst2.
"""

import argparse
import csv
import json
import os
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from headway.core.device import choose_device
from headway.core.progress import Silent
from headway.data.examples import Examples
from headway.ladder.encoder_training import FineTuning

DATA = Path(os.environ.get("HEADWAY_SHARED", Path(__file__).parents[3] / "shared")) / "data"
RESULTS = Path(__file__).parent / "results"
SETS = {
    "trec": ("trec/train.tsv", "text", "coarse_label"),
    "sst2": ("sst2/train.tsv", "sentence", "label"),
    "banking77": ("banking77/train.csv", "text", "category"),
    "cola": ("cola/train.tsv", "sentence", "label"),
    "ag_news": ("ag_news/train_sample.csv", "description", "label"),
}
SCORED = 1000
RECIPES: dict[str, dict[str, Any]] = {
    "before": {"epochs": 10, "head_factor": 1.0},
    "default": {},
    "one rate": {"head_factor": 1.0},
    "probe": {"start": "probe", "head_factor": 1.0},
    "contrastive": {"contrastive": 80},
    "fresh layer": {"fresh_layers": 1},
    "no dropout": {"dropout_factor": 0.0},
}
FEW = ("trec", "sst2", "banking77")
CELLS = (  # sets, rows, seed, recipe
    *((FEW, 100, 0, recipe) for recipe in RECIPES),
    *((FEW, 500, 0, recipe) for recipe in ("before", "default", "probe", "no dropout")),
    *((FEW, 100, 1, recipe) for recipe in RECIPES),
    *((("trec", "sst2", "cola", "ag_news"), 2000, 0, recipe) for recipe in ("default", "no dropout")),
    *((("sst2",), 6000, 0, recipe) for recipe in ("default", "no dropout")),
)


def load(name: str, rows: int, seed: int) -> tuple[Examples, list[str], np.ndarray]:
    """Return the rows to train on, and texts and classes of others of the training part."""
    path, text, label = SETS[name]
    with (DATA / path).open(encoding="utf-8", newline="") as file:
        tabs = {"delimiter": "\t", "quoting": csv.QUOTE_NONE} if path.endswith("tsv") else {}
        table = [(row[text].strip(), row[label]) for row in csv.DictReader(file, **tabs)]
    known = dict(table)  # a text once
    drawn = random.Random(seed).sample(sorted(known.items()), rows + SCORED)
    examples = Examples.of_texts([one for one, _ in drawn[:rows]], [label for _, label in drawn[:rows]], name)
    place = {label: number for number, label in enumerate(examples.names)}
    others = drawn[rows:]
    return examples, [one for one, _ in others], np.array([place.get(label, -1) for _, label in others])


def run(name: str, rows: int, seed: int, recipe: str) -> dict[str, Any]:
    """Fine-tune MiniLM on a cell's rows and score it on the others."""
    examples, texts, classes = load(name, rows, seed)
    training = FineTuning("minilm", choose_device(None), RECIPES[recipe])
    began = time.process_time()
    predictor = training.fit(examples, seed, Silent())
    seconds = time.process_time() - began
    right = predictor.predict(texts).argmax(axis=1) == classes
    return {"right": right.astype(int).tolist(), "seconds": round(seconds, 1)}


def cells() -> Iterator[tuple[str, int, int, str, Path]]:
    """Name each cell, with the file that it is written to."""
    for names, rows, seed, recipe in CELLS:
        for name in names:
            yield name, rows, seed, recipe, RESULTS / f"{name}-{rows}-{seed}-{recipe.replace(' ', '-')}.json"


def table() -> None:
    """Print each cell's accuracy, and its difference to the recipe's before on the same rows."""
    found = {
        (name, rows, seed, recipe): json.loads(path.read_text())
        for name, rows, seed, recipe, path in cells()
        if path.is_file()
    }
    for (name, rows, seed, recipe), cell in found.items():
        accuracy, base = np.mean(cell["right"]), found.get((name, rows, seed, "before"))
        gain = "" if base is None else f"{100 * (accuracy - np.mean(base['right'])):+5.1f}"
        print(
            f"{name:10} {rows:4} seed {seed} {recipe:12} {100 * accuracy:5.1f} {gain:>6} {cell['seconds']:6.1f} s"
        )


def main() -> None:
    """Run what is missing and print the table."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--table", action="store_true", help="only print what is there")
    RESULTS.mkdir(exist_ok=True)
    if not options.parse_args().table:
        for name, rows, seed, recipe, path in cells():
            if not path.is_file():
                path.write_text(json.dumps(run(name, rows, seed, recipe)))
                print(path.name, flush=True)
    table()


if __name__ == "__main__":
    main()
