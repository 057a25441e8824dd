"""Recipe: what ULMFiT's pretraining is worth on few labels, against the same network from fresh weights.

    python -m recipes.ulmfit.run twins    # 500 labels of trec, sst2 and nsmc, 3 seeds: against fresh weights
    python -m recipes.ulmfit.run figure   # trec and imdb: 100 and 500 labels with 3 seeds, all with one; matplotlib
    python -m recipes.ulmfit.run table    # the table of what is there
    python -m recipes.ulmfit.run figure --backward    # the same with the backward model, and the ensemble of both

Hardware: 2 cores, on each a process of one thread; designed for 90 minutes in all. Each cell is written as JSON when it
ends, and one that is there is not run again. The language model is tuned once for each seed and shared by all numbers
of labels, where it reads all training texts; never a test text. Reviews of imdb are cut to their first 200 words, which
is counted. Each arm has its own settings, chosen at 500 labels on 1,000 other training rows: its rate, and for the
pretrained ones whether layers thaw one after the other at discriminative rates, as in the paper, or learn all at once.

Expected: ULMFiT's paper claims the accuracy of ten to twenty times as many labels, with a general corpus of 103 million
words. These have read 2 million words of Austen, the Bible and Shakespeare: what comes out stands in docs/results.md.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from recipes.cells import Cell, missing
from recipes.stand_ins.run import ZOO
from recipes.ulmfit.arms import ARMS, CANDIDATES, learn
from recipes.ulmfit.rows import part, to_choose_by

from headway.core.device import cores

SEEDS = (0, 1, 2)
MODELS = {"trec": "awd-tiny", "sst2": "awd-tiny", "imdb": "awd-tiny", "nsmc": "awd-tiny-ko"}
TWINS = ("trec", "sst2", "nsmc")
FIGURE = ("trec", "imdb")
SIZES = (100, 500, None)  # None: all
CHOSEN_AT = 500
RESULTS = Path(__file__).parent / "results"
TUNED = RESULTS / "tuned"
DRAWN = Path(__file__).parents[2] / "docs" / "figures" / "ulmfit.svg"


def choosing(name: str) -> list[list[Cell]]:
    """Return the runs that choose each arm's settings, those together that share a language model."""
    return [
        [_choosing(name, arm, number) for number in range(len(candidates))]
        for arm, candidates in CANDIDATES.items()
    ]


def _choosing(name: str, arm: str, number: int) -> Cell:
    def work() -> dict[str, Any]:
        rows, settings = to_choose_by(name, CHOSEN_AT), CANDIDATES[arm][number]
        found = learn(arm, ZOO / MODELS[name], rows, settings, 1000, TUNED)
        return {"settings": settings, "accuracy": float(_right(rows.test[1], found).mean())}

    return Cell(RESULTS / f"{name}-choosing-{arm}-{number}.json", work, lambda: 30.0)


def _scored(name: str, arm: str, labels: int | None, seed: int, *, backward: bool = False) -> Cell:
    model = ZOO / (MODELS[name] + ("-backward" if backward else ""))

    def work() -> dict[str, Any]:
        kind = arm.removesuffix("-unlabelled")
        tried = [_choosing(name, kind, number).stored() for number in range(len(CANDIDATES[kind]))]
        settings = max(tried, key=lambda found: found["accuracy"])["settings"]
        rows = part(name, seed, labels)
        started = time.perf_counter()
        found = learn(arm, model, rows, settings, seed, TUNED)
        return {
            "settings": settings,
            "seconds": time.perf_counter() - started,
            "cut": rows.cut,
            "probabilities": found.round(6).tolist(),
        }

    size = "all" if labels is None else labels
    direction = "-backward" if backward else ""
    return Cell(RESULTS / f"{name}-{arm}{direction}-{size}-{seed}.json", work, lambda: 60.0)


def twins() -> list[list[Cell]]:
    """Return the runs that say whether pretraining is worth anything, those together that share a language model."""
    return [[_scored(name, arm, CHOSEN_AT, seed) for arm in ARMS[:2]] for name in TWINS for seed in SEEDS]


def figure(*, backward: bool) -> list[list[Cell]]:
    """Return the runs of the figure, those together that share a language model."""
    return [
        [
            _scored(name, arm, labels, seed, backward=backward)
            for labels in SIZES
            for arm in ARMS
            if (labels or seed == SEEDS[0])
            and not (labels is None and arm == ARMS[2])
            and not (backward and arm == ARMS[0])
        ]
        for name in FIGURE
        for seed in SEEDS
    ]


def strands(what: str, sets: Sequence[str], *, backward: bool) -> list[list[list[Cell]]]:
    """Return stages, the second of which needs what the first chose; of each the strands of cells that run one after
    the other in one process.
    """
    scored = {"twins": twins, "figure": partial(figure, backward=backward)}[what]()
    scored = [strand for strand in scored if _set_of(strand) in sets]
    chosen = [strand for name in dict.fromkeys(map(_set_of, scored)) for strand in choosing(name)]
    return [chosen, scored]


def _set_of(strand: list[Cell]) -> str:
    return strand[0].path.name.split("-")[0]


def run_strand(what: str, sets: Sequence[str], backward: bool, stage: int, number: int) -> None:
    """Run what is missing of a strand, in a process of its own with one thread."""
    torch.set_num_threads(1)
    for cell in missing(strands(what, sets, backward=backward)[stage][number]):
        started = time.perf_counter()
        cell.run()
        print(f"{cell.path.stem}: {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)


def run(what: str, sets: Sequence[str], *, backward: bool) -> None:
    """Run what is missing, a strand on each core, one stage after the other."""
    with ProcessPoolExecutor(cores(), get_context("spawn")) as pool:
        for stage, several in enumerate(strands(what, sets, backward=backward)):
            work = partial(run_strand, what, sets, backward, stage)
            for ended in [pool.submit(work, number) for number in range(len(several))]:
                ended.result()


def table() -> None:
    """Print each arm's accuracies, and what it has over the same network from scratch, paired over rows and seeds."""
    for name in MODELS:
        for labels in SIZES:
            seeds = SEEDS if labels else SEEDS[:1]
            truth = part(name, 0, labels).test[1]
            base = _accuracies(name, labels, seeds, truth, ARMS[0], (False,))
            for arm in ARMS:
                for directions in ((False,), (True,), (False, True)):
                    right = _accuracies(name, labels, seeds, truth, arm, directions)
                    if right is None:
                        continue
                    of_seeds = " ".join(f"{100 * value:.1f}" for value in right.mean(axis=1))
                    what = {(False,): "", (True,): " backward", (False, True): " both"}[directions]
                    over = "" if base is None or arm == ARMS[0] else f"  over scratch {_paired(right - base)}"
                    mean = f"mean {100 * right.mean():.1f}  seeds {of_seeds}"
                    print(f"{name:5}{labels or 'all':>5} {arm + what:32} {mean}{over}")


def draw_figure() -> None:
    """Draw the accuracies that are there, of the forward model."""
    from recipes.ulmfit.drawing import draw  # matplotlib

    found: dict[tuple[str, str], dict[int, list[float]]] = {}
    for name in FIGURE:
        for labels in SIZES:
            rows = part(name, 0, labels)
            seeds = SEEDS if labels else SEEDS[:1]
            for arm in ARMS:
                right = _accuracies(name, labels, seeds, rows.test[1], arm, (False,))
                if right is not None:
                    of_arm = found.setdefault((name, arm), {})
                    of_arm[len(rows.labelled[0])] = right.mean(axis=1).tolist()
    draw(found, FIGURE, DRAWN)
    print(f"drawn: {DRAWN}")


def _accuracies(
    name: str,
    labels: int | None,
    seeds: tuple[int, ...],
    truth: list[str],
    arm: str,
    directions: tuple[bool, ...],
) -> np.ndarray | None:
    """Return [seeds, test rows] of right and wrong, of a direction or of the mean of both; None: not all are there."""
    rows = []
    for seed in seeds:
        stored = [_scored(name, arm, labels, seed, backward=backward).stored() for backward in directions]
        if not all(stored):
            return None
        rows.append(_right(truth, np.mean([cell["probabilities"] for cell in stored], axis=0)))
    return np.array(rows, float)


def _right(truth: list[str], probabilities: np.ndarray) -> np.ndarray:
    names = sorted(set(truth))
    assert probabilities.shape[1] == len(names)
    return np.array([names[best] for best in probabilities.argmax(axis=1)]) == np.array(truth)


def _paired(difference: np.ndarray) -> str:
    mean = difference.mean(axis=0)  # [test rows], over the seeds
    resampled = np.random.default_rng(0).choice(mean, size=(10_000, len(mean))).mean(axis=1)
    low, high = 100 * np.quantile(resampled, [0.025, 0.975])
    return f"{100 * mean.mean():+.1f} (95 % {low:+.1f} to {high:+.1f})"


def main() -> None:
    """Run what is missing, then print the table."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("what", choices=("twins", "figure", "table"))
    options.add_argument("--backward", action="store_true", help="with the backward model")
    options.add_argument("--sets", help="only these, between commas")
    asked = options.parse_args()
    if asked.what != "table":
        run(asked.what, asked.sets.split(",") if asked.sets else tuple(MODELS), backward=asked.backward)
    table()
    if asked.what == "figure":
        draw_figure()


if __name__ == "__main__":
    main()
