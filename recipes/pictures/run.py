"""Pictures: how much a pretrained network is worth, on hymenoptera, trashnet and CIFAR-10, with MobileNetV2.

    python recipes/pictures/run.py targets   # hymenoptera and trashnet: frozen and fine-tuned
    python recipes/pictures/run.py figure    # the lecture's figure: frozen, from scratch, fine-tuned at three sizes
    python recipes/pictures/run.py targets --table    # the table of what is there; the same for figure

Hardware: 2 cores. Each cell is written as JSON when it ends, and a cell that is there is not run again; a cell that is
not begun by `--minutes` is left for the next time. Everything is trained with the settings that `headway fit` chooses.

targets. hymenoptera, official split, 224 pixels, seeds 0 to 2. Expected: frozen at least 145 of 153 right (scikit-learn
on the same pooled vectors: 147), fine-tuned not worse beyond chance. trashnet, 160 pixels, a quarter held out, splits 0
to 2. Expected: frozen at least 83.5 %, fine-tuned at least 87 %.

figure. trashnet (160 pixels, split 0) and cifar10 (64 pixels, its own test part) at 100, 1,000 and all pictures; from
scratch at most 30 epochs; seeds 0 to 2 at 100 and 1,000, seed 0 at all. After each epoch accuracy on the training
pictures (at most 500 of them) and on the test pictures: over-fitting is what opens between the two. Expected: at 100
and 1,000 pictures the network from scratch ends far above its test accuracy on the training pictures, and far below
the frozen one on the test pictures.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sets import quarter_held_out, read, sample

from headway.core.files import write_json
from headway.core.progress import Silent
from headway.core.seeding import derive
from headway.data.examples import Examples
from headway.ladder.picture_training import FrozenPictureTraining, PictureTraining, PictureTrunk
from headway.metrics.bootstrap import paired
from headway.models.heads import Classifier
from headway.tasks import classification
from headway.tasks.picture_encoder import PictureEncoder

RESULTS = Path(__file__).parent / "results"
SIDES = {"hymenoptera": 224, "trashnet": 160, "cifar10": 64}
SIZES = (100, 1000, 0)  # 0: all
SEEDS = range(3)
MODELS = ("frozen", "scratch", "finetuned")
LOOKED_AT = 500  # training pictures on which each epoch's accuracy is measured, and test pictures of cifar10
CPU = torch.device("cpu")


def accuracy(model: Classifier, encoder: PictureEncoder, examples: Examples) -> float:
    """Return the share of the examples that a model gets right, which stays in training if it was."""
    training = model.training
    found = classification.probabilities(model, encoder, examples.inputs).argmax(axis=1)
    model.train(training)
    return float((found == examples.targets).mean())


class Curves:
    """Accuracy after each epoch on the training pictures and on the test pictures, some of each."""

    def __init__(self, training: Examples, test: Examples) -> None:
        self.parts = {
            "training": sample(training, LOOKED_AT, 0),
            "test": sample(test, LOOKED_AT, 0),
        }
        self.found: dict[str, list[float]] = {name: [] for name in self.parts}

    def __call__(self, model: Classifier, encoder: PictureEncoder, epoch: int) -> None:
        for name, part in self.parts.items():
            self.found[name].append(accuracy(model, encoder, part))


def cell(
    model: str, training: Examples, test: Examples, side: int, seed: int, curves: bool
) -> dict[str, Any]:
    """Train one model and predict the test pictures."""
    trunk, watch = PictureTrunk("mobilenet-v2", CPU, side), Curves(training, test) if curves else None
    started = time.perf_counter()
    if model == "frozen":
        predictor = FrozenPictureTraining(trunk).fit(training, seed, Silent())
    else:
        rung = PictureTraining(trunk, from_scratch=model == "scratch", recipe={"side": side}, watch=watch)
        predictor = rung.fit(training, derive(seed, model), Silent())
    seconds = time.perf_counter() - started
    right = predictor.predict(test.inputs).argmax(axis=1) == test.targets
    on_training = sample(training, LOOKED_AT, 0)
    fitted = predictor.predict(on_training.inputs).argmax(axis=1) == on_training.targets
    return {
        "right": right.tolist(),
        "training accuracy": float(fitted.mean()),
        "curves": None if watch is None else watch.found,
        "seconds": seconds,
        "settings": predictor.settings,
    }


def targets() -> Iterator[tuple[str, Callable[[], dict[str, Any]]]]:
    """Yield the cells of the targets."""
    for name in ("hymenoptera", "trashnet"):
        examples, own_test = read(name)
        for seed in SEEDS:
            parts = (examples, own_test) if own_test else quarter_held_out(examples, seed)
            for model in ("frozen", "finetuned"):
                if (
                    model == "finetuned" or own_test is None or seed == 0
                ):  # the frozen one is the same each time
                    yield (
                        f"targets-{name}-{model}-{seed}",
                        partial(cell, model, *parts, SIDES[name], seed, False),
                    )


def figure() -> Iterator[tuple[str, Callable[[], dict[str, Any]]]]:
    """Yield the cells of the figure, the small ones first."""
    sets = {}
    for name in ("trashnet", "cifar10"):
        examples, own_test = read(name)
        sets[name] = (examples, own_test) if own_test else quarter_held_out(examples, 0)
    for size in SIZES:
        for name, (training, test) in sets.items():
            for seed in SEEDS if size else (0,):
                for model in MODELS:
                    some = sample(training, size, seed) if size else training
                    curves = model != "frozen"
                    yield (
                        f"figure-{name}-{size or 'all'}-{model}-{seed}",
                        partial(cell, model, some, test, SIDES[name], seed, curves),
                    )


def table(part: str) -> None:
    """Print test accuracy, accuracy on the training pictures, and seconds, of what is there."""
    found: dict[str, list[dict[str, Any]]] = {}
    for path in sorted(RESULTS.glob(f"{part}-*.json")):
        found.setdefault(path.stem.rpartition("-")[0], []).append(json.loads(path.read_text()))
    for name, cells in found.items():
        shares = [100 * np.mean(each["right"]) for each in cells]
        fitted = [100 * each["training accuracy"] for each in cells]
        seconds = np.mean([each["seconds"] for each in cells])
        counts = " ".join(f"{sum(each['right'])}/{len(each['right'])}" for each in cells)
        print(
            f"{name:32} {np.mean(shares):5.1f} ({' '.join(f'{share:.1f}' for share in shares)})"
            f"  training {np.mean(fitted):5.1f}  {seconds:6.0f} s  {counts}"
        )
    for name in ("hymenoptera", "trashnet") if part == "targets" else ():
        frozen, tuned = (found.get(f"targets-{name}-{model}", []) for model in ("frozen", "finetuned"))
        if len(tuned) == len(SEEDS) and frozen:
            pairs = [(frozen[seed % len(frozen)]["right"], tuned[seed]["right"]) for seed in SEEDS]
            first, second = (np.concatenate([pair[i] for pair in pairs]).astype(np.int64) for i in (0, 1))
            true = np.ones_like(first)
            difference = paired("accuracy", true, second, first, 2, seed=0)
            print(
                f"{name}: fine-tuned minus frozen {100 * difference.difference:+.1f} points"
                f" ({100 * difference.low:+.1f} to {100 * difference.high:+.1f}), over {len(SEEDS)} trainings"
            )


def main() -> None:
    """Run the cells that are not there, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("part", choices=("targets", "figure"))
    parser.add_argument("--table", action="store_true", help="print what is there and run nothing")
    parser.add_argument("--only", default="", help="run only the cells whose names hold this")
    parser.add_argument("--minutes", type=float, default=90, help="begin no cell later than this")
    arguments = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    began = time.monotonic()
    if not arguments.table:
        for name, run in {"targets": targets, "figure": figure}[arguments.part]():
            path = RESULTS / f"{name}.json"
            late = time.monotonic() - began > 60 * arguments.minutes
            if path.exists() or arguments.only not in name or late:
                continue
            found = run()
            write_json(path, found, indent=None)
            print(f"{name}: {100 * np.mean(found['right']):.1f} in {found['seconds']:.0f} s", flush=True)
    table(arguments.part)


if __name__ == "__main__":
    main()
