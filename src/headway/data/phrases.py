"""Phrases: two words that stand together far more often than chance has it become one, as in the C tool's word2phrase.

Mikolov et al. 2013 (arXiv:1310.4546), section 4: score(a, b) = (count(a b) - d) / (count(a) count(b)), here times the
number of words, as the C tool has it. A second pass over what the first made finds phrases of three and four words.
"""

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

JOINER = "_"

Sentences = Iterable[list[str]]


class Phrases(NamedTuple):
    """The pairs that are joined, with their scores."""

    pairs: dict[tuple[str, str], float]

    def join(self, sentences: Sentences) -> Iterator[list[str]]:
        """Yield each sentence with its phrases joined, from left to right; a word is part of one phrase at most."""
        pairs = self.pairs
        for words in sentences:
            joined: list[str] = []
            before: str | None = None
            for word in words:
                if before is not None and (before, word) in pairs:
                    joined[-1] = f"{before}{JOINER}{word}"
                    before = None
                else:
                    joined.append(word)
                    before = word
            yield joined


def find_phrases(sentences: Sentences, min_count: int = 5, threshold: float = 100.0) -> Phrases:
    """Count words and pairs in one reading and return the pairs that score above the threshold.

    min_count: d of the formula, and how often each of the two words must stand there. All different pairs are held in
    memory.
    """
    words: Counter[str] = Counter()
    pairs: Counter[tuple[str, str]] = Counter()
    for sentence in sentences:
        words.update(sentence)
        pairs.update(itertools.pairwise(sentence))
    total = words.total()
    found = {}
    for (a, b), count in pairs.items():
        if count > min_count <= min(words[a], words[b]):
            score = (count - min_count) / words[a] / words[b] * total
            if score > threshold:
                found[a, b] = score
    return Phrases(found)


def with_phrases(
    read: Callable[[], Sentences], passes: int, min_count: int = 5, threshold: float = 100.0
) -> tuple[Callable[[], Sentences], list[Phrases]]:
    """Return a reader of sentences whose phrases are joined, and what each pass found. ``read`` begins anew each
    time; every pass reads the corpus once.
    """
    made: list[Phrases] = []

    def joined() -> Sentences:
        sentences: Sentences = read()
        for phrases in made:
            sentences = phrases.join(sentences)
        return sentences

    for _ in range(passes):
        made.append(find_phrases(joined(), min_count, threshold))
    return joined, made
