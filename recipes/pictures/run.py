"""Pictures: how much a pretrained network is worth, on hymenoptera, trashnet and CIFAR-10, with MobileNetV2.

    python recipes/pictures/run.py settings  # rates and epochs of fine-tuning, on training pictures alone
    python recipes/pictures/run.py targets   # hymenoptera and trashnet: frozen and fine-tuned
    python recipes/pictures/run.py figure    # the lecture's figure: frozen, from scratch, fine-tuned at three sizes
    python recipes/pictures/run.py targets --table    # the table of what is there; the same for figure

Hardware: 2 cores, on each a process of one thread: together they train a quarter more pictures a second than one
process of two. Each cell is written as JSON when it ends, and a cell that is there is not run again; a cell that is not
begun by `--minutes` is left for the next time. Everything is trained with the settings that `headway fit` chooses.

settings. Of the training pictures of trashnet (split 0) and hymenoptera a quarter is held out and scored; trashnet with
100 and with all the others, hymenoptera with all.

targets. hymenoptera, official split, 224 pixels, seeds 0 to 2. Expected: frozen at least 145 of 153 right (scikit-learn
on the same pooled vectors: 147), fine-tuned not worse beyond chance. trashnet, 160 pixels, a quarter held out, splits 0
to 2. Expected: frozen at least 83.5 %, fine-tuned at least 87 %.

figure. trashnet (160 pixels, split 0) and cifar10 (64 pixels, its own test part) at 100, 1,000 and all pictures; from
scratch at most 30 epochs; seeds 0 to 2 at 100 and 1,000, seed 0 at all. Ten times in a training accuracy on training
and on test pictures, at most 300 of each: over-fitting is what opens between the two. Expected: at 100
and 1,000 pictures the network from scratch ends far above its test accuracy on the training pictures, and far below
the frozen one on the test pictures.
"""

import argparse
import json
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sets import quarter_held_out, read, sample

from headway.core.device import cores
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
FIGURE = Path(__file__).parents[2] / "docs" / "figures" / "pictures.svg"
SIDES = {"hymenoptera": 224, "trashnet": 160, "cifar10": 64}
SIZES = (100, 1000, 0)  # 0: all
SEEDS = range(3)
FIRST_CHOICE_SPLIT = 10
TRIED = (  # set, pictures (0: all), seed, rates, epochs
    ("trashnet", 0, 0, (3e-4, 1e-3), 8),
    ("trashnet", 0, 0, (3e-4, 5e-4, 1e-3), 16),
    ("trashnet", 100, 1, (1e-4, 3e-4, 1e-3), 20),
    ("trashnet", 100, 1, (3e-4, 1e-3), 40),
    ("hymenoptera", 0, 0, (3e-4, 1e-3), 20),
)
MODELS = ("frozen", "scratch", "finetuned")
LOOKED_AT = 300  # pictures of each part on which accuracy is measured in between
POINTS = 10  # at which it is
CPU = torch.device("cpu")


class Part:
    """Some pictures that are decoded once, and their classes."""

    def __init__(self, examples: Examples, encoder: PictureEncoder) -> None:
        self.pixels = list(encoder.pixels(examples.inputs))
        self.targets = examples.targets

    def accuracy(self, model: Classifier, encoder: PictureEncoder) -> float:
        """Return the share that a model gets right, which stays in training if it was."""
        training = model.training
        found = classification.probabilities(model, encoder.of_pixels, self.pixels).argmax(axis=1)
        model.train(training)
        return float((found == self.targets).mean())


class Curves:
    """Accuracy in the course of a training on some of the training pictures and of the test pictures."""

    def __init__(self, training: Examples, test: Examples, encoder: PictureEncoder, epochs: int) -> None:
        self.parts = {
            name: Part(sample(examples, LOOKED_AT, 0), encoder)
            for name, examples in (("training", training), ("test", test))
        }
        self.looks = {round(epochs * (point + 1) / POINTS) - 1 for point in range(POINTS)}
        self.found: dict[str, list[float]] = {"epochs": []} | {name: [] for name in self.parts}

    def __call__(self, model: Classifier, encoder: PictureEncoder, epoch: int) -> None:
        """Measure after an epoch, counted from 0."""
        if epoch not in self.looks:
            return
        self.found["epochs"].append(epoch + 1)
        for name, part in self.parts.items():
            self.found[name].append(part.accuracy(model, encoder))


read_once = cache(read)


@cache
def parts_of(name: str, split: int) -> tuple[Examples, Examples]:
    """Return the training and the test pictures of a set."""
    examples, own_test = read_once(name)
    return (examples, own_test) if own_test else quarter_held_out(examples, split)


@dataclass(frozen=True)
class Cell:
    """One model, trained on some pictures of a set (0: all) and scored on its test pictures.

    A ``recipe`` takes the place of what `headway fit` chooses, and is scored on training pictures that are held out.
    """

    model: str
    name: str
    size: int
    seed: int
    split: int
    curves: bool = False
    recipe: tuple[tuple[str, float], ...] = ()

    def found(self) -> dict[str, Any]:
        """Train, and predict the test pictures."""
        training, test = parts_of(self.name, self.split)
        if self.recipe:
            training, test = quarter_held_out(training, FIRST_CHOICE_SPLIT + self.seed)
        if self.size:
            training = sample(training, self.size, self.seed)
        side = SIDES[self.name]
        trunk, watch = PictureTrunk("mobilenet-v2", CPU, side), None
        started = time.perf_counter()
        if self.model == "frozen":
            predictor = FrozenPictureTraining(trunk).fit(training, self.seed, Silent())
        else:
            recipe = {"side": side, **dict(self.recipe)}
            rung = PictureTraining(trunk, from_scratch=self.model == "scratch", recipe=recipe)
            if self.curves:
                rung.watch = watch = Curves(
                    training, test, trunk.encoder, rung.settings(len(training)).epochs
                )
            predictor = rung.fit(training, derive(self.seed, self.model), Silent())
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


def settings() -> Iterator[tuple[str, Cell]]:
    """Yield the cells by which the settings of fine-tuning were chosen."""
    for name, size, seed, rates, epochs in TRIED:
        for rate in rates:
            recipe = (("learning_rate", rate), ("epochs", epochs))
            cell = Cell("finetuned", name, size, seed, split=0, recipe=recipe)
            yield f"settings-{name}-{size or 'all'}-{rate:g} for {epochs}-{seed}", cell


def targets() -> Iterator[tuple[str, Cell]]:
    """Yield the cells of the targets."""
    for name in ("hymenoptera", "trashnet"):
        for seed in SEEDS:
            for model in ("frozen", "finetuned"):
                if model == "frozen" and name == "hymenoptera" and seed > 0:
                    continue  # it has one split, and nothing in it is left to chance
                cell = Cell(model, name, 0, seed, split=seed)
                yield f"targets-{name}-{model}-{seed}", cell


def figure() -> Iterator[tuple[str, Cell]]:
    """Yield the cells of the figure, the small ones first."""
    for size in SIZES:
        for name in ("trashnet", "cifar10"):
            for seed in SEEDS if size else (0,):
                for model in MODELS:
                    cell = Cell(model, name, size, seed, split=0, curves=model != "frozen")
                    yield f"figure-{name}-{size or 'all'}-{model}-{seed}", cell


PARTS = {"settings": settings, "targets": targets, "figure": figure}


def run(name: str, cell: Cell, latest: float) -> None:
    """Run a cell, in a process of its own with one thread, and write what it found; begin none after ``latest``."""
    if time.time() > latest:
        return
    torch.set_num_threads(1)
    found = cell.found()
    write_json(RESULTS / f"{name}.json", found, indent=None)
    print(f"{name}: {100 * np.mean(found['right']):.1f} in {found['seconds']:.0f} s", flush=True)


def found_cells() -> dict[tuple[str, str, str], list[dict[str, Any]]]:
    """Return the figure's cells that are there by set, size and model, one a seed."""
    found: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for path in sorted(RESULTS.glob("figure-*.json")):
        _, name, size, model, _ = path.stem.split("-")
        found.setdefault((name, size, model), []).append(json.loads(path.read_text()))
    return found


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
    parser.add_argument("part", choices=tuple(PARTS))
    parser.add_argument("--table", action="store_true", help="print what is there and run nothing")
    parser.add_argument("--only", default="", help="run only the cells whose names hold this")
    parser.add_argument("--minutes", type=float, default=90, help="begin no cell later than this")
    arguments = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    if not arguments.table:
        latest = time.time() + 60 * arguments.minutes
        cells = dict(PARTS[arguments.part]())
        missing = [
            name for name in cells if arguments.only in name and not (RESULTS / f"{name}.json").exists()
        ]
        with ProcessPoolExecutor(cores(), get_context("spawn")) as pool:
            for ended in [pool.submit(run, name, cells[name], latest) for name in missing]:
                ended.result()
    table(arguments.part)
    if arguments.part == "figure":
        from drawing import draw  # matplotlib

        draw(found_cells(), ("trashnet", "cifar10"), [str(size or "all") for size in SIZES], FIGURE)
        print(f"drawn: {FIGURE}")


if __name__ == "__main__":
    main()
