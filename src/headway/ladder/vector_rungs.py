"""The rungs that make a text one vector out of the vectors of its parts: n-grams', words', tokens'."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from headway.core.device import choose_device
from headway.core.files import folder_size
from headway.core.progress import Progress
from headway.data.examples import Examples
from headway.data.inputs import are_pairs, mean_characters
from headway.ladder.rungs import FEW_ROWS, Estimate, NgramRung, Scratch, Workload, ngram_config
from headway.weights import catalog

if TYPE_CHECKING:
    from headway.models.base import Predictor
    from headway.models.word_vectors import WordVectors
    from headway.tasks.encoder import TextEncoder

GLOVE = "glove-6b-50d"
_GLOVE_WORDS, _GLOVE_SIZE = 400_000, 50
_LARGE_SIZE = 300  # taken for the numbers of a vector in a file that is not yet opened
OWN_SIZE, OWN_EPOCHS = 100, 5  # of vectors trained on texts without labels
FEW_WORDS_KNOWN = 0.5
PAIRS_REGULARISATION = (
    1e-2  # C; of 1e-3 to 1, by three folds of mrpc, rte and snli, 300 training rows and all
)
_SAMPLE_TOKENS = 256  # on which distilling is timed


class EmbeddingRung:
    """Vectors of hashed n-grams, learned on the labels alone."""

    name = "embeddings"
    title = "Learned embeddings"
    needs: tuple[str, ...] = ()

    def estimate(self, work: Workload) -> Estimate:
        """Hashing costs by the character, a step by the text's n-grams and the classes; some seconds to compile."""
        from headway.models.embedding_bag import EmbeddingBagConfig

        characters = mean_characters(work.inputs)
        per_step = 3e-7 * characters + 1e-7 * work.classes
        steps = sum(rows * _epochs(rows) for rows in work.training_rows)
        hashing = 4e-6 * characters * (sum(work.training_rows) + work.predicted_rows)
        config = EmbeddingBagConfig()
        table = 4 * config.max_rows * config.d_model + 12 * config.buckets
        ngrams = 60 * characters * len(work.inputs)
        return Estimate(8.0 + hashing + per_step * steps, memory=int(ngrams) + table + 300_000_000)

    def fit(
        self, examples: Examples, seed: int, progress: Progress, scratch: Scratch | None = None
    ) -> Predictor:
        """Train the table and the linear layer together."""
        from headway.models.embedding_bag import EmbeddingBag, EmbeddingBagConfig

        rows = len(examples)
        config = EmbeddingBagConfig(min_rows=1 if rows < FEW_ROWS else 2, epochs=_epochs(rows))
        return EmbeddingBag.fit(examples.names, examples.inputs, examples.targets, config, seed, progress)


class VectorsRung:
    """Word vectors, averaged: the user's own ``source`` (a file, a folder, a name of the zoo); else trained on the
    user's texts without labels where there are such; else GloVe.
    """

    name = "vectors"
    title = "Averaged word vectors"

    def __init__(self, unlabelled: Sequence[str] = (), source: str | None = None) -> None:
        source = source or (None if unlabelled else GLOVE)
        self.needs: tuple[str, ...] = (source,) if source and source in catalog.VECTORS else ()
        self._source = source
        self._unlabelled = unlabelled
        self._vectors: WordVectors | None = None

    def estimate(self, work: Workload) -> Estimate:
        """Go by characters, by the head's rows, numbers and classes, and by the words that vectors are trained on, or
        the bytes of the file that they are read from.
        """
        words = sum(map(len, self._unlabelled)) / 5
        numbers, size, opening = float(_GLOVE_WORDS * _GLOVE_SIZE), _GLOVE_SIZE, 0.0
        if self._source is None:
            numbers, size, opening = words / 20 * OWN_SIZE, OWN_SIZE, 10.0 + words * OWN_EPOCHS / 200_000
        elif self._source not in catalog.VECTORS:
            read = folder_size(Path(self._source))
            numbers, size, opening = read / 4, _LARGE_SIZE, read / 20e6
        texts = 1e-6 * mean_characters(work.inputs) * (sum(work.training_rows) + work.predicted_rows)
        features = 4 * size + 1 if are_pairs(work.inputs) else size
        head = sum(work.training_rows) * features * (2e-8 * work.classes or 1e-10 * features)
        memory = int(12 * numbers) + 8 * features * len(work.inputs) + 200_000_000
        return Estimate(2.0 + opening + texts + head, memory)

    def fit(
        self, examples: Examples, seed: int, progress: Progress, scratch: Scratch | None = None
    ) -> Predictor:
        """Fit the head, and say so where the vectors know few of the words."""
        from headway.models.averaged_vectors import AveragedConfig, AveragedVectors

        chosen = {"inverse_regularisation": PAIRS_REGULARISATION} if are_pairs(examples.inputs) else {}
        fitted = AveragedVectors.fit(
            examples.names,
            examples.inputs,
            examples.targets,
            self.opened(progress),
            AveragedConfig(**chosen),
        )
        self.say_if_few(fitted.known_words, progress)
        return fitted

    def say_if_few(self, known_words: float, progress: Progress) -> None:
        """Say so where the vectors know only such a share of the words."""
        if known_words < FEW_WORDS_KNOWN:
            source = self._source or "the texts without labels"
            progress.say(
                f"  Only {known_words:.0%} of the words of these texts have a vector (from {source}); "
                "what the others say is lost to this rung."
            )

    def opened(self, progress: Progress) -> WordVectors:
        """Return the vectors, which are the same for every training of the run."""
        if self._vectors is None:
            self._vectors = self._opened(progress)
        return self._vectors

    def _opened(self, progress: Progress) -> WordVectors:
        """Return what the source holds, or skip-gram vectors of the texts without labels."""
        if self._source is not None:
            from headway.weights.vectors.files import open_vectors

            return open_vectors(self._source, progress=progress)
        from headway.data.word_corpus import encode
        from headway.models.averaged_vectors import words_of
        from headway.models.word2vec import Word2VecConfig
        from headway.training.word2vec.train import Training, train

        corpus = encode((words_of(text.lower()) for text in self._unlabelled), progress=progress)
        training = Training(epochs=OWN_EPOCHS, threads=1)  # one thread: the same bytes each time
        return train(corpus, Word2VecConfig(d_model=OWN_SIZE), training, progress=progress).finish()


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
        beside = 3e-8 * rows * DIMENSIONS * regressions + 3e-6 * mean_characters(work.inputs) * (
            rows + work.predicted_rows
        )
        memory = 500_000_000 + ngrams.memory + 16 * DIMENSIONS * (len(work.inputs) + tokens)
        return Estimate(distilling + ngrams.seconds + beside, memory)

    def fit(
        self, examples: Examples, seed: int, progress: Progress, scratch: Scratch | None = None
    ) -> Predictor:
        """Distil the table unless it is in the cache, then fit the linear layer."""
        from headway.tasks.static import StaticClassifier, StaticConfig
        from headway.tasks.static_table import static_table, tokenizer_of

        return StaticClassifier.fit(
            examples.names,
            examples.inputs,
            examples.targets,
            static_table(self._encoder, progress),
            tokenizer_of(self._encoder),
            StaticConfig(),
            ngram_config(examples),
            seed,
            progress,
        )


def _epochs(rows: int) -> int:
    """Return how often the embeddings' training goes over the rows: at least 10,000 steps, at most some 400,000."""
    return min(100, max(20, round(10_000 / rows))) if rows <= 20_000 else max(5, round(400_000 / rows))
