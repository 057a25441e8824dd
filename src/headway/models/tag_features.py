"""What a word is told by, besides itself: its affixes and shape, and the words beside it.

The usual ground of linear taggers (Ratnaparkhi 1996, section 3; Zhang & Johnson 2003). Numbers are told by their shape.
"""

import re
from collections.abc import Sequence

_LONGEST_AFFIX = 5
_RUNS = re.compile(r"(.)\1+")


def sentence_features(words: Sequence[str]) -> list[list[str]]:
    """Return the features of each word of a sentence."""
    small = [word.lower() for word in words]
    shapes = [shape(word) for word in words]
    return [_features(words, small, shapes, place) for place in range(len(words))]


def shape(word: str) -> str:
    """Return a word's kinds of characters, repeats left out: 'McDonald's' -> 'XxXx'x', '2017' -> '0'."""
    kinds = "".join(_kind(character) for character in word[:50])
    return _RUNS.sub(r"\1", kinds)


def _kind(character: str) -> str:
    if character.isdigit():
        return "0"
    if character.isupper():
        return "X"
    return "x" if character.isalpha() else character


def _features(words: Sequence[str], small: list[str], shapes: list[str], place: int) -> list[str]:
    word = small[place]

    def near(values: list[str], by: int) -> str:
        at = place + by
        return "<s>" if at < 0 else "</s>" if at >= len(values) else values[at]

    found = [f"w={words[place]}", f"l={word}", f"shape={shapes[place]}", f"length={min(len(word), 10)}"]
    for size in range(1, min(_LONGEST_AFFIX, len(word)) + 1):
        found += [f"p={word[:size]}", f"s={word[-size:]}"]
    for by in (-2, -1, 1, 2):
        found.append(f"{by}l={near(small, by)}")
    for by in (-1, 1):
        found += [f"{by}shape={near(shapes, by)}", f"{by}s={near(small, by)[-3:]}"]
    found += [
        f"-1,0l={near(small, -1)} {word}",
        f"0,1l={word} {near(small, 1)}",
        f"-1,0,1shape={near(shapes, -1)} {shapes[place]} {near(shapes, 1)}",
    ]
    return found
