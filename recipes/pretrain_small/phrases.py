"""The rows of sst2 that the comparison takes, and the phrases of its training part that it leaves to pretraining.

The training part holds sentences and the phrases that they are made of; the validation part, which is scored, holds
whole sentences. So the rates are chosen on whole sentences too, none of whose phrases is trained on.
"""

import random

from recipes.text_ladder.rows import DATA, Rows, load, read

SEEDS = (0, 1, 2)
CHOOSING_SEED = 10
CHOOSING_SENTENCES = 1000
TRAINING_PART = DATA / "sst2" / "train.tsv"
_LEAST_WORDS = 6  # of a sentence


def choosing_rows() -> tuple[Rows, Rows]:
    """Return as many rows as each seed has to train on, and sentences of the training part to choose by."""
    texts, labels = _training_part()
    parts = {phrase for text in texts for phrase in _phrases(text) if phrase != text}
    draw = random.Random(CHOOSING_SEED)
    sentences = [
        row for row, text in enumerate(texts) if text not in parts and text.count(" ") >= _LEAST_WORDS - 1
    ]
    asked = draw.sample(sentences, CHOOSING_SENTENCES)
    inside = {phrase for row in asked for phrase in _phrases(texts[row])}
    others = [row for row, text in enumerate(texts) if text not in inside]
    (training, _), _ = load("sst2", CHOOSING_SEED)
    taken = draw.sample(others, len(training))
    first, second = (([texts[row] for row in rows], [labels[row] for row in rows]) for rows in (taken, asked))
    return first, second


def unlabelled() -> list[str]:
    """Return the phrases of the training part, without labels and without those that any arm is trained on, chosen by
    or scored with.
    """
    rows = [*choosing_rows(), *(part for seed in SEEDS for part in load("sst2", seed))]
    taken = {text.strip() for texts, _ in rows for text in texts}
    return [text for text in _training_part()[0] if text not in taken]


def _training_part() -> Rows:
    texts, labels = read(TRAINING_PART, "sentence", "label")
    return [text.strip() for text in texts], labels


def _phrases(text: str) -> list[str]:
    words = text.split()
    return [" ".join(words[a:b]) for a in range(len(words)) for b in range(a + 1, len(words) + 1)]
