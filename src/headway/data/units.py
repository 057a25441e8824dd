"""The plainest tokenizers, made from a corpus: words between blanks, or characters.

Their vocabulary is what stands in the corpus; anything else is `UNKNOWN`. A word's tokenizer has a token for the end
of a line, so that a language model of words knows where sentences end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import tokenizers
from tokenizers import decoders, models, pre_tokenizers

from headway.data.tokenizers import END, Tokenizer

UNKNOWN = "<unk>"


def words_of(lines: Iterable[str]) -> Tokenizer:
    """Build a tokenizer of the words of these lines, the most frequent first."""
    counts = Counter(word for line in lines for word in line.split())
    return word_tokenizer([END, UNKNOWN, *_by_frequency(counts)])


def word_tokenizer(words: Sequence[str]) -> Tokenizer:
    """Build a tokenizer of given words, whose ids are 0, 1, 2, ...; `UNKNOWN` must be among them."""
    tokenizer = tokenizers.Tokenizer(models.WordLevel(_ids(words), unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return Tokenizer(tokenizer)


def characters_of(texts: Iterable[str]) -> Tokenizer:
    """Build a tokenizer of the characters of these texts, line ends among them, the most frequent first."""
    counts = Counter(character for text in texts for character in text)
    tokenizer = tokenizers.Tokenizer(
        models.WordLevel(_ids([UNKNOWN, *_by_frequency(counts)]), unk_token=UNKNOWN)
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Split(tokenizers.Regex(r"[\s\S]"), "isolated")
    tokenizer.decoder = decoders.Fuse()
    return Tokenizer(tokenizer)


def _by_frequency(counts: Counter[str]) -> list[str]:
    return sorted(
        (unit for unit in counts if unit not in (END, UNKNOWN)), key=lambda unit: (-counts[unit], unit)
    )


def _ids(units: Sequence[str]) -> dict[str, int]:
    return {unit: index for index, unit in enumerate(units)}
