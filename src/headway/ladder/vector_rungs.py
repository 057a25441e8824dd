"""The rungs that make a text one vector out of the vectors of its parts: n-grams', words', tokens'."""

from __future__ import annotations

import time
from functools import cached_property
from typing import TYPE_CHECKING

from headway.core.device import choose_device
from headway.core.progress import Progress
from headway.data.examples import Examples
from headway.ladder.rungs import FEW_ROWS, Estimate, NgramRung, Scratch, Workload, ngram_config
from headway.weights import catalog

if TYPE_CHECKING:
    from headway.models.base import Predictor
    from headway.models.word_vectors import WordVectors
    from headway.tasks.encoder import TextEncoder

GLOVE = "glove-6b-50d"
FEW_WORDS_KNOWN = 0.5
_SAMPLE_TOKENS = 256  # on which distilling is timed


class EmbeddingRung:
    """Vectors of hashed n-grams, learned on the labels alone."""

    name = "embeddings"
    title = "Learned embeddings"
    needs: tuple[str, ...] = ()

    def estimate(self, work: Workload) -> Estimate:
        """Hashing costs by the character, a step by the text's n-grams and the classes; some seconds to compile."""
        from headway.models.embedding_bag import EmbeddingBagConfig

        characters = _characters(work)
        per_step = 3e-7 * characters + 1e-7 * work.classes
        steps = sum(rows * _epochs(rows) for rows in work.training_rows)
        hashing = 4e-6 * characters * (sum(work.training_rows) + work.predicted_rows)
        config = EmbeddingBagConfig()
        table = 4 * config.max_rows * config.d_model + 12 * config.buckets
        ngrams = 60 * characters * len(work.texts)
        return Estimate(8.0 + hashing + per_step * steps, memory=int(ngrams) + table + 300_000_000)

    def fit(
        self, examples: Examples, seed: int, progress: Progress, scratch: Scratch | None = None
    ) -> Predictor:
        """Train the table and the linear layer together."""
        from headway.models.embedding_bag import EmbeddingBag, EmbeddingBagConfig

        rows = len(examples)
        config = EmbeddingBagConfig(min_rows=1 if rows < FEW_ROWS else 2, epochs=_epochs(rows))
        return EmbeddingBag.fit(examples.names, examples.texts, examples.labels, config, seed, progress)


class VectorsRung:
    """Published word vectors, averaged."""

    name = "vectors"
    title = "Averaged word vectors"

    def __init__(self, source: str = GLOVE) -> None:
        self.needs: tuple[str, ...] = (source,) if source in catalog.VECTORS else ()
        self._source = source

    @cached_property
    def _vectors(self) -> WordVectors:
        from headway.weights.vectors.files import open_vectors

        return open_vectors(self._source)

    def estimate(self, work: Workload) -> Estimate:
        """Go by the characters, and by the head's rows, numbers and classes."""
        size = self._vectors.size
        texts = 1e-6 * _characters(work) * (sum(work.training_rows) + work.predicted_rows)
        head = 2e-8 * sum(work.training_rows) * size * work.classes
        vectors = 8 * size * len(self._vectors)
        return Estimate(2.0 + texts + head, memory=vectors + 8 * size * len(work.texts) + 200_000_000)

    def fit(
        self, examples: Examples, seed: int, progress: Progress, scratch: Scratch | None = None
    ) -> Predictor:
        """Fit the head, and say so where the vectors know few of the words."""
        from headway.models.averaged_vectors import AveragedConfig, AveragedVectors

        fitted = AveragedVectors.fit(
            examples.names, examples.texts, examples.labels, self._vectors, AveragedConfig()
        )
        if fitted.known_words < FEW_WORDS_KNOWN:
            progress.say(
                f"  {self._source} knows only {fitted.known_words:.0%} of the words of these texts; "
                "what the others say is lost to this rung."
            )
        return fitted


class StaticRung:
    """N-grams beside vectors distilled from the encoder; torch is loaded when it is first estimated or trained."""

    name = "static"
    title = "Distilled vectors"

    def __init__(self, model: str, device: str | None) -> None:
        self.needs: tuple[str, ...] = (model,) if model in catalog.CATALOG else ()
        self._model = model
        self._device = device

    @cached_property
    def _encoder(self) -> TextEncoder:
        from headway.tasks.encoder import TextEncoder

        return TextEncoder.open(self._model, choose_device(self._device))

    def estimate(self, work: Workload) -> Estimate:
        """Add to the n-grams what the tokens take, of which some are timed unless their table is in the cache."""
        from headway.tasks.static_table import DIMENSIONS, is_distilled, token_vectors, tokenizer_of

        tokens = tokenizer_of(self._encoder).vocab_size
        distilling = 0.0
        if not is_distilled(self._encoder):
            sample = range(min(_SAMPLE_TOKENS, tokens))
            token_vectors(self._encoder, sample)
            started = time.perf_counter()
            token_vectors(self._encoder, sample)
            distilling = (time.perf_counter() - started) / len(sample) * tokens
        ngrams = NgramRung().estimate(work)
        rows = sum(work.training_rows)
        regressions = 1 if work.classes == 2 else work.classes
        beside = 3e-8 * rows * DIMENSIONS * regressions + 3e-6 * _characters(work) * (
            rows + work.predicted_rows
        )
        memory = 500_000_000 + ngrams.memory + 16 * DIMENSIONS * (len(work.texts) + tokens)
        return Estimate(distilling + ngrams.seconds + beside, memory)

    def fit(
        self, examples: Examples, seed: int, progress: Progress, scratch: Scratch | None = None
    ) -> Predictor:
        """Distil the table unless it is in the cache, then fit the linear layer."""
        from headway.tasks.static import StaticClassifier, StaticConfig
        from headway.tasks.static_table import static_table, tokenizer_of

        return StaticClassifier.fit(
            examples.names,
            examples.texts,
            examples.labels,
            static_table(self._encoder, progress),
            tokenizer_of(self._encoder),
            StaticConfig(),
            ngram_config(len(examples)),
            seed,
            progress,
        )


def _epochs(rows: int) -> int:
    """Return how often the embeddings' training goes over the rows: at least 10,000 steps, at most some 400,000."""
    return min(100, max(20, round(10_000 / rows))) if rows <= 20_000 else max(5, round(400_000 / rows))


def _characters(work: Workload) -> float:
    """Return the mean length of the texts."""
    return sum(map(len, work.texts)) / max(len(work.texts), 1)
