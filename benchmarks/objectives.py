"""What one prediction costs by objective, at growing vocabularies: microseconds of one core.

    python benchmarks/objectives.py

Made-up text whose words follow Zipf's law; dim 100, window 1 without thinning, 5 negatives: a word has two
neighbours, each of which predicts it. Time of the processor, best of three; the columns in plain loops are comparable,
the last one is the kernel that training uses.
"""

import time

import numpy as np

from headway.data.word_corpus import WordCorpus
from headway.models.word2vec import Word2VecConfig
from headway.training.word2vec.train import Training, train

VOCABULARIES = (1_000, 4_000, 16_000, 64_000)
SECONDS = 1.0  # about as long each measurement takes
KINDS: dict[str, tuple[dict[str, object], bool]] = {
    "n-gram, softmax": ({"architecture": "ngram", "objective": "softmax", "window": 2}, True),
    "skip-gram, softmax": ({"objective": "softmax"}, True),
    "skip-gram, hierarchical": ({"objective": "hierarchical"}, True),
    "skip-gram, negatives": ({"objective": "negatives"}, True),
    "skip-gram, negatives, in registers": ({"objective": "negatives"}, False),
}


def corpus(V: int, sentences: int) -> WordCorpus:
    """Return sentences of 20 words in which every word of the vocabulary is counted."""
    draw = np.random.default_rng(0)
    shares = 1 / np.arange(1, V + 1)
    tokens = draw.choice(V, size=20 * sentences, p=shares / shares.sum()).astype(np.int32)
    counts = np.bincount(tokens, minlength=V) + np.maximum(1, (1e6 * shares / shares.sum())).astype(np.int64)
    starts = np.arange(0, len(tokens) + 1, 20)
    return WordCorpus([str(word) for word in range(V)], counts, tokens, starts, len(tokens))


def microseconds(V: int, options: dict[str, object], plain: bool) -> float:
    """Return the time of one prediction: one input (or one n-gram), one word."""
    config = Word2VecConfig(**{"window": 1, "sample": 0.0, "min_count": 1, **options})  # type: ignore[arg-type]
    how = Training(epochs=1, threads=1, plain=plain)
    pairs = 18 if config.architecture == "ngram" else 38  # a sentence
    empty = corpus(V, 1)
    train(empty, config, how)  # compiles
    sentences, best = 4, float("inf")
    for _ in range(12):
        part = corpus(V, sentences)
        begun = time.process_time()
        train(empty, config, how)
        middle = time.process_time()
        train(part, config, how)
        ended = time.process_time()
        spent = (ended - middle) - (middle - begun)  # without what a training costs that has next to no text
        if spent > SECONDS / 4:
            best = min(best, 1e6 * spent / (pairs * (sentences - 1)))
            if spent > SECONDS:
                break
        else:
            sentences *= 4
    return best


def main() -> None:
    print(f"| objective | {' | '.join(f'V = {V:,}' for V in VOCABULARIES)} |")
    print(f"|---|{'---:|' * len(VOCABULARIES)}")
    for name, (options, plain) in KINDS.items():
        cells = [microseconds(V, options, plain) for V in VOCABULARIES]
        print(f"| {name} | {' | '.join(f'{cell:.3g}' for cell in cells)} |", flush=True)


if __name__ == "__main__":
    main()
