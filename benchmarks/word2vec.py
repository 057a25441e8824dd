"""Skip-gram with negative sampling: Headway against gensim's C path, words of text a second, alternated in one run.

    python recipes/word2vec/corpus.py corpus.txt
    python benchmarks/word2vec.py corpus.txt                # dim 100; --dim 300
    python benchmarks/word2vec.py corpus.txt --memory       # peaks of memory, each in a process of its own
    python benchmarks/word2vec.py corpus.txt --neighbours   # searches among 400,000 words (needs GloVe cached)

Everyone begins with the lines of text in memory: cutting them into words, counting, encoding and training are timed.
Settings alike: window 5, 5 negatives, sample 1e-3, min_count 5, rate 0.025, 5 epochs. gensim gets its sentences in a
list and 2 workers. Kernels are compiled in the warm-up round, which is not counted. Seconds of the processor are given
beside those of the clock: on a machine that others use, the former move less.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

EPOCHS, WINDOW, NEGATIVES, MIN_COUNT, SAMPLE = 5, 5, 5, 5, 1e-3


def gensim(lines: list[str], dim: int, epochs: int) -> object:
    from gensim.models import Word2Vec

    return Word2Vec(
        [line.split() for line in lines],
        vector_size=dim,
        window=WINDOW,
        negative=NEGATIVES,
        sg=1,
        hs=0,
        min_count=MIN_COUNT,
        sample=SAMPLE,
        workers=2,
        epochs=epochs,
        seed=1,
    )


def headway(lines: list[str], dim: int, epochs: int, *, shared: bool, threads: int) -> object:
    from headway.data.word_corpus import encode
    from headway.models.word2vec import Word2VecConfig
    from headway.training.word2vec.train import Training, train

    config = Word2VecConfig(
        d_model=dim, window=WINDOW, negatives=NEGATIVES, min_count=MIN_COUNT, sample=SAMPLE, shared=shared
    )
    corpus = encode(map(str.split, lines), min_count=MIN_COUNT)
    return train(corpus, config, Training(epochs=epochs, threads=threads), seed=1).finish()


def contenders() -> dict[str, Callable[[list[str], int, int], object]]:
    found: dict[str, Callable[[list[str], int, int], object]] = {"gensim, 2 workers": gensim}
    for threads in (2, 1):
        for shared in (False, True):
            name = f"{'shared negatives' if shared else 'classic'}, {threads} thread{'s' * (threads > 1)}"

            def run(lines: list[str], dim: int, epochs: int, s: bool = shared, t: int = threads) -> object:
                return headway(lines, dim, epochs, shared=s, threads=t)

            found[name] = run
    return found


def speed(lines: list[str], dim: int, epochs: int, rounds: int) -> None:
    """Print words a second, and how many times as fast each is as gensim, pair by pair."""
    words = epochs * sum(line.count(" ") + 1 for line in lines)
    runs = contenders()
    clock: dict[str, list[float]] = {name: [] for name in runs}
    processor: dict[str, list[float]] = {name: [] for name in runs}
    for run in runs.values():
        run(lines[:3000], dim, 1)
    for number in range(rounds):
        for name, run in runs.items():
            began, busy = time.perf_counter(), time.process_time()
            run(lines, dim, epochs)
            clock[name].append(time.perf_counter() - began)
            processor[name].append(time.process_time() - busy)
            print(
                f"  round {number + 1}  {name:28} {clock[name][-1]:7.1f} s  processor {processor[name][-1]:7.1f} s",
                flush=True,
            )
    print(f"\n{words / epochs:,.0f} words, {epochs} epochs, dim {dim}, {rounds} rounds: 1,000 words a second")
    first = next(iter(runs))
    for name in runs:
        rates = sorted(words / seconds / 1e3 for seconds in clock[name])
        line = f"  {name:28} {statistics.median(rates):8.0f} ({rates[0]:.0f} to {rates[-1]:.0f})"
        for title, seconds in (("clock", clock), ("processor", processor)):
            ratios = sorted(g / h for g, h in zip(seconds[first], seconds[name], strict=True))
            line += f"   {title} {statistics.median(ratios):.2f} times ({ratios[0]:.2f} to {ratios[-1]:.2f})"
        print(line)


def memory(path: Path, dim: int) -> None:
    """Print the peak of resident memory of one epoch, each contender in a process of its own."""
    for number, name in enumerate(contenders()):
        command = [sys.executable, __file__, str(path), "--dim", str(dim), "--peak", str(number)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        print(f"  {name:28} {done.stdout.strip()} MB at most")


def neighbours() -> None:
    """Print how long the ten nearest of a word take among GloVe's 400,000."""
    from headway.weights.vectors.files import open_vectors

    vectors = open_vectors("glove-6b-50d")
    vectors.nearest("the")
    times = []
    for word in vectors.words[1000:1200]:
        began, busy = time.perf_counter(), time.process_time()
        vectors.nearest(word)
        times.append((1e3 * (time.perf_counter() - began), 1e3 * (time.process_time() - busy)))
    for title, found in zip(("clock", "processor"), np.array(times).T, strict=True):
        low, middle, high = np.percentile(found, [5, 50, 95])
        print(
            f"{len(vectors):,} words: {title} median {middle:.1f} ms, 90 % within {low:.1f} to {high:.1f} ms"
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--dim", type=int, default=100)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--neighbours", action="store_true")
    parser.add_argument("--peak", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.neighbours:
        neighbours()
        return
    if given.memory:
        memory(given.corpus, given.dim)
        return
    lines = given.corpus.read_text(encoding="utf-8").splitlines()
    if given.peak is not None:
        kept = list(contenders().values())[given.peak](lines, given.dim, 1)
        assert kept is not None
        print(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3:.0f}")
        return
    speed(lines, given.dim, given.epochs, given.rounds)


if __name__ == "__main__":
    main()
