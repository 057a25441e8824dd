"""N-grams of words and characters, counted and weighted, of a text or of a pair of texts.

Word 1- and 2-grams, and character 2- to 5-grams inside words (each word padded with one space), lower-cased. Each of
the two blocks is weighted by (1 + ln tf) (1 + ln((1 + B) / (1 + df))) and scaled to Euclidean length 1, as
scikit-learn's ``TfidfVectorizer(sublinear_tf=True)`` defines it. A pair's n-grams are marked by the text that they
are of, and come once more, marked as shared, where both have them.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Self

import numpy as np

_WORD = re.compile(r"\w+")
_FIRST, _SECOND, _SHARED = "<>="  # marks of a pair's n-grams


def word_ngrams(text: str, shortest: int, longest: int) -> list[str]:
    """Return the word n-grams of a text, words joined by one space."""
    words = _WORD.findall(text)
    if shortest == 1 and longest == 1:
        return words
    return [
        " ".join(words[start : start + n])
        for n in range(shortest, longest + 1)
        for start in range(len(words) - n + 1)
    ]


def character_ngrams(text: str, shortest: int, longest: int) -> list[str]:
    """Return the character n-grams inside the words of a text, each word padded with a space on both sides.

    A padded word shorter than n counts once, as itself.
    """
    grams = []
    for word in text.split():
        padded = f" {word} "
        for n in range(shortest, longest + 1):
            if len(padded) <= n:
                grams.append(padded)
                break
            grams.extend([padded[start : start + n] for start in range(len(padded) - n + 1)])
    return grams


class Block:
    """One kind of n-gram: its vocabulary and the inverse document frequency of each entry."""

    def __init__(self, vocabulary: Sequence[str], idf: np.ndarray) -> None:
        self.vocabulary = list(vocabulary)
        self.idf = idf  # [V]
        self.index = {gram: position for position, gram in enumerate(self.vocabulary)}

    @classmethod
    def fit(cls, documents: Iterable[list[str]], min_rows: int, max_features: int) -> Self:
        """Count in how many documents each n-gram stands and keep the frequent ones, in sorted order."""
        frequency: Counter[str] = Counter()
        rows = 0
        for grams in documents:
            frequency.update(set(grams))
            rows += 1
        kept = sorted(gram for gram, count in frequency.items() if count >= min_rows)
        if len(kept) > max_features:
            kept = sorted(sorted(kept, key=lambda gram: -frequency[gram])[:max_features])
        counts = np.array([frequency[gram] for gram in kept], dtype=np.float64)
        return cls(kept, (1 + np.log((1 + rows) / (1 + counts))).astype(np.float32))

    def vector(self, grams: list[str]) -> tuple[np.ndarray, np.ndarray]:
        """Return the positions and weights of the n-grams that the vocabulary holds, scaled to length 1."""
        index = self.index
        counts = Counter([index[gram] for gram in grams if gram in index])
        positions = np.fromiter(counts.keys(), dtype=np.int32, count=len(counts))
        frequencies = np.fromiter(counts.values(), dtype=np.float32, count=len(counts))
        weights = (1 + np.log(frequencies)) * self.idf[positions]
        length = float(np.sqrt(np.square(weights).sum()))
        return positions, weights / length if length else weights


class Ngrams:
    """The two vocabularies, of words and of characters, and how an input is counted in them."""

    def __init__(
        self, words: Block, characters: Block, sizes: tuple[tuple[int, int], tuple[int, int]]
    ) -> None:
        self.words = words
        self.characters = characters
        self._sizes = sizes  # shortest and longest n-gram of words, of characters

    @classmethod
    def fit(
        cls, inputs: Sequence[Any], sizes: tuple[tuple[int, int], tuple[int, int]], min_rows: int, room: int
    ) -> Self:
        """Count the n-grams of the training inputs; at most ``room`` are kept, half of it for words."""
        words = Block.fit((_of(one, word_ngrams, sizes[0]) for one in inputs), min_rows, room // 2)
        characters = Block.fit(
            (_of(one, character_ngrams, sizes[1]) for one in inputs), min_rows, room - len(words.vocabulary)
        )
        return cls(words, characters, sizes)

    def __len__(self) -> int:
        """V, the n-grams of both."""
        return len(self.words.vocabulary) + len(self.characters.vocabulary)

    def vector(self, one: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return the positions [N] and values [N] of an input's features in the joined vocabulary."""
        first, first_values = self.words.vector(_of(one, word_ngrams, self._sizes[0]))
        second, second_values = self.characters.vector(_of(one, character_ngrams, self._sizes[1]))
        positions = np.concatenate([first, second + np.int32(len(self.words.vocabulary))])
        return positions, np.concatenate([first_values, second_values])


def _of(one: Any, ngrams: Callable[[str, int, int], list[str]], sizes: tuple[int, int]) -> list[str]:
    """Return the n-grams of a text, or those of a pair with their marks."""
    if isinstance(one, str):
        return ngrams(one.lower(), *sizes)
    first, second = (ngrams(text.lower(), *sizes) for text in one)
    shared = sorted(set(first) & set(second))
    marked = ((_FIRST, first), (_SECOND, second), (_SHARED, shared))
    return [mark + gram for mark, grams in marked for gram in grams]


def overlap(pairs: Sequence[tuple[str, str]]) -> np.ndarray:
    """Return what the two texts of each pair share, in numbers from 0 to 1, [B, OVERLAPS].

    Of words, pairs of words and characters by threes: the share of all that both have (Jaccard), of the first's, and of
    the second's; then how alike the texts are in length, and whether they have the same numbers.
    """
    return np.array([_overlap(first.lower(), second.lower()) for first, second in pairs], np.float32).reshape(
        -1, OVERLAPS
    )


OVERLAPS = 11


def _overlap(first: str, second: str) -> list[float]:
    shares = []
    for size in (1, 2):
        shares += _shares(set(word_ngrams(first, size, size)), set(word_ngrams(second, size, size)))
    shares += _shares(set(_threes(first)), set(_threes(second)))
    lengths = sorted((len(first), len(second)))
    numbers = [{word for word in word_ngrams(text, 1, 1) if word.isdigit()} for text in (first, second)]
    return [*shares, lengths[0] / max(lengths[1], 1), float(numbers[0] == numbers[1])]


def _shares(first: set[str], second: set[str]) -> list[float]:
    both = len(first & second)
    return [both / max(size, 1) for size in (len(first | second), len(first), len(second))]


def _threes(text: str) -> list[str]:
    padded = f" {text} "
    return [padded[start : start + 3] for start in range(len(padded) - 2)]
