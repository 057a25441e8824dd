"""What Python users call, and what the command line calls: ``fit`` and ``load``, ``generate`` and what goes with it."""

from pathlib import Path

from headway.api.fitting import distill, fit, learning_rates
from headway.api.language import few_shot, generate, ngram, ngram_perplexity, perplexity, stream
from headway.api.pretraining import pretrain
from headway.api.scoring import is_run, score_benchmark, score_run
from headway.api.vectors import VECTORS_PAGE, score_vectors, train_vectors
from headway.bundle.run import Run

__all__ = [
    "VECTORS_PAGE",
    "Run",
    "distill",
    "few_shot",
    "fit",
    "generate",
    "is_run",
    "learning_rates",
    "load",
    "ngram",
    "ngram_perplexity",
    "perplexity",
    "pretrain",
    "score_benchmark",
    "score_run",
    "score_vectors",
    "stream",
    "train_vectors",
]


def load(folder: str | Path) -> Run:
    """Open a run folder. Raises RunError when it is missing, unfinished, damaged or of a later version."""
    return Run.open(folder)
