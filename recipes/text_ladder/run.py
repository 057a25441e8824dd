"""Recipe: the text ladder on trec and sst2, seeds 0 to 4, beside a plain `transformers` loop on the same rows.

    python -m recipes.text_ladder.run --peer .venv-references/bin/python --model FOLDER   # every cell, then the table
    python -m recipes.text_ladder.run --table                                            # the table of what is there

Hardware: 2 cores. About 80 minutes in all (ours 30); each cell is written as JSON when it ends, and a cell that is
there is not run again. Expected means over the seeds (accuracy): trec n-grams >= 89, frozen >= 89, fine-tuned >= 96.0;
sst2 >= 75, >= 76.5, >= 82; the fine-tuned rung minus the peer, paired, with a lower end of at least -1 point.

The defaults of each rung are Headway's own; none was chosen on these test rows. MODEL is a folder with MiniLM's
published files, as transformers opens them.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from recipes.plain_transformers.call import ask
from recipes.plain_transformers.job import common
from recipes.text_ladder.rows import load

from headway.core.progress import Silent
from headway.core.seeding import derive
from headway.data.examples import Examples
from headway.ladder.encoder_training import FineTuning, settings_for
from headway.ladder.rungs import text_rungs
from headway.tasks import classification

SETS = ("trec", "sst2")
SEEDS = range(5)
RUNGS = ("ngrams", "frozen", "finetuned")
RESULTS = Path(__file__).parent / "results"


def our_cell(name: str, seed: int, rung_name: str) -> dict[str, object]:
    """Train one rung and predict the test rows."""
    training, (test_texts, _) = load(name, seed)
    rung = next(rung for rung in text_rungs(None) if rung.name == rung_name)
    started = time.perf_counter()
    predictor = rung.fit(Examples.of_texts(*training, "recipe"), seed, Silent())
    seconds = time.perf_counter() - started
    best = predictor.predict(test_texts).argmax(axis=1)
    return {"predicted": [predictor.labels[index] for index in best], "seconds": seconds}


def peer_cell(name: str, seed: int, python: str, model: str) -> dict[str, object]:
    """Run the peer in its own environment, with the fine-tuned rung's recipe and one rate for head and encoder."""
    (texts, labels), (scored, _) = load(name, seed)
    names = sorted(set(labels))
    settings = settings_for(len(texts), len(names))
    encoder = FineTuning("minilm", torch.device("cpu")).open(texts)
    head = classification.build(encoder, len(names), derive(seed, "head")).head
    lengths = [len(ids) for ids in encoder.tokenize(texts)]
    job = {
        "model": model,
        "rate": settings.learning_rate,
        "dropout": None,
        "bfloat16": False,
        "max_tokens": encoder.max_tokens,
        "classes": len(names),
        "inputs": [[text] for text in texts],
        "targets": [names.index(label) for label in labels],
        "scored": [[text] for text in scored],
        **common(lengths, head, seed=seed, epochs=settings.epochs, batch=settings.batch_size),
    }
    found = ask(python, "classify", job)
    return {"predicted": [names[best] for best in found["said"]], "seconds": found["seconds"]}


def accuracy_by_row(name: str, column: str) -> np.ndarray | None:
    """Return [seeds, test rows] of right (1) and wrong (0), or None when a cell is missing."""
    paths = [RESULTS / f"{name}-{column}-{seed}.json" for seed in SEEDS]
    if not all(path.is_file() for path in paths):
        return None
    right = []
    for seed, path in zip(SEEDS, paths, strict=True):
        truth = load(name, seed)[1][1]
        predicted = json.loads(path.read_text())["predicted"]
        right.append([guess == label for guess, label in zip(predicted, truth, strict=True)])
    return np.array(right, dtype=float)


def table() -> None:
    """Print each cell's mean over seeds with all seeds, and the paired difference to the peer."""
    random = np.random.default_rng(0)
    for name in SETS:
        for column in (*RUNGS, "peer"):
            right = accuracy_by_row(name, column)
            if right is not None:
                seeds = " ".join(f"{100 * value:.1f}" for value in right.mean(axis=1))
                print(f"{name:5} {column:10} mean {100 * right.mean():.2f}   seeds {seeds}")
        ours, peer = accuracy_by_row(name, "finetuned"), accuracy_by_row(name, "peer")
        if ours is None or peer is None:
            continue
        difference = (ours - peer).mean(axis=0)  # [test rows], over the seeds
        resampled = random.choice(difference, size=(10_000, len(difference))).mean(axis=1)
        low, high = 100 * np.quantile(resampled, [0.025, 0.975])
        print(
            f"{name:5} finetuned minus peer {100 * difference.mean():+.2f} (95 % {low:+.2f} to {high:+.2f})"
        )


def main() -> None:
    """Run the missing cells, cheapest first, then print the table."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument(
        "--peer", help="a Python that has torch and transformers; without it the peer is left out"
    )
    options.add_argument("--model", help="MiniLM's published files, for the peer")
    options.add_argument("--table", action="store_true", help="only print what is there")
    asked = options.parse_args()
    RESULTS.mkdir(exist_ok=True)
    columns = () if asked.table else (*RUNGS, *(("peer",) if asked.peer and asked.model else ()))
    for column in columns:
        for seed in SEEDS:
            for name in SETS:
                path = RESULTS / f"{name}-{column}-{seed}.json"
                if path.is_file():
                    continue
                if column == "peer":
                    cell = peer_cell(name, seed, asked.peer, asked.model)
                else:
                    cell = our_cell(name, seed, column)
                path.write_text(json.dumps(cell))
                print(f"{path.stem}: {cell['seconds']:.0f} s", file=sys.stderr, flush=True)
    table()


if __name__ == "__main__":
    main()
