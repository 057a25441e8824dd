"""What speaks for a passage, without a network: the question's words around it, and its own words' look.

In the manner of the feature-based baseline of Rajpurkar et al. 2016 (arXiv:1606.05250, section 5), without a parser and
for any language whose words stand between blanks: a question's kind is its first word and its last one.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

MOST_WORDS = 10  # of a passage
DENSE = 6
_KINDS = 20  # first words, and last words, of questions that are told apart
_COMMON = 60  # words of contexts that are told apart
_FADES = 0.7  # of a question's word, by each word that it stands farther off
_WORD = re.compile(r"\w+(?:['’]\w+)*")
_ENDS = re.compile(r"[.!?。][\"'”’)\]]*\s|\n")
_SHAPES = 6
_LENGTHS = np.array([0, 0, 1, 2, 2, 3, 3, 4, 4, 4, 4])  # words -> one of five classes
_BESIDE = "([\"'“‘,.;:)"

Index = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Candidates:
    """The K passages of a context: where they stand [K, 2], which weights each adds up [K, F], and numbers [K, 6]."""

    spans: Index
    fields: Index
    dense: npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class LexicalFeatures:
    """What is known of the training rows' words: how rare each is, and which are told apart."""

    rarity: dict[str, float]  # log of contexts over those that hold the word
    unseen: float  # of a word in none of them
    first: dict[str, int]
    last: dict[str, int]
    common: dict[str, int]

    @classmethod
    def of(cls, questions: Sequence[str], contexts: Sequence[str]) -> Self:
        """Count words; each context once."""
        different = list(dict.fromkeys(contexts))
        held = Counter(word for text in different for word in dict.fromkeys(words_of(text)))
        asked = [words_of(question) or [""] for question in questions]
        return cls(
            rarity={word: float(np.log(len(different) / count)) for word, count in held.items() if count > 1},
            unseen=float(np.log(max(len(different), 1))),
            first=_most_frequent([own[0] for own in asked], _KINDS),
            last=_most_frequent([own[-1] for own in asked], _KINDS),
            common={word: place + 1 for place, (word, _) in enumerate(held.most_common(_COMMON))},
        )

    @property
    def size(self) -> int:
        """How many weights there are for `Candidates.fields` to choose from."""
        return int(sum(self._sizes))

    @property
    def _sizes(self) -> tuple[int, ...]:
        first, last, common = len(self.first) + 1, len(self.last) + 1, len(self.common) + 1
        kinds = (first * _SHAPES, first * _SHAPES, first * 5, last * _SHAPES, last * _SHAPES, last * 5)
        return (*kinds, *(common,) * 4, MOST_WORDS + 1, *(len(_BESIDE) + 1,) * 2)

    def candidates(self, question: str, context: str) -> Candidates:
        """Return every passage of at most 10 words that does not go beyond a sentence."""
        matches = list(_WORD.finditer(context))
        if not matches:
            return Candidates(np.empty((0, 2), np.int64), np.empty((0, 13), np.int64), np.empty((0, DENSE)))
        words = [match.group() for match in matches]
        low = [word.lower() for word in words]
        places = np.array([match.span() for match in matches], np.int64)
        sentence = _sentences(context, places)
        count = len(words)
        start = np.repeat(np.arange(count), MOST_WORDS)
        end = start + np.tile(np.arange(MOST_WORDS), count)
        inside = end < count
        inside[inside] &= sentence[start[inside]] == sentence[end[inside]]
        start, end = start[inside], end[inside]
        return Candidates(
            spans=np.stack([places[start, 0], places[end, 1]], axis=1),
            fields=self._fields(question, context, words, low, places, start, end),
            dense=self._numbers(question, low, sentence, start, end),
        )

    def _fields(
        self,
        question: str,
        context: str,
        words: list[str],
        low: list[str],
        places: Index,
        start: Index,
        end: Index,
    ) -> Index:
        asked = words_of(question) or [""]
        first, last = self.first.get(asked[0], 0), self.last.get(asked[-1], 0)
        shape = np.array([_shape(word) for word in words])
        common = np.array([0, *(self.common.get(word, 0) for word in low), 0])  # a place before and behind
        length = end - start + 1
        before = np.array([_beside(context[:at].rstrip()[-1:]) for at in places[:, 0]])
        behind = np.array([_beside(context[at : at + 1]) for at in places[:, 1]])
        fields = (
            first * _SHAPES + shape[start],
            first * _SHAPES + shape[end],
            first * 5 + _LENGTHS[length],
            last * _SHAPES + shape[start],
            last * _SHAPES + shape[end],
            last * 5 + _LENGTHS[length],
            common[start + 1],
            common[end + 1],
            common[start],
            common[end + 2],
            length,
            before[start],
            behind[end],
        )
        offsets = np.concatenate([[0], np.cumsum(self._sizes)[:-1]])
        chosen: Index = np.stack(fields, axis=1) + offsets
        return chosen

    def _numbers(
        self, question: str, low: list[str], sentence: Index, start: Index, end: Index
    ) -> npt.NDArray[np.float64]:
        """Return, as shares of the question's rarity: what its sentence has of it, whether that is the most, what
        stands near before and near behind, what is inside; and how far on the sentence is.
        """
        asked = dict.fromkeys(words_of(question))  # in their order: sums of floats follow it
        weights = {word: self.rarity.get(word, self.unseen) for word in asked}
        whole = sum(weights.values()) or 1.0
        match = np.array([weights.get(word, 0.0) for word in low]) / whole
        held = np.zeros(int(sentence[-1]) + 1)
        for number, word in dict.fromkeys(zip(sentence.tolist(), low, strict=True)):
            held[number] += weights.get(word, 0.0) / whole
        near_before = _fading(match, sentence)
        near_behind = _fading(match[::-1], sentence[::-1])[::-1]
        sums = np.concatenate([[0.0], np.cumsum(match)])
        own = held[sentence[start]]
        return np.stack(
            [
                own,
                own >= held.max(),
                near_before[start],
                near_behind[end],
                sums[end + 1] - sums[start],
                sentence[start] / (sentence[-1] + 1),
            ],
            axis=1,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        return vars(self)


def words_of(text: str) -> list[str]:
    """Return a text's words in small letters."""
    return [word.lower() for word in _WORD.findall(text)]


def _most_frequent(words: Sequence[str], most: int) -> dict[str, int]:
    return {word: place + 1 for place, (word, _) in enumerate(Counter(words).most_common(most))}


def _sentences(context: str, places: Index) -> Index:
    """Return the number of the sentence that each word stands in, from 0."""
    ends = np.array([match.start() for match in _ENDS.finditer(context)], np.int64)
    numbers = np.searchsorted(ends, places[:, 0])
    return np.unique(numbers, return_inverse=True)[1].astype(np.int64)


def _shape(word: str) -> int:
    """Return what a word looks like: a year, a number, with a capital, in capitals, in small letters, or else."""
    if word.isdigit():
        return 0 if len(word) == 4 else 1
    if any(map(str.isdigit, word)):
        return 1
    if word[0].isupper():
        return 3 if len(word) > 1 and word.isupper() else 2
    return 4 if word[0].islower() else 5


def _beside(mark: str) -> int:
    return _BESIDE.find(mark) + 1 if mark else 0


def _fading(match: npt.NDArray[np.float64], sentence: Index) -> npt.NDArray[np.float64]:
    """Return what stands before each word in its sentence, each word's share fading with its distance."""
    found = np.zeros(len(match))
    for place in range(1, len(match)):
        if sentence[place] == sentence[place - 1]:
            found[place] = _FADES * (found[place - 1] + match[place - 1])
    return found
