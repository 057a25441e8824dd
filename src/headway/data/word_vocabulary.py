"""Tokenizers whose pieces are whole words (`data.words`), for AWD-LSTM."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import tokenizers
from tokenizers import Regex, models, normalizers, pre_tokenizers

from headway.core.errors import DataError
from headway.data.tokenizers import END, SPECIAL, Tokenizer
from headway.data.words import PATTERN, split_words

_UNKNOWN = (SPECIAL["unk"], "xxunk", "_unk_")  # ours, and what fastai published


def word_tokenizer(words: Sequence[str], *, lowercase: bool) -> Tokenizer:
    """Build from words in the order of their ids, one of which stands for all others: [UNK], or fastai's xxunk.

    Raises DataError when none does.
    """
    unknown = next((token for token in _UNKNOWN if token in words), None)
    if unknown is None:
        raise DataError(f"no word stands for the unknown ones ({', '.join(_UNKNOWN)})", where="vocabulary")
    ids = {word: index for index, word in enumerate(words)}
    tokenizer = tokenizers.Tokenizer(models.WordLevel(ids, unk_token=unknown))
    steps: list[normalizers.Normalizer] = [normalizers.NFC()]
    if lowercase:
        steps.append(normalizers.Lowercase())
    tokenizer.normalizer = normalizers.Sequence(steps)
    # what the pattern matches is a word; what lies between, blanks, is left out
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(PATTERN), behavior="removed", invert=True)
    tokenizer.add_special_tokens([token for token in (unknown, END) if token in ids])
    return Tokenizer(tokenizer)


def train_words(lines: Iterable[str], vocab_size: int, *, lowercase: bool, least: int = 2) -> Tokenizer:
    """Make a vocabulary of the commonest words: unknown, the end of a text, then words by how often they are there.

    least: how often a word must be there to be kept. Words are equally common in the order of their letters.
    """
    normalizer = normalizers.Sequence([normalizers.NFC(), *([normalizers.Lowercase()] if lowercase else [])])
    counts: Counter[str] = Counter()
    for line in lines:
        counts.update(split_words(normalizer.normalize_str(line)))
    special = [SPECIAL["unk"], END]
    ranked = sorted(counts, key=lambda word: (-counts[word], word))
    kept = [word for word in ranked if counts[word] >= least and word not in special]
    return word_tokenizer([*special, *kept[: vocab_size - len(special)]], lowercase=lowercase)
