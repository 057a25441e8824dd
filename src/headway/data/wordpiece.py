"""WordPiece vocabularies (Devlin et al. 2019, section 3): made from texts by the `tokenizers` library, or read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import tokenizers
from tokenizers import models, normalizers, pre_tokenizers, trainers

from headway.core.errors import DataError
from headway.data.letters import commonest, words_of
from headway.data.tokenizers import SPECIAL, Tokenizer

INNER = "##"  # what marks a piece that does not begin a word
FIRST = [
    SPECIAL[name] for name in ("pad", "unk", "cls", "sep", "mask")
]  # ids 0 to 4: [PAD] is 0 as in all BERTs


def train_wordpiece(texts: Sequence[str], vocab_size: int, *, lowercase: bool) -> Tokenizer:
    """Make a vocabulary of at most ``vocab_size`` pieces, special ones included: a pure function of its arguments.

    lowercase: make capital letters small and strip accents, here and later. Raises DataError when the texts hold no
    words.
    """
    scratch = tokenizers.Tokenizer(models.WordPiece(unk_token=SPECIAL["unk"]))
    scratch.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    scratch.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    letters = commonest(words_of(scratch, texts), (vocab_size - len(FIRST)) // 4)
    inner = [letter for letter in letters if len(words_of(scratch, [f"a{letter}a"])) == 1]  # not punctuation
    if not letters:
        raise DataError("holds no words", where="the corpus")
    # The library numbers inner letters in the order of a hash table, another one in each process, and merges of equal
    # counts follow those numbers. Given as special tokens, they have theirs before it looks at the words.
    trainer = trainers.WordPieceTrainer(
        vocab_size=vocab_size,
        special_tokens=FIRST + [INNER + letter for letter in inner],
        initial_alphabet=letters,
        limit_alphabet=len(letters),
        continuing_subword_prefix=INNER,
        show_progress=False,
    )
    scratch.train_from_iterator(texts, trainer)
    return Tokenizer.from_wordpieces(scratch.get_vocab(), lowercase=lowercase)


def read_wordpiece(path: Path) -> Tokenizer:
    """Read a published vocabulary: a `tokenizer.json`, or a `vocab.txt`, which is cased if it holds capital letters.

    Raises DataError when it is neither, or lacks BERT's special tokens.
    """
    if path.suffix == ".json":
        tokenizer = Tokenizer.load(path)
    else:
        tokenizer = Tokenizer.from_wordpiece_vocabulary(path, lowercase=not _has_capitals(path))
    missing = [SPECIAL[name] for name in SPECIAL if name not in tokenizer.special]
    if missing:
        raise DataError(f"is no BERT vocabulary: it lacks {', '.join(missing)}", where=str(path))
    return tokenizer


def _has_capitals(path: Path) -> bool:
    try:
        pieces = set(path.read_text(encoding="utf-8").split("\n")) - set(SPECIAL.values())
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot be read: {error}", where=str(path)) from error
    return any(piece != piece.lower() for piece in pieces)
