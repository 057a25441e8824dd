"""Vocabularies of T5's kind, made from texts by the `tokenizers` library, or read.

The pieces are those of byte-pair encoding (Sennrich et al. 2016), on characters; how likely each is, is learned as for
the unigram model (Kudo 2018, section 3.2), from the likeliest cut of each word alone instead of all cuts. (The
library's own trainer of unigram models adds up in another order in each process, and ends in other digits.)
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import tokenizers
from tokenizers import models, pre_tokenizers, trainers

from headway.core.errors import DataError
from headway.data.letters import commonest, words_of
from headway.data.sentencepiece import (
    END,
    PAD,
    SENTINELS,
    SPACE,
    UNICODE,
    UNKNOWN,
    Piece,
    SentencePieceTokenizer,
)

ROUNDS = 4  # of cutting and counting; after two, few cuts still change


def train_unigram(
    texts: Sequence[str], vocab_size: int, *, sentinels: int = SENTINELS
) -> SentencePieceTokenizer:
    """Make a vocabulary of at most ``vocab_size`` pieces, special ones and sentinels included.

    A pure function of its arguments. Raises DataError when the texts hold no words.
    """
    special = [Piece(text, 0.0) for text in (PAD, END, UNKNOWN)]
    last = [Piece(f"<extra_id_{number}>", 0.0) for number in reversed(range(sentinels))]
    room = vocab_size - len(special) - len(last)
    scratch = tokenizers.Tokenizer(models.BPE())
    scratch.normalizer = UNICODE
    scratch.pre_tokenizer = pre_tokenizers.Metaspace(replacement=SPACE, prepend_scheme="always")
    words = words_of(scratch, texts)
    letters = commonest(words, room // 4)
    if not letters:
        raise DataError("holds no words", where="the corpus")
    trainer = trainers.BpeTrainer(
        vocab_size=room, initial_alphabet=letters, limit_alphabet=len(letters), show_progress=False
    )
    scratch.train_from_iterator(texts, trainer)
    ids = scratch.get_vocab()
    texts_of_pieces = sorted(ids, key=lambda text: ids[text])
    cut = scratch.model.tokenize
    for _ in range(ROUNDS):
        pieces = _counted(texts_of_pieces, words, cut)
        cut = models.Unigram([*special, *pieces], unk_id=2).tokenize
    return SentencePieceTokenizer([*special, *pieces, *last], table=None)


def read_unigram(path: Path) -> SentencePieceTokenizer:
    """Read a published vocabulary: a `spiece.model`, or a `tokenizer.json`. Raises DataError."""
    if path.suffix == ".json":
        return SentencePieceTokenizer.load(path)
    return SentencePieceTokenizer.from_model(path)


def _counted(
    texts: Sequence[str], words: Counter[str], cut: Callable[[str], Sequence[tokenizers.Token]]
) -> list[Piece]:
    """Return the pieces with the logarithms of their shares in the words as they are cut, the commonest first.

    One is added to every count.
    """
    counts = Counter(dict.fromkeys(texts, 1))
    for word, times in words.items():
        for token in cut(word):
            if token.value in counts:
                counts[token.value] += times
    total = counts.total()
    ranked = sorted(counts, key=lambda text: (-counts[text], text))
    return [Piece(text, math.log(counts[text] / total)) for text in ranked]
