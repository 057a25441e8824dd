"""Words: how a text is cut into them for the models that read words."""

import re

# Letters and digits, with apostrophes inside ("don't"); such a beginning ("'s"); or one mark by itself. Blanks part.
PATTERN = r"\w+(?:['’]\w+)*|['’]\w+|[^\w\s]"

_WORD = re.compile(PATTERN)


def split_words(text: str) -> list[str]:
    """Cut a text into words and marks: "It's 3.5!" gives It's, 3, ., 5, !"""
    return _WORD.findall(text)


def word_spans(text: str) -> list[tuple[int, int]]:
    """Return where each of these stands: its first character and the one behind its last."""
    return [match.span() for match in _WORD.finditer(text)]
