"""Training word2vec: jobs of about 10,000 words (fewer in several threads), one after the other by as many threads as
are asked for.

A job's random numbers and its rate are functions of its number alone. With one thread the jobs come in order, and the
same seed gives the same bytes; with several, threads write to the same rows without locks, and it does not.
"""

import itertools
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba.core.errors import NumbaError

from headway.core.device import cores
from headway.core.errors import TrainingError, UsageError
from headway.core.progress import Progress, Silent
from headway.core.seeding import derive, generator
from headway.data.word_corpus import LONGEST_SENTENCE, WordCorpus
from headway.models.word2vec import Word2Vec, Word2VecConfig, aligned
from headway.training.word2vec import kernels, loops
from headway.training.word2vec.chance import KEEP_BITS
from headway.training.word2vec.own_rows import OwnRows, frequent_words
from headway.training.word2vec.sigmoid import sigmoid_table

JOB_WORDS = 10_000
WORDS_BETWEEN_MEETINGS = 8_000  # of all threads together: what each learns meanwhile, the others do not know
_MOST_NEGATIVES = 120


class Worker(NamedTuple):
    """What a thread works with."""

    job: Callable[[int, int, float, int], None]  # first and last sentence, rate, random state
    own: OwnRows


@dataclass(frozen=True, kw_only=True)
class Training:
    """How it is trained: the rate falls in a line from ``rate`` to ``last_rate``.

    threads: all cores when left out; one gives the same bytes each time. plain: use plain loops for everything.
    """

    epochs: int = 5
    rate: float = 0.025
    last_rate: float = 1e-4
    threads: int | None = None
    plain: bool = False


def train(
    corpus: WordCorpus,
    config: Word2VecConfig,
    training: Training,
    seed: int = 0,
    progress: Progress | None = None,
) -> Word2Vec:
    """Train from scratch. Raises TrainingError when nothing can be learned or the numbers overflow, UsageError."""
    progress = progress or Silent()
    _check(corpus, config, training)
    threads = training.threads or cores()
    kind = (config.architecture, config.objective)
    in_registers = kind == ("skip-gram", "negatives") and not training.plain
    frequent = frequent_words(len(corpus.words), threads, cores()) if in_registers else 0
    bounds = corpus.jobs(WORDS_BETWEEN_MEETINGS // threads if frequent else JOB_WORDS)
    jobs = len(bounds) - 1
    total = training.epochs * jobs
    threads = min(threads, total)
    model = Word2Vec(config, corpus.words, corpus.counts, seed, spare=frequent * threads)
    make = _compiled(model, corpus, threads, frequent, in_registers, seed, progress)
    numbers = itertools.count()  # taking the next one is atomic
    stop = threading.Event()
    telling = threading.Lock()

    def work(thread: int) -> None:
        worker = make(thread)
        for number in numbers:
            if number >= total or stop.is_set():
                break
            epoch, place = divmod(number, jobs)
            first, last = bounds[place], bounds[place + 1]
            rate = training.rate - (training.rate - training.last_rate) * number / total
            worker.job(first, last, rate, derive(seed, "word2vec", epoch, place))
            worker.own.meet()
            with telling:
                words = int(corpus.starts[last] - corpus.starts[first])
                progress.advance(words, f"epoch {epoch + 1}, rate {rate:.4f}")
        worker.own.meet(all_of_them=True)

    progress.begin("training", training.epochs * len(corpus.tokens), "words")
    if threads == 1:
        work(0)
    else:
        _in_threads(work, threads, stop)
    progress.end()
    if not np.isfinite(model.inputs.sum()):
        raise TrainingError(
            "the vectors have become infinite", where="word2vec", remedy="Train with a lower rate."
        )
    return model


def _compiled(
    model: Word2Vec,
    corpus: WordCorpus,
    threads: int,
    frequent: int,
    in_registers: bool,
    seed: int,
    progress: Progress,
) -> Callable[[int], Worker]:
    """Return what makes a thread's worker, compiled before there are threads; in plain loops where registers fail."""
    if in_registers:
        try:
            make = _workers(model, corpus, threads, frequent, True, seed)
            make(0).job(0, 0, 0.0, 0)
        except (NumbaError, RuntimeError) as error:  # RuntimeError: what LLVM raises on code it cannot take
            progress.say(
                f"  This machine's compiler refuses the fast kernels; plain loops are used ({error})."
            )
        else:
            return make
    make = _workers(model, corpus, threads, 0, False, seed)
    make(0).job(0, 0, 0.0, 0)
    return make


def _check(corpus: WordCorpus, config: Word2VecConfig, training: Training) -> None:
    if len(corpus.words) < 2 or not len(corpus.tokens):
        raise TrainingError(
            f"holds {len(corpus.words)} different words; at least 2 are needed",
            where="corpus",
            remedy="Give a larger corpus or a lower min_count.",
        )
    if config.negatives > _MOST_NEGATIVES:
        raise UsageError(f"must be at most {_MOST_NEGATIVES}, not {config.negatives}", where="negatives")
    if training.epochs < 1 or (training.threads is not None and training.threads < 1):
        raise UsageError(
            f"must be at least 1 each, not {training.epochs} and {training.threads}",
            where="epochs and threads",
        )
    if not 0 <= training.last_rate <= training.rate:
        raise UsageError(
            f"must fall, not go from {training.rate} to {training.last_rate}", where="rate and last_rate"
        )


def _in_threads(work: Callable[[int], None], threads: int, stop: threading.Event) -> None:
    """Run the work in several threads; what one of them raises, or an interruption, stops them all."""
    with ThreadPoolExecutor(threads) as pool:
        running = [pool.submit(work, thread) for thread in range(threads)]
        try:
            for future in running:
                future.result()
        finally:
            stop.set()


def noise_table(noise: np.ndarray, seed: int) -> np.ndarray:
    """Return words in proportion to their noise, shuffled: at least 16 places a word, a power of two, [P] int32."""
    places = 1 << max(20, int(16 * len(noise) - 1).bit_length())
    ends = np.floor(np.cumsum(noise) * places + 0.5).astype(np.int64)
    ends[-1] = places
    table = np.repeat(np.arange(len(noise), dtype=np.int32), np.diff(ends, prepend=0))
    generator(seed, "word2vec", "noise").shuffle(table)
    return table


def _workers(
    model: Word2Vec, corpus: WordCorpus, threads: int, frequent: int, in_registers: bool, seed: int
) -> Callable[[int], Worker]:
    """Return what makes a thread's worker, with buffers and rows of its own, for the model's kind."""
    config = model.config
    tokens, starts = corpus.tokens, corpus.starts
    keep = np.ceil(model.keep * (1 << KEEP_BITS)).astype(np.int32)
    sigmoids = sigmoid_table()
    noise = np.zeros(1, np.int32)
    if config.objective == "negatives":
        noise = noise_table(model.noise, seed)
    tree = model.tree if config.objective == "hierarchical" else _NO_TREE
    window, negatives, width = config.window, config.negatives, model.width
    objective = ("negatives", "hierarchical", "softmax").index(config.objective)
    if in_registers:
        kernel = (
            kernels.skip_gram_shared(width, negatives)
            if config.shared
            else kernels.skip_gram(width, negatives, alone=threads == 1)
        )
        flat_inputs, flat_outputs = model.inputs_with_spare.reshape(-1), model.outputs_with_spare.reshape(-1)
    meeting = threading.Lock()

    def make(thread: int) -> Worker:
        own = OwnRows(model, frequent, thread, meeting)
        sentence = np.empty(LONGEST_SENTENCE + 1, np.int32)
        errors = np.empty(2 * window * (negatives + 1), np.float32)
        scratch = aligned((max(2, negatives + 1), model.outputs.shape[1]))
        scores = np.empty(len(model.words) if config.objective == "softmax" else 0, np.float32)

        def job(first: int, last: int, rate: float, state: int) -> None:
            given = (tokens, starts, first, last, keep)
            step, begin = np.float32(rate), np.uint64(state)
            if in_registers:
                kernel(
                    *given, noise, flat_inputs, flat_outputs, own.frequent, own.shift,
                    window, step, begin, sigmoids, sentence, errors,
                )  # fmt: skip
            elif config.architecture == "ngram":
                loops.ngram_job(
                    *given, model.inputs, model.outputs, window, step, begin, sentence, scratch, scores
                )
            elif config.shared:
                loops.shared_job(
                    *given, noise, model.inputs, model.outputs,
                    window, negatives, step, begin, sigmoids, sentence, scratch,
                )  # fmt: skip
            else:
                loops.window_job(
                    *given, noise, *tree, model.inputs, model.outputs,
                    config.architecture == "cbow", objective, window, negatives,
                    step, begin, sigmoids, sentence, scratch, scores,
                )  # fmt: skip

        return Worker(job, own)

    return make


_NO_TREE = (np.zeros(1, np.int64), np.zeros(1, np.int32), np.zeros(1, np.int8))
