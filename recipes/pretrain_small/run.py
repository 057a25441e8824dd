"""Recipe: a small BERT pretrained here, then fine-tuned on 2,000 rows of sst2, against the same network from scratch.

    python -m recipes.pretrain_small.run              # the estimate, every cell that is missing, the table
    python -m recipes.pretrain_small.run --estimate   # the estimate alone
    python -m recipes.pretrain_small.run --table      # the table of what is there

Hardware: 2 cores, designed for at most 30 minutes, most of them the pretraining; each cell is written as JSON when it
ends, and one that is there is not run again. Corpus: Jane Austen's six novels, the King James Bible and Shakespeare
(public domain, lm_austen, lm_kjv and lm_tinyshakespeare of the shared data), 9 million characters; of each file the
last 5 % of the lines are held out.

Expected: held-out masked tokens named rightly more often than by the unigram model; on sst2's validation part, looked
at once, fine-tuned minus from scratch, paired over rows and 3 seeds, with a lower end above 0. Both arms have the same
network, vocabulary and steps, and each its own learning rate, chosen on training rows that no seed is scored with.
"""

import argparse
import json
import os
import shutil
import sys
import time
from pathlib import Path

import numpy as np
import torch
from recipes.text_ladder.rows import DATA, load

from headway import api
from headway.cli.display import PlainLines
from headway.core.progress import Silent
from headway.core.seeding import derive
from headway.core.times import human_seconds
from headway.data.corpus import read_corpus
from headway.ladder.encoder_training import fine_tune
from headway.models.bert import initialize
from headway.tasks import classification
from headway.tasks.encoder import TextEncoder
from headway.training.pretraining import Order, pretraining_class, seconds_per_step
from headway.training.settings import TrainingSettings

HERE = Path(__file__).parent
RESULTS = HERE / "results"
CORPUS, BERT = RESULTS / "corpus", RESULTS / "bert"
SIZE, PRETRAINING_EPOCHS = "tiny", 10
ARMS = ("scratch", "pretrained")
SEEDS = (0, 1, 2)
RATES, CHOOSING_SEEDS = (1e-4, 3e-4, 1e-3), (10, 11)  # samples of sst2's training part of their own
CHOOSING_ROWS = 1600  # of a sample's 2,000; the rest choose the rate
EPOCHS = 10


def gather_corpus() -> None:
    """Put the texts into one folder."""
    CORPUS.mkdir(parents=True, exist_ok=True)
    files = {f"austen-{path.stem}": path for path in (DATA / "lm_austen").glob("*.txt")}
    files |= {"bible": DATA / "lm_kjv" / "kjv.txt", "shakespeare": DATA / "lm_tinyshakespeare" / "input.txt"}
    for name, path in files.items():
        shutil.copyfile(path, CORPUS / f"{name}.txt")


def estimate() -> float:
    """Time a few steps of the pretraining, and return the seconds that all missing cells would take."""
    seconds = 0.0
    if not (RESULTS / "pretraining.json").is_file():
        order = Order(corpus=CORPUS, architecture="bert", size=SIZE, epochs=PRETRAINING_EPOCHS)
        work = pretraining_class("bert").prepare(read_corpus(CORPUS), order, torch.device("cpu"))
        steps = len(work.epoch_batches(0)) * PRETRAINING_EPOCHS
        per_step = seconds_per_step(work, 0)
        print(f"pretraining: {steps:,} steps, about {human_seconds(steps * per_step)}")
        seconds += steps * per_step + 60  # and the tokenizer, twice
    runs = len([path for path in cells() if not path.is_file()])
    print(f"fine-tuning: {runs} runs of some 20 s")
    return seconds + 20 * runs


def cells() -> list[Path]:
    """Return the files of all fine-tuning cells: those that choose a rate first."""
    choosing = [f"rate-{arm}-{rate:g}-{seed}" for arm in ARMS for rate in RATES for seed in CHOOSING_SEEDS]
    scored = [f"{arm}-{seed}" for arm in ARMS for seed in SEEDS]
    return [RESULTS / f"{name}.json" for name in [*choosing, *scored]]


def pretrain() -> None:
    """Pretrain, and keep the record beside the other cells."""
    shutil.rmtree(BERT, ignore_errors=True)
    api.pretrain(CORPUS, size=SIZE, epochs=PRETRAINING_EPOCHS, out=BERT, progress=PlainLines())
    shutil.copyfile(BERT / "pretraining.json", RESULTS / "pretraining.json")


def learn(
    arm: str, texts: list[str], labels: list[str], rate: float, seed: int, asked: list[str]
) -> list[str]:
    """Train one arm and return its labels for the texts asked."""
    names = sorted(set(labels))
    encoder = TextEncoder.from_folder(BERT, torch.device("cpu"))
    if arm == "scratch":
        with torch.random.fork_rng():
            torch.manual_seed(derive(seed, "scratch"))
            for module in encoder.backbone.modules():  # the same network and vocabulary, drawn afresh
                initialize(module)
                if isinstance(module, torch.nn.LayerNorm):
                    module.reset_parameters()
    model = classification.build(encoder, len(names), derive(seed, "head"))
    targets = np.array([names.index(label) for label in labels])
    settings = TrainingSettings(epochs=EPOCHS, learning_rate=rate)
    fine_tune(model, encoder, texts, targets, settings, seed, Silent())
    return [names[best] for best in classification.probabilities(model, encoder, asked).argmax(axis=1)]


def choosing_cell(arm: str, rate: float, seed: int) -> dict[str, object]:
    """Score one rate on training rows held out for that."""
    (texts, labels), _ = load("sst2", seed)
    predicted = learn(arm, texts[:CHOOSING_ROWS], labels[:CHOOSING_ROWS], rate, seed, texts[CHOOSING_ROWS:])
    right = [a == b for a, b in zip(predicted, labels[CHOOSING_ROWS:], strict=True)]
    return {"accuracy": float(np.mean(right))}


def chosen_rate(arm: str) -> float:
    """Return the rate that did best on the choosing rows."""

    def mean(rate: float) -> float:
        files = [RESULTS / f"rate-{arm}-{rate:g}-{seed}.json" for seed in CHOOSING_SEEDS]
        return float(np.mean([json.loads(file.read_text())["accuracy"] for file in files]))

    return max(RATES, key=mean)


def cell(path: Path) -> dict[str, object]:
    """Run the cell of that file."""
    words = path.name.removesuffix(".json").split("-", 2)
    if words[0] == "rate":
        rate, seed = words[2].rsplit("-", 1)
        return choosing_cell(words[1], float(rate), int(seed))
    arm, seed = words
    training, (texts, _) = load("sst2", int(seed))
    rate = chosen_rate(arm)
    return {"rate": rate, "predicted": learn(arm, *training, rate, int(seed), texts)}


def table() -> None:
    """Print what is there: the held-out figures, each arm, and the paired difference."""
    record = RESULTS / "pretraining.json"
    if record.is_file():
        for name, value in json.loads(record.read_text())["figures"].items():
            print(f"held-out {name} {value:.3f}")
    right: dict[str, np.ndarray] = {}
    for arm in ARMS:
        files = [RESULTS / f"{arm}-{seed}.json" for seed in SEEDS]
        if not all(file.is_file() for file in files):
            return
        truth = np.array(load("sst2", 0)[1][1])
        stored = [json.loads(file.read_text()) for file in files]
        right[arm] = np.array([np.array(part["predicted"]) == truth for part in stored], float)
        seeds = " ".join(f"{100 * value:.1f}" for value in right[arm].mean(axis=1))
        print(
            f"sst2 {arm:10} mean {100 * right[arm].mean():.2f}   seeds {seeds}   rate {stored[0]['rate']:g}"
        )
    difference = (right["pretrained"] - right["scratch"]).mean(axis=0)  # [test rows], over the seeds
    random = np.random.default_rng(0)
    resampled = random.choice(difference, size=(10_000, len(difference))).mean(axis=1)
    low, high = 100 * np.quantile(resampled, [0.025, 0.975])
    print(f"sst2 pretrained minus scratch {100 * difference.mean():+.2f} (95 % {low:+.2f} to {high:+.2f})")


def main() -> None:
    """Say the estimate, run what is missing, print the table."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--estimate", action="store_true", help="only say how long it would take")
    options.add_argument("--table", action="store_true", help="only print what is there")
    asked = options.parse_args()
    if not asked.table:
        torch.set_num_threads(min(2, os.cpu_count() or 1))
        gather_corpus()
        print(f"about {human_seconds(estimate())} in all", flush=True)
        if asked.estimate:
            return
        if not (RESULTS / "pretraining.json").is_file():
            pretrain()
        for path in cells():
            if not path.is_file():
                started = time.perf_counter()
                path.write_text(json.dumps(cell(path)))
                print(f"{path.stem}: {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)
    table()


if __name__ == "__main__":
    main()
