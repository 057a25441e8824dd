"""Greedy text from GPT-2 small, one prompt: Headway against `transformers`, llama.cpp and CTranslate2, tokens a second.

The weights are random: speed does not depend on them. Reading them from memory is what a token costs, so that each
engine's traffic is set against the bandwidth that the machine shows between the runs: threads that sum an array of
the int8 weights' size (part of it may come from the processor's cache, as of the weights does). Each engine has a
process of its own, and they take turns. A float32 engine that writes other tokens than transformers is not timed; of
rounded ones it is said how many agree.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numba
import numpy as np
import torch
from engines import ENGINES
from workers import Worker

from headway.core.device import cores
from headway.models.gpt2 import GPT2_SIZES, Gpt2, Gpt2Config
from headway.weights.pretrained import save_language_model

PROMPT = [int(token) for token in np.random.default_rng(0).integers(0, 50_000, 256)]
SHORT = 16  # tokens of the prompt when new tokens are timed; all of it when the first is
STREAM = np.ones(31_000_000, np.float32)  # 124 MB
PASSES = 8

Times = dict[str, list[float]]


@numba.njit(fastmath=True)
def read_part(part: np.ndarray) -> float:
    """Sum an array; its own indices are never negative, else the loop would not be vectorized."""
    total = np.float32(0)
    for place in range(len(part)):
        total += part[place]
    return total


@numba.njit(parallel=True)
def read(array: np.ndarray, parts: int) -> float:
    """Read an array once, with so many threads."""
    total = 0.0
    for part in numba.prange(parts):
        total += read_part(array[part * len(array) // parts : (part + 1) * len(array) // parts])
    return total


def main(rounds: int = 5, tokens: int = 64) -> None:
    """Check the engines, then time new tokens and the first token."""
    torch.manual_seed(0)
    model = Gpt2(Gpt2Config(**GPT2_SIZES["gpt2"])).eval()
    with torch.no_grad():
        for parameter in model.parameters():  # fresh biases are 0 and norms 1: an engine could leave them out
            if parameter.ndim == 1:
                parameter.add_(0.1 * torch.randn(parameter.shape))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        save_language_model(model, folder)
        found = _checked(_start(folder))
    print(f"{cores()} threads, {rounds} rounds\n")
    _new_tokens(found, rounds, tokens)
    _first_token(found, rounds)


def _start(folder: Path) -> list[Worker]:
    """Load the engines that are installed; name the others."""
    workers = []
    for name, weights in ENGINES:
        try:
            workers.append(Worker(name, weights, folder, cores()))
        except ImportError as error:
            print(f"{name} {weights} is left out: {error}")
    return workers


def _checked(workers: list[Worker]) -> list[Worker]:
    """Return the engines that write what transformers does."""
    wanted = workers[0].write(PROMPT[:SHORT], 32)
    kept = []
    for worker in workers:
        new = worker.write(PROMPT[:SHORT], 32)
        agree = sum(ours == theirs for ours, theirs in zip(new, wanted, strict=True))
        if worker.weights != "float32":
            print(f"{worker.title}: {agree} of {len(wanted)} tokens as transformers float32")
        if worker.weights == "float32" and agree < len(wanted):
            print(f"{worker.title} writes something else ({agree} of {len(wanted)} agree) and is not timed")
        else:
            kept.append(worker)
    return kept


def _alternate(contenders: dict[str, Callable[[], float]], rounds: int) -> Times:
    """Let each take its turn once to warm up, then so many times; return the seconds that each tells."""
    for contender in contenders.values():
        contender()
    times: Times = {title: [] for title in contenders}
    for _ in range(rounds):
        for title, contender in contenders.items():
            times[title].append(contender())
    return times


def _memory() -> float:
    """Return the seconds of `PASSES` readings."""
    started = time.perf_counter()
    for _ in range(PASSES):
        read(STREAM, cores())
    return time.perf_counter() - started


def _new_tokens(found: list[Worker], rounds: int, tokens: int) -> None:
    contenders = {
        engine.title: (lambda engine=engine: engine.seconds(PROMPT[:SHORT], tokens)) for engine in found
    }
    times = _alternate(contenders | {"memory": _memory}, rounds)
    bandwidth = PASSES * STREAM.nbytes / 1e9 / np.array(times.pop("memory"))
    limit = statistics.median(bandwidth)
    print(f"\nMemory: {limit:.1f} GB/s read ({min(bandwidth):.1f} to {max(bandwidth):.1f})")
    print(f"{tokens} new tokens after {SHORT}, prompt included\n")
    print(f"{'':24} {'tokens/s':>8} {'(range)':>16} {'x transformers':>16} {'(range)':>14}", end="")
    print(f" {'MB/token':>9} {'GB/s':>6} {'of memory':>9}")
    base = times[found[0].title]
    for engine in found:
        rates = sorted(tokens / seconds for seconds in times[engine.title])
        ratios = sorted(theirs / mine for theirs, mine in zip(base, times[engine.title], strict=True))
        rate, ratio = statistics.median(rates), statistics.median(ratios)
        traffic = rate * engine.megabytes / 1e3
        print(
            f"{engine.title:24} {rate:8.1f} {_span(rates, 1):>16} {ratio:16.2f} {_span(ratios, 2):>14}"
            f" {engine.megabytes:9.0f} {traffic:6.1f} {100 * traffic / limit:7.0f} %"
        )


def _first_token(found: list[Worker], rounds: int) -> None:
    contenders = {engine.title: (lambda engine=engine: engine.seconds(PROMPT, 1)) for engine in found}
    times = _alternate(contenders, rounds)
    print(f"\nThe first token after a prompt of {len(PROMPT)}, milliseconds")
    for title, seconds in times.items():
        spent = sorted(1e3 * value for value in seconds)
        print(f"{title:24} {statistics.median(spent):8.0f} {_span(spent, 0):>16}")


def _span(values: list[float], digits: int) -> str:
    return f"({values[0]:.{digits}f} to {values[-1]:.{digits}f})"


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
