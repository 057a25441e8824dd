"""Word vectors: training and scoring."""

from pathlib import Path
from typing import TYPE_CHECKING

from headway.api.folders import new_folder
from headway.core.files import write_text
from headway.core.progress import Progress, Silent

if TYPE_CHECKING:
    from headway.metrics.word_vectors import Answered, Correlation
    from headway.models.word_vectors import WordVectors


VECTORS_PAGE = "vectors.html"  # in a folder of vectors: the neighbourhoods of some of its words


def train_vectors(
    corpus: str | Path,
    *,
    architecture: str = "skip-gram",
    objective: str = "negatives",
    dimensions: int = 100,
    window: int = 5,
    negatives: int = 5,
    shared: bool = False,
    min_count: int = 5,
    sample: float | None = None,
    epochs: int = 5,
    rate: float = 0.025,
    threads: int | None = None,
    split: str = "words",
    phrases: int = 0,
    seed: int = 0,
    out: str | Path | None = None,
    progress: Progress | None = None,
) -> Path:
    """Train word vectors on plain text and return the folder with them.

    Arguments:
        corpus: a text file, or a folder of .txt files; a line is a sentence. It is read in a stream.
        architecture, objective, window, negatives, shared, min_count, sample: see `models.word2vec.Word2VecConfig`;
            ``sample`` is 1e-3 when left out, and 0 for an n-gram predictor.
        rate: of the first step; it falls in a line to 1e-4.
        threads: all cores when left out; with one, the same seed gives the same bytes.
        split: "words" (small letters, no punctuation) or "spaces" (as written).
        phrases: how many times words that belong together are joined before.
        out: the folder to make; ``<corpus>-vectors`` in the working folder when left out.

    Raises HeadwayError: UsageError, DataError, TrainingError, ResourceError, RunError (the folder is there already).
    """
    from headway.core.files import atomic_folder
    from headway.models.word2vec import Word2VecConfig
    from headway.report.neighbourhood import chosen_words, render_neighbourhoods
    from headway.training.word2vec.folder import Order, train_folder
    from headway.training.word2vec.train import Training

    config = Word2VecConfig(
        architecture=architecture,
        objective=objective,
        d_model=dimensions,
        window=window,
        negatives=negatives,
        shared=shared,
        min_count=min_count,
        sample=(0.0 if architecture == "ngram" else 1e-3) if sample is None else sample,
    )
    training = Training(epochs=epochs, rate=rate, last_rate=min(rate, 1e-4), threads=threads)
    order = Order(
        corpus=Path(corpus), config=config, training=training, split=split, phrases=phrases, seed=seed
    )
    folder = new_folder(out, f"{order.corpus.name.split('.')[0]}-vectors")
    with atomic_folder(folder) as temporary:
        vectors = train_folder(order, temporary, progress or Silent())
        page = render_neighbourhoods(vectors, chosen_words(vectors), folder.name)
        write_text(temporary / VECTORS_PAGE, page)
    return folder


def score_vectors(
    source: "str | Path | WordVectors",
    *,
    judgements: str | Path | None = None,
    analogies: str | Path | None = None,
    progress: Progress | None = None,
) -> "tuple[Correlation | None, dict[str, Answered]]":
    """Return how well vectors agree with people's judgements of similarity (Spearman), and which analogies they answer
    by section and in "all", each with the number of pairs or questions it rests on.

    source: vectors, a folder or file of them, or a name of the zoo. A word that is not known as written is looked up in
    small letters. Raises DataError, UsageError, WeightsError.
    """
    from headway.data.word_questions import read_analogies, read_judgements
    from headway.metrics import word_vectors as metrics
    from headway.models.word_vectors import WordVectors
    from headway.weights.vectors.files import open_vectors

    vectors = source if isinstance(source, WordVectors) else open_vectors(source, progress=progress)
    agreement, answered = None, {}
    if judgements is not None:
        pairs = read_judgements(Path(judgements))
        agreement = metrics.similarity(
            [pair.score for pair in pairs], vectors.cosines((pair.first, pair.second) for pair in pairs)
        )
    if analogies is not None:
        sections = read_analogies(Path(analogies))
        answered = metrics.analogies({name: vectors.answered(asked) for name, asked in sections.items()})
    return agreement, answered
