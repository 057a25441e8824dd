"""A folder of vectors: trained from text files, with a record of how."""

import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from headway.core.device import cores, processor
from headway.core.files import folder_size, write_json
from headway.core.progress import Progress
from headway.data.phrases import Sentences, with_phrases
from headway.data.word_corpus import WordCorpus, encode, read_sentences
from headway.models.word2vec import Word2VecConfig
from headway.models.word_vectors import WordVectors
from headway.training.word2vec.train import Training, train
from headway.weights.vectors.files import FILE, write_vectors

RECORD = "vectors.json"
MAPPED_FROM = 400_000_000  # bytes of text from which its numbers are kept in a file, not in memory


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is to be trained.

    split: how lines become words (`data.word_corpus`); phrases: passes that join words which belong together.
    """

    corpus: Path
    config: Word2VecConfig
    training: Training
    split: str = "words"
    phrases: int = 0
    seed: int = 0


def train_folder(order: Order, folder: Path, progress: Progress) -> WordVectors:
    """Train and write the vectors and their record. Raises DataError, TrainingError, UsageError, ResourceError."""
    started = time.monotonic()
    large = order.corpus.exists() and folder_size(order.corpus) >= MAPPED_FROM
    with tempfile.TemporaryDirectory(dir=folder, prefix=".tokens.") as temporary:
        corpus, found = _corpus(order, Path(temporary) if large else None, progress)
        progress.say(
            f"  {corpus.total:,} words, {len(corpus.words):,} different ones seen {order.config.min_count} times or "
            f"more, {corpus.total - len(corpus.tokens):,} rarer ones left out"
        )
        if found:
            progress.say(
                f"  Phrases joined: {', '.join(f'{count:,}' for count in found)} pairs, pass by pass"
            )
        vectors = train(corpus, order.config, order.training, order.seed, progress).finish()
        record = _record(order, corpus, found, time.monotonic() - started)
        del corpus  # its file, where it has one, is still mapped
    write_vectors(vectors, folder / FILE)
    write_json(folder / RECORD, record)
    return vectors


def _corpus(order: Order, folder: Path | None, progress: Progress) -> tuple[WordCorpus, list[int]]:
    def read() -> Sentences:
        return read_sentences(order.corpus, order.split)

    joined, made = with_phrases(read, order.phrases, order.config.min_count)
    corpus = encode(joined(), min_count=order.config.min_count, folder=folder, progress=progress)
    return corpus, [len(phrases.pairs) for phrases in made]


def _record(order: Order, corpus: WordCorpus, found: list[int], seconds: float) -> dict[str, Any]:
    import numba
    import numpy

    threads = order.training.threads or cores()
    return {
        "corpus": order.corpus.name,
        "split": order.split,
        "words": corpus.total,
        "kept": len(corpus.tokens),
        "vocabulary": len(corpus.words),
        "phrases": found,
        "config": order.config.to_dict(),
        "training": asdict(order.training) | {"threads": threads},
        "reproducible": threads == 1,
        "seed": order.seed,
        "seconds": round(seconds, 1),
        "processor": processor(),
        "versions": {"numpy": numpy.__version__, "numba": numba.__version__},
    }
