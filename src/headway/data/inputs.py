"""What a row's input can be, and what is asked of it whatever it is: a text, a pair of texts, a sentence of words, or a
picture.

A picture is a `data.pictures.Picture`, of which only its name and its hash are asked here.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

_SAMPLE = 500
SYLLABIC = 0.5  # the share of letters above which a text counts as written in syllables
_SYLLABLE = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3\uf900-\ufaff]")


class TextPair(NamedTuple):
    """Two texts that are read together: premise and hypothesis, question and sentence."""

    first: str
    second: str


class Sentence(tuple[str, ...]):
    """A sentence that is cut into words, each of which is answered with a tag."""

    __slots__ = ()


def are_sentences(inputs: Sequence[Any]) -> bool:
    """Return whether these inputs are sentences of words."""
    return bool(inputs) and isinstance(inputs[0], Sentence)


def are_pairs(inputs: Sequence[Any]) -> bool:
    """Return whether these inputs are pairs of texts; all inputs of a run are of one kind."""
    return bool(inputs) and isinstance(inputs[0], TextPair)


def parts(one: Any) -> tuple[str, ...]:
    """Return the texts of an input: of a sentence its words."""
    return (one,) if isinstance(one, str) else tuple(one)


def texts_of(inputs: Iterable[Any]) -> list[str]:
    """Return the texts of all inputs, one after the other."""
    return [text for one in inputs for text in parts(one)]


def same_text(text: str) -> str:
    """Return the form in which two texts are compared to be the same."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(text.lower().split())


def same_input(one: Any) -> Any:
    """Return the form in which two inputs are compared to be the same; the order of a pair does not count."""
    if isinstance(one, Sentence):
        return tuple(map(same_text, one))
    return same_text(one) if isinstance(one, str) else tuple(sorted(map(same_text, one)))


def duplicate_groups(inputs: Sequence[Any]) -> npt.NDArray[np.int64]:
    """Return each input's group, numbered as they come: texts equal up to Unicode form (NFKC), case and white space
    share one.
    """
    numbers: dict[Any, int] = {}
    return np.fromiter(
        (numbers.setdefault(same_input(one), len(numbers)) for one in inputs), np.int64, len(inputs)
    )


def kin_groups(inputs: Sequence[Any]) -> npt.NDArray[np.int64]:
    """Return the groups that a split keeps whole, numbered as they come: duplicates, and pairs that share their first
    text, as the hypotheses on one premise do.

    A first text that more than a twentieth of the rows have (a question that is always the same) binds none together.
    """
    duplicates = duplicate_groups(inputs)
    if not are_pairs(inputs):
        return duplicates
    first = duplicate_groups([pair.first for pair in inputs])
    common = np.bincount(first) > max(2.0, len(inputs) / 20)
    alone = common[first]
    first[alone] = len(common) + np.arange(int(alone.sum()))
    return joined(duplicates, first)


def joined(a: npt.NDArray[np.int64], b: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the finest groups of which each group of either is a part, numbered as they come."""
    found = np.arange(len(a))
    while True:
        before = found
        for groups in (a, b):
            least = np.full(int(groups.max(initial=-1)) + 1, len(found))
            np.minimum.at(least, groups, found)
            found = least[groups]
        if np.array_equal(found, before):
            _, numbers = np.unique(found, return_inverse=True)
            return numbers.astype(np.int64)


def syllabic_share(inputs: Sequence[Any]) -> float:
    """Return the share of letters that are syllables or words by themselves (Hangul, kana, Chinese characters), of a
    sample taken evenly.
    """
    sample = "".join(texts_of(inputs[:: max(1, len(inputs) // _SAMPLE)]))
    letters = sum(map(str.isalpha, sample))
    return len(_SYLLABLE.findall(sample)) / max(letters, 1)


def characters(one: Any) -> int:
    """Return how many characters an input has."""
    return sum(map(len, parts(one)))


def mean_characters(inputs: Iterable[Any]) -> float:
    """Return the mean of `characters`, 0 of nothing."""
    sizes = [characters(one) for one in inputs]
    return sum(sizes) / max(len(sizes), 1)


def shown(one: Any) -> str:
    """Return an input as a report shows it: the texts of a pair with a bar between them, a picture's path."""
    if isinstance(one, Sentence):
        return " ".join(one)
    return " ‖ ".join(parts(one)) if isinstance(one, str | TextPair) else str(one)


def identity(one: Any) -> Any:
    """Return plain values, ready for JSON, that are another input's too only if it is the same."""
    return getattr(one, "identity", one)
