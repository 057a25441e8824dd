"""The rows of the recipe: labelled ones, the other training texts, and the test part, from the shared data folder."""

import csv
import json
import random
from dataclasses import dataclass

from recipes.text_ladder.rows import DATA, Rows, load

from headway.data.inputs import same_text
from headway.data.words import split_words

IMDB_WORDS = 200  # a review's others are cut, and counted
NSMC_TEST_ROWS = 3000
SETS = ("trec", "sst2", "imdb", "nsmc")


@dataclass(frozen=True)
class Part:
    """So many labelled rows, all texts of the training part, the test rows, and how many texts were cut."""

    labelled: Rows
    texts: list[str]
    test: Rows
    cut: int = 0


def part(name: str, seed: int, labels: int | None) -> Part:
    """Return a set with so many labels (None: all), drawn by the seed from the same training texts."""
    (texts, targets), test, cut = _whole(name)
    order = random.Random(seed).sample(range(len(texts)), len(texts))[: labels or len(texts)]
    return Part(([texts[row] for row in order], [targets[row] for row in order]), texts, test, cut)


def to_choose_by(name: str, labels: int) -> Part:
    """Return labelled rows and, as a test part, 1,000 other training rows: to choose a rate by."""
    whole = part(name, 1000, None)
    texts, targets = whole.labelled
    end = labels + 1000
    return Part(
        (texts[:labels], targets[:labels]), whole.texts, (texts[labels:end], targets[labels:end]), whole.cut
    )


def _whole(name: str) -> tuple[Rows, Rows, int]:
    """Return training and test rows, without the training rows whose text stands in the test part."""
    (texts, targets), test, cut = _read(name)
    tested = {same_text(text) for text in test[0]}
    kept = [row for row, text in enumerate(texts) if same_text(text) not in tested]
    return ([texts[row] for row in kept], [targets[row] for row in kept]), test, cut


def _read(name: str) -> tuple[Rows, Rows, int]:
    if name in ("trec", "sst2"):
        return *load(name, 0), 0
    if name == "nsmc":
        training, test = (_nsmc(file) for file in ("train_official_5k.tsv", "test_half.tsv"))
        chosen = random.Random(0).sample(range(len(test[0])), NSMC_TEST_ROWS)
        return training, ([test[0][row] for row in chosen], [test[1][row] for row in chosen]), 0
    cut = 0
    parts: list[Rows] = []
    for file in ("train", "test"):
        texts, targets = [], []
        for line in (DATA / f"imdb/{file}.jsonl").open(encoding="utf-8"):
            row = json.loads(line)
            words = split_words(row["text"])
            cut += len(words) > IMDB_WORDS
            texts.append(" ".join(words[:IMDB_WORDS]))
            targets.append(row["label"])
        parts.append((texts, targets))
    return parts[0], parts[1], cut


def _nsmc(file: str) -> Rows:
    with (DATA / "nsmc" / file).open(encoding="utf-8", newline="") as source:
        rows = [
            row
            for row in csv.DictReader(source, delimiter="\t", quoting=csv.QUOTE_NONE)
            if (row["document"] or "").strip()
        ]
    return [row["document"] for row in rows], [row["label"] for row in rows]
