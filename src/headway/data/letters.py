"""What a vocabulary is made of: the words of texts, as a tokenizer cuts them, and the letters that spell them."""

from collections import Counter
from collections.abc import Iterable

import tokenizers


def words_of(tokenizer: tokenizers.Tokenizer, texts: Iterable[str]) -> Counter[str]:
    """Count the words of the texts: what the tokenizer's normalizer and pre-tokenizer make of them."""
    counts: Counter[str] = Counter()
    for text in texts:
        whole = tokenizer.normalizer.normalize_str(text)
        counts.update(word for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(whole))
    return counts


def commonest(words: Counter[str], most: int) -> list[str]:
    """Return the letters that words can be spelled with, in their order: the commonest, if there are too many."""
    counts: Counter[str] = Counter()
    for word, count in words.items():
        for letter in word:
            counts[letter] += count
    return sorted(sorted(counts, key=lambda letter: (-counts[letter], letter))[: max(most, 1)])
