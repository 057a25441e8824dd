"""Fine-tuning against `transformers` at its strongest and at its default, on real texts of three lengths.

    finetune.py speed FOLDER      real tokens a second, contenders in turn in one process; the share of the GEMM peak
    finetune.py base FOLDER       the same at BERT-base's size, random weights
    finetune.py memory FOLDER     peak memory, each contender in a process of its own
    finetune.py score FOLDER      held-out accuracy of finished trainings, and of the peer's in the time ours took
    finetune.py frozen FOLDER     ten epochs of training a head on the frozen encoder

FOLDER holds MiniLM's published files. Rows come from training parts only. Goals: tokens a second, the geometric mean
over the sets, at least 1.5 times the strongest and 4 times the default, no set below 1.1; at BERT-base's size at least
1.15 times the strongest; no more peak memory; the same accuracy within the spread of seeds; frozen at least 8 times.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from texts import load_labelled
from timing import alternate, report
from trainers import BASE, CONTENDERS, FROZEN, MAX_TOKENS, Contender, Work
from transformers import AutoTokenizer

ROWS = {"sst2": 512, "banking77": 512, "imdb": 128}
BASE_ROWS = {"sst2": 96, "banking77": 96, "imdb": 32}
MINILM = {"d_model": 384, "d_ff": 1536, "num_layers": 6}


def work(folder: str, name: str, rows: int, size: str = "minilm", seed: int = 0) -> Work:
    """Take rows of a set."""
    texts, labels = load_labelled(name, rows, seed)
    names = sorted(set(labels))
    targets = np.array([names.index(label) for label in labels])
    return Work(folder, texts, targets, len(names), size, seed)


def tokens_of(job: Work) -> list[int]:
    tokenizer = AutoTokenizer.from_pretrained(job.folder)
    return [len(ids) for ids in tokenizer(job.texts, truncation=True, max_length=MAX_TOKENS)["input_ids"]]


def speed(folder: str, rows: Mapping[str, int], size: str, rounds: int) -> None:
    """Time one epoch of each contender on each set."""
    peak = gemm_peak()
    print(f"bfloat16 products: {peak / 1e9:.0f} GFLOP/s at most on this machine")
    ratios: dict[str, list[float]] = {}
    for name, count in rows.items():
        job = work(folder, name, count, size)
        lengths = tokens_of(job)
        made = {title: make(job) for title, make in CONTENDERS.items()}
        times = alternate({title: one_epoch(contender) for title, contender in made.items()}, rounds)
        tokens = sum(lengths)
        report(
            f"{name}: {count} texts, {tokens / count:.0f} tokens each", times, "headway", tokens, "tokens/s"
        )
        needed = flops(lengths, BASE if size == "base" else MINILM)
        print(
            f"  headway at {needed / statistics.median(times['headway']) / peak:.0%} of the peak of its products"
        )
        for title, seconds in times.items():
            pairs = [theirs / ours for theirs, ours in zip(seconds, times["headway"], strict=True)]
            ratios.setdefault(title, []).append(statistics.median(pairs))
    for title, found in ratios.items():
        print(f"geometric mean, {title}: {prod(found) ** (1 / len(found)):.2f} (least {min(found):.2f})")


def one_epoch(contender: Contender) -> Callable[[], None]:
    return lambda: contender.train(1)


def flops(lengths: list[int], sizes: Mapping[str, int]) -> float:
    """Return those of an epoch: forward, and twice as many backward; attention's products included."""
    D, d_ff, layers = sizes["d_model"], sizes["d_ff"], sizes["num_layers"]
    linear = 2 * (4 * D * D + 2 * D * d_ff)  # a token
    return 3 * layers * sum(length * linear + 4 * length * length * D for length in lengths)


def gemm_peak() -> float:
    """Return the most FLOP a second that torch's bfloat16 product reaches at an encoder's sizes."""
    best = 0.0
    for tokens, inner, outer in ((2048, 768, 3072), (2048, 384, 1536)):
        x, weight = torch.randn(tokens, inner).bfloat16(), torch.randn(outer, inner).bfloat16()
        for _ in range(20):
            started = time.perf_counter()
            torch.nn.functional.linear(x, weight)
            best = max(best, 2 * tokens * inner * outer / (time.perf_counter() - started))
    return best


def memory(folder: str, size: str, rows: Mapping[str, int]) -> None:
    """Print each contender's peak memory, from a process of its own, and how much of it training added."""
    for name, count in rows.items():
        print(f"\n{name}, {size}")
        for title in CONTENDERS:
            command = [sys.executable, __file__, "peak", folder, "--size", size]
            done = subprocess.run(
                [*command, "--set", name, "--rows", str(count), "--contender", title],
                capture_output=True,
                text=True,
                check=True,
            )
            found = json.loads(done.stdout.splitlines()[-1])
            print(f"  {title:28} peak {found['peak']:6.0f} MB, of which training {found['added']:6.0f} MB")


def peak_of(job: Work, title: str) -> dict[str, float]:
    """Train for an epoch and return the process's peak, in MB."""
    contender = CONTENDERS[title](job)
    before = memory_mb("VmRSS")
    contender.train(1)
    peak = memory_mb("VmHWM")
    return {"peak": peak, "added": peak - before}


def memory_mb(name: str) -> float:
    """Return what Linux says of this program: VmRSS now, VmHWM at its peak (getrusage's would be the parent's too)."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) / 1000


def score(folder: str, seeds: int, epochs: int = 3, rows: int = 2500, held_out: int = 1000) -> None:
    """Print held-out accuracies: of whole trainings, and of the peer's stopped at the time that ours took."""
    for name in ("sst2", "banking77"):
        found: dict[str, list[float]] = {}
        for seed in range(seeds):
            whole = work(folder, name, rows, seed=seed)
            kept = rows - held_out
            job = Work(folder, whole.texts[:kept], whole.targets[:kept], whole.classes, seed=seed)
            budget = None
            for title, make in CONTENDERS.items():
                for seconds in _times_to_score(title, budget):
                    contender = make(job)
                    started = time.perf_counter()
                    contender.train(epochs, seconds)
                    budget = budget or time.perf_counter() - started
                    right = contender.predict(whole.texts[kept:]) == whole.targets[kept:]
                    key = title if seconds is None else f"{title}, in the time of headway"
                    found.setdefault(key, []).append(float(right.mean()))
        print(f"\n{name}: {rows - held_out} rows, {epochs} epochs, {held_out} held out")
        for key, values in found.items():
            seeds_shown = " ".join(f"{100 * value:.1f}" for value in values)
            print(f"  {key:48} mean {100 * np.mean(values):.2f}   seeds {seeds_shown}")


def _times_to_score(title: str, budget: float | None) -> tuple[float | None, ...]:
    """Return how long a contender trains each time; None: to the end, which the peer's slow default is spared."""
    if budget is None:
        return (None,)
    return (budget,) if title == "transformers, default" else (None, budget)


def frozen(folder: str, epochs: int = 10) -> None:
    """Time ten epochs of training a head, after each has trained on a few rows: imports and probes come once."""
    for make in FROZEN.values():
        make(work(folder, "sst2", 32)).train(1)
    for name, count in ROWS.items():
        job = work(folder, name, count)
        contenders: dict[str, Callable[[], object]] = {
            title: partial(head_training, make, job, epochs) for title, make in FROZEN.items()
        }
        times = alternate(contenders, 1, warm_up=False)
        report(f"{name}: {count} texts, {epochs} epochs", times, "headway", count * epochs, "texts/s")


def head_training(make: Callable[[Work], Contender], job: Work, epochs: int) -> None:
    make(job).train(epochs)


def main() -> None:
    options: Any = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("what", choices=["speed", "base", "memory", "score", "frozen", "peak"])
    options.add_argument("folder")
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--seeds", type=int, default=3)
    options.add_argument("--size", choices=["minilm", "base"], default="minilm")
    options.add_argument("--set", default="imdb")
    options.add_argument("--rows", type=int, default=64)
    options.add_argument("--contender", choices=list(CONTENDERS), default="headway")
    asked = options.parse_args()
    match asked.what:
        case "speed":
            speed(asked.folder, ROWS, "minilm", asked.rounds)
        case "base":
            speed(asked.folder, BASE_ROWS, "base", asked.rounds)
        case "memory":
            memory(asked.folder, "minilm", {"imdb": 96, "banking77": 256})
            memory(asked.folder, "base", {"imdb": 32})
        case "score":
            score(asked.folder, asked.seeds)
        case "frozen":
            frozen(asked.folder)
        case "peak":
            job = work(asked.folder, asked.set, asked.rows, asked.size)
            print(json.dumps(peak_of(job, asked.contender)))


if __name__ == "__main__":
    main()
