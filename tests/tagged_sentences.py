"""Made-up sentences with people and places, as CoNLL files."""

import random
from pathlib import Path

PEOPLE = [["Ada", "Lovelace"], ["Grace", "Hopper"], ["Alan", "Turing"], ["Emmy", "Noether"], ["Kurt"]]
PLACES = [["New", "York"], ["Berlin"], ["Rio", "de", "Janeiro"], ["Busan"], ["Lima"]]
PATTERNS = [
    "{person} went to {place} .",
    "in {place} it rains",
    "we met {person} and {person} today",
    "no one",
]

Sentence = list[tuple[str, str]]


def sentences(count: int, seed: int = 0) -> list[Sentence]:
    """Sentences of words with BIO tags, no two the same."""
    draw = random.Random(seed)
    found = []
    for number in range(count):
        sentence: Sentence = []
        for part in [*draw.choice(PATTERNS).split(), str(number)]:
            kind = part.strip("{}")
            if part == kind:
                sentence.append((part, "O"))
                continue
            words = draw.choice(PEOPLE if kind == "person" else PLACES)
            sentence += [(word, f"{'I' if place else 'B'}-{kind}") for place, word in enumerate(words)]
        found.append(sentence)
    return found


def write_conll(path: Path, rows: list[Sentence], *, between: str = "\t", end: str = "\n") -> Path:
    blocks = [end.join(between.join(cells) for cells in sentence) + end for sentence in rows]
    path.write_bytes(end.join(blocks).encode())
    return path
