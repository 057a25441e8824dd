"""Recipe: MiniLM fine-tuned on GLUE's tasks, SNLI and SQuAD, beside a plain `transformers` loop on the same rows.

    python -m recipes.glue_minilm.run --peer .venv-references/bin/python --model FOLDER   # every cell, then the table
    python -m recipes.glue_minilm.run --estimate                                         # how long it would take
    python -m recipes.glue_minilm.run --table                                            # the table of what is there
    python -m recipes.glue_minilm.run --only rte,cola --seeds 0 --minutes 20             # some, for at most so long

Hardware: 2 cores, a cell on each, about 90 minutes in all. Each cell is a process of its own and written as JSON when
it ends; one that is there is not run again. MODEL is a folder with MiniLM's published files, as transformers opens
them; without --peer and --model only Headway's cells are run. --rows tries the recipe on a few rows, apart from the
others' results.

Expected: Headway minus the plain loop, paired over rows and the mean of 3 seeds, with a lower end of at least -1.5
points on every task. Batches, the head's first values, epochs and rate are the same on both sides, and nothing is
dropped: dropout is drawn differently by the two, and with it three seeds differ by luck by more than that on the
smaller tasks (--dropout: as the published model drops; its cells are kept apart). How few the epochs are (2 on GLUE's
tasks, 1 on SNLI and SQuAD) was chosen by the time there is; no scored row took part in that. Headway's own defaults
differ. What came out stands in docs/results.md.
"""

import argparse
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

from recipes.cells import Cell, missing
from recipes.glue_minilm.tasks import TASKS, sample

from headway.core.device import cores
from headway.core.times import human_seconds

ARMS = ("headway", "transformers")
SEEDS = (0, 1, 2)
RESULTS = Path(__file__).parent / "results"
LEARNED = {"headway": 1550, "transformers": 1370}  # tokens a second that one core of a Zen 4 trains on
ANSWERED = {"headway": 3600, "transformers": 2300}  # and predicts
BEGINNING = 8  # seconds until a process computes
LONGEST = 1800  # seconds, beyond which a cell is given up


def cell(name: str, arm: str, seed: int, asked: argparse.Namespace) -> Cell:
    """Return what is run for a task, one of the arms and a seed."""
    task = TASKS[name]

    def work() -> dict[str, Any]:
        from recipes.glue_minilm import arms

        training, scored = (sample(part, asked.rows, seed) for part in task.load(seed))
        if arm == "headway":
            return arms.headway(task, training, scored, seed, asked.dropout)
        return arms.transformers(task, training, scored, seed, asked.dropout, asked.peer, asked.model)

    def estimate() -> float:
        learned, answered = _tokens(name, asked.rows)
        return BEGINNING + task.epochs * learned / LEARNED[arm] + answered / ANSWERED[arm]

    folder = RESULTS / "dropout" if asked.dropout else RESULTS
    if asked.rows is not None:
        folder = folder / f"{asked.rows}-rows"
    return Cell(folder / f"{name}-{arm}-{seed}.json", work, estimate)


@cache
def _tokens(name: str, rows: int | None) -> tuple[int, int]:
    from recipes.glue_minilm import arms

    training, scored = (sample(part, rows, 0) for part in TASKS[name].load(0))
    return arms.tokens(training), arms.tokens(scored)


def run_all(todo: list[Cell], options: list[str], seconds: float) -> None:
    """Run each cell in a process of its own on one core; none begins that would not end within the seconds."""
    deadline = time.monotonic() + seconds
    one_core = {**os.environ, **{f"{name}_NUM_THREADS": "1" for name in ("OMP", "MKL", "NUMBA")}}

    def run(cell: Cell) -> None:
        if time.monotonic() + cell.estimate() > deadline:
            return
        began = time.monotonic()
        command = [sys.executable, "-m", "recipes.glue_minilm.run", *options, "--cell", cell.path.stem]
        try:
            done = subprocess.run(command, env=one_core, timeout=LONGEST, check=False)
            said = f"failed ({done.returncode})" if done.returncode else f"{time.monotonic() - began:.0f} s"
        except subprocess.TimeoutExpired:
            said = f"given up after {LONGEST} s"
        print(f"{cell.path.stem}: {said}", file=sys.stderr, flush=True)

    with ThreadPoolExecutor(cores()) as workers:
        list(workers.map(run, todo))


def table(asked: argparse.Namespace) -> None:
    """Print what is there: of each task those of the seeds that both arms have, or that the one has that was run."""
    from recipes.glue_minilm.figures import lines

    every = [int(seed) for seed in asked.seeds.split(",")]
    for name, task in TASKS.items():
        stored = {arm: {seed: cell(name, arm, seed, asked).stored() for seed in every} for arm in ARMS}
        said = {
            arm: {seed: one["said"] for seed, one in found.items() if one} for arm, found in stored.items()
        }
        said = {arm: found for arm, found in said.items() if found}
        if not said:
            continue
        seeds = sorted(set.intersection(*(set(found) for found in said.values())))
        scored = sample(task.load(0)[1], asked.rows, 0)
        for metric in task.metrics if seeds else ():
            for line in lines(
                metric, scored, {arm: [found[seed] for seed in seeds] for arm, found in said.items()}
            ):
                print(f"{name:6} {metric.name:12} {line}")


def main() -> None:
    """Say the estimate, run what is missing, print the table."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--peer", help="a Python that has torch and transformers")
    options.add_argument("--model", help="MiniLM's published files, for the peer")
    options.add_argument("--only", help="these tasks, between commas", default=",".join(TASKS))
    options.add_argument("--seeds", help="these seeds, between commas", default=",".join(map(str, SEEDS)))
    options.add_argument("--minutes", type=float, default=90, help="begin nothing that would take longer")
    options.add_argument("--rows", type=int, help="of each part, to try the recipe")
    options.add_argument("--dropout", action="store_true", help="drop what the published model drops")
    options.add_argument("--estimate", action="store_true", help="only say how long it would take")
    options.add_argument("--table", action="store_true", help="only print what is there")
    options.add_argument("--cell", help="run this one, in this process")
    asked = options.parse_args()
    arms = ARMS if asked.estimate or (asked.peer and asked.model) else ARMS[:1]
    todo = [
        cell(name, arm, int(seed), asked)
        for seed in asked.seeds.split(",")
        for name in asked.only.split(",")
        for arm in arms
    ]
    if asked.cell:
        (one,) = (one for one in todo if one.path.stem == asked.cell)
        one.run()
        return
    if not asked.table:
        seconds = sum(one.estimate() for one in missing(todo))
        print(f"{len(missing(todo))} cells, about {human_seconds(seconds)} of one core", flush=True)
        if asked.estimate:
            return
        given = {"--peer": asked.peer, "--model": asked.model, "--rows": asked.rows, "--seeds": asked.seeds}
        words = [word for key, value in given.items() if value is not None for word in (key, str(value))]
        run_all(missing(todo), words + ["--dropout"] * asked.dropout, 60 * asked.minutes)
    table(asked)


if __name__ == "__main__":
    main()
