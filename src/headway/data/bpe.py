"""Byte-pair encoding (Sennrich et al. 2016, arXiv:1508.07909): GPT's and GPT-2's tokenizers from their published files,
and ones like GPT-2's made from texts by the `tokenizers` library.

A vocabulary is a JSON table of pieces and ids; the merges say, in the order in which they were learned, which two
pieces become one.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import tokenizers
from tokenizers import decoders, models, normalizers, pre_tokenizers, trainers

from headway.core.errors import DataError
from headway.core.files import write_text
from headway.data.tokenizers import CHARACTERS_AT_ONCE, END, Tokenizer

UNKNOWN = "<unk>"  # GPT's
WORD_END = "</w>"  # what marks, in GPT's vocabulary, a piece that ends a word

Merges = list[tuple[str, str]]


def gpt2_tokenizer(vocabulary: Path, merges: Path) -> Tokenizer:
    """Build GPT-2's tokenizer from `encoder.json` and `vocab.bpe` (on the hub: `vocab.json` and `merges.txt`).

    It works on bytes, so no text is unknown (Radford et al. 2019, section 2.2). Raises DataError.
    """
    pieces, pairs = read_vocabulary(vocabulary), read_merges(merges)
    _check_fit(pieces, pairs, vocabulary, merges)
    if END not in pieces:
        raise DataError(f"is no vocabulary of GPT-2: it lacks {END}", where=str(vocabulary))
    return _on_bytes(models.BPE(dict(pieces), pairs))


def train_bytes(texts: Sequence[str], vocab_size: int) -> Tokenizer:
    """Make a tokenizer like GPT-2's of at most ``vocab_size`` pieces: its end token, the 256 bytes, and pairs.

    A pure function of its arguments. Raises DataError when the texts hold nothing.
    """
    if not any(texts):
        raise DataError("holds no text", where="the corpus")
    scratch = _on_bytes(models.BPE())._tokenizer
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    scratch.train_from_iterator(texts, trainer)
    return Tokenizer(scratch)


def read_bytes(path: Path) -> Tokenizer:
    """Read a published vocabulary of GPT-2's kind: a `tokenizer.json`, or a table of pieces (`vocab.json`).

    The table's merges are read from `merges.txt` beside it, or else recovered. Raises DataError.
    """
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(
            f"cannot be read: {error}",
            where=str(path),
            remedy="Give a tokenizer.json, or a vocab.json with merges.txt beside it.",
        ) from error
    if isinstance(stored, dict) and isinstance(stored.get("model"), dict):
        tokenizer = Tokenizer.load(path)
        if tokenizer.end is None:
            raise DataError(f"is no vocabulary of GPT-2: it lacks {END}", where=str(path))
        return tokenizer
    merges = path.with_name("merges.txt")
    if merges.is_file():
        return gpt2_tokenizer(path, merges)
    pieces = read_vocabulary(path)
    if END not in pieces:
        raise DataError(f"is no vocabulary of GPT-2: it lacks {END}", where=str(path))
    pairs = recover_merges(pieces, special=(END,), where=str(path))
    return _on_bytes(models.BPE(dict(pieces), pairs))


def text_parts(lines: Sequence[str]) -> list[str]:
    """Cut a document between lines into parts that, tokenized as GPT-2 does, give the ids of the whole.

    Its words never reach across a line end that something visible follows, and such a one begins a word.
    """
    parts: list[str] = []
    part: list[str] = []
    characters = 0
    for line in lines:
        if characters > CHARACTERS_AT_ONCE and line[:1].strip():
            parts.append("\n".join(part))
            part, characters = [""], 0  # the part begins with the line end
        part.append(line)
        characters += len(line) + 1
    return [*parts, "\n".join(part)]


def gpt_tokenizer(vocabulary: Path, merges: Path | None = None) -> Tokenizer:
    """Build GPT's tokenizer: small letters, words as BERT cuts them, then pairs of characters.

    Without a file of merges they are recovered from the vocabulary. Raises DataError.

    The published model was trained on texts that spaCy cut into words and ftfy had mended; like `transformers`
    without these two packages, this follows BERT's rules instead.
    """
    pieces = read_vocabulary(vocabulary)
    if UNKNOWN not in pieces:
        raise DataError(f"is no vocabulary of GPT: it lacks {UNKNOWN}", where=str(vocabulary))
    if merges is None:
        pairs = recover_merges(pieces, suffix=WORD_END, special=(UNKNOWN,), where=str(vocabulary))
    else:
        pairs = read_merges(merges)
        _check_fit(pieces, pairs, vocabulary, merges)
    model = models.BPE(dict(pieces), pairs, unk_token=UNKNOWN, end_of_word_suffix=WORD_END)
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.BPEDecoder(suffix=WORD_END)
    tokenizer.add_special_tokens([UNKNOWN])
    return Tokenizer(tokenizer)


def read_vocabulary(path: Path) -> Mapping[str, int]:
    """Read a table of pieces whose ids are 0, 1, 2, ...; raises DataError."""
    try:
        pieces = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"cannot be read: {error}", where=str(path)) from error
    ids = list(pieces.values()) if isinstance(pieces, dict) else None
    if (
        ids is None
        or not all(isinstance(index, int) for index in ids)
        or sorted(ids) != list(range(len(ids)))
    ):
        raise DataError("is no vocabulary: not a table of pieces with the ids 0, 1, 2, ...", where=str(path))
    found: dict[str, int] = pieces
    return found


def read_merges(path: Path) -> Merges:
    """Read merges, two pieces a line, after an optional line that begins with "#version"; raises DataError."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot be read: {error}", where=str(path)) from error
    pairs: Merges = []
    for number, line in enumerate(lines, 1):
        parts = line.rstrip("\r").split(" ")
        if not line.strip() or (number == 1 and line.startswith("#version")):
            continue
        if len(parts) == 2 and all(parts):
            pairs.append((parts[0], parts[1]))
        else:
            raise DataError("holds no two pieces with a space between", where=f"{path}, line {number}")
    return pairs


def write_merges(path: Path, pairs: Sequence[tuple[str, str]]) -> None:
    """Write merges as they are published."""
    write_text(path, "#version: 0.2\n" + "".join(f"{first} {second}\n" for first, second in pairs))


def recover_merges(
    pieces: Mapping[str, int], *, suffix: str = "", special: Collection[str] = (), where: str = "vocabulary"
) -> Merges:
    """Recover the merges from a vocabulary whose ids are in the order in which the merges were learned.

    When a merge was learned, its piece stood in some word as exactly two pieces, and what stood around it had no part
    in them: so the merges before it, applied to the piece alone, leave these two. suffix: what marks the end of a
    word; special: pieces that no merge makes. Raises DataError where a piece does not fall into two.
    """
    ranks: dict[tuple[str, str], int] = {}
    for piece in sorted(pieces, key=lambda piece: pieces[piece]):
        characters = piece.removesuffix(suffix) if suffix else piece
        if piece in special or len(characters) < 2:
            continue
        marked = [*characters[:-1], characters[-1] + piece[len(characters) :]]
        parts = _merged(marked, ranks)
        if len(parts) != 2:
            raise DataError(
                f"the merges cannot be recovered: {piece!r} falls into {len(parts)} pieces instead of two",
                where=where,
                remedy="Give the file of merges that belongs to this vocabulary.",
            )
        ranks[parts[0], parts[1]] = len(ranks)
    return list(ranks)


def _merged(parts: list[str], ranks: Mapping[tuple[str, str], int]) -> list[str]:
    """Apply the merges to the parts of a word: again and again the first learned of those that apply, everywhere."""
    while True:
        known = [pair for pair in pairwise(parts) if pair in ranks]
        if not known:
            return parts
        first, second = min(known, key=lambda pair: ranks[pair])
        whole: list[str] = []
        for part in parts:
            if whole and whole[-1] == first and part == second:
                whole[-1] = first + second
            else:
                whole.append(part)
        parts = whole


def _on_bytes(model: models.BPE) -> Tokenizer:
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([END])
    return Tokenizer(tokenizer)


def _check_fit(pieces: Mapping[str, int], pairs: Merges, vocabulary: Path, merges: Path) -> None:
    """Raise DataError unless every merge joins two pieces of the vocabulary to a third."""
    for first, second in pairs:
        for piece in (first, second, first + second):
            if piece not in pieces:
                raise DataError(
                    f"merges {first!r} and {second!r}, but {vocabulary.name} has no piece {piece!r}",
                    where=str(merges),
                    remedy="Use a vocabulary and merges that belong together.",
                )
