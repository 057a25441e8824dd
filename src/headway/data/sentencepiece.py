"""T5's tokenizer: SentencePiece's unigram model (Kudo 2018, arXiv:1804.10959) read from its own file.

A `spiece.model` is a protocol-buffer message: pieces with log-probabilities, and a table by which characters are
replaced first. Both are read here, without the SentencePiece library and without running anything the file holds; the
likeliest cut into pieces is found by the `tokenizers` library. The replacement is done here too: that library's own
drops what follows a replaced character in one letter ("e" with two accents loses the second). A vocabulary that is made
here (`data.unigram`) has no table; its characters take Unicode's form NFKC.

The ids are SentencePiece's, except where two cuts are equally likely to the seven digits that it reckons with ("****"
is "*" and "***" in either order): 9 of 122,439 lines of the shared data.
"""

from __future__ import annotations

import base64
import json
import re
import struct
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import tokenizers
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors

from headway.core.errors import DataError, UsageError
from headway.core.files import write_json, write_text
from headway.data.tokenizers import FILE, Encoded, Located

MODEL_FILE = "spiece.model"
SENTINELS = 100
PAD, END, UNKNOWN = "<pad>", "</s>", "<unk>"  # ids 0, 1, 2 of a vocabulary of T5
SPACE = "▁"
_UNKNOWN_SHOWN = " ⁇ "
_TEXTS_AT_ONCE = 1000
_WORD = re.compile(r"\S+")
_SENTINEL = re.compile(r"<extra_id_(\d+)>")
_NOT_PLAIN = re.compile(r"[ -~]?[^ -~]+")  # what the table may replace: never ASCII letters alone
UNICODE = normalizers.Sequence(  # what replaces characters where there is no table
    [normalizers.NFKC(), normalizers.Replace(tokenizers.Regex(r"\s+"), " "), normalizers.Strip()]
)


class Piece(NamedTuple):
    """A piece of the vocabulary, and the logarithm of its probability."""

    text: str
    score: float


class SentencePieceTokenizer:
    """Texts to ids of T5's vocabulary and back: pieces, then </s>.

    The ids of the pieces stand in the file's order; after them come the sentinels <extra_id_99> ... <extra_id_0>, as
    in T5 (Raffel et al. 2020, section 3.1.4). <pad>, </s>, <unk> and the sentinels are recognized in a text.
    """

    def __init__(self, pieces: Sequence[Piece], table: bytes | None) -> None:
        self._pieces = list(pieces)
        self._table = table
        if table is not None:
            self._replaced = lru_cache(1 << 16)(_Replacements(table).apply)  # words come again and again
        self._ids = {piece.text: index for index, piece in enumerate(pieces)}
        special = [PAD, END, UNKNOWN, *(text for text in self._ids if _SENTINEL.fullmatch(text))]
        self._special = {self._ids[text] for text in special}
        self._cut_special = re.compile("(" + "|".join(map(re.escape, special)) + ")")
        # A word has one SPACE, so the library never finds these in a text.
        hidden = [
            (SPACE * 2 + p.text if i in self._special else p.text, p.score) for i, p in enumerate(pieces)
        ]
        self._tokenizer = tokenizers.Tokenizer(models.Unigram(hidden, unk_id=self.unknown))
        self._tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement=SPACE, prepend_scheme="always")

    @classmethod
    def from_model(cls, path: Path, *, sentinels: int = SENTINELS) -> Self:
        """Read a `spiece.model` and add the sentinels. Raises DataError on what is not a vocabulary as T5's."""
        try:
            pieces, table = _read_model(path.read_bytes())
        except OSError as error:
            raise DataError(f"cannot be read: {error.strerror}", where=str(path)) from error
        except (ValueError, IndexError, struct.error) as error:
            raise DataError(f"is no SentencePiece vocabulary as T5's: {error}", where=str(path)) from error
        last = [Piece(f"<extra_id_{number}>", 0.0) for number in reversed(range(sentinels))]
        return cls([*pieces, *last], table)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the `tokenizer.json` that `save` wrote. Raises DataError."""
        try:
            stored = json.loads(path.read_text(encoding="utf-8"))
            table = stored["normalizer"]["normalizers"][0].get("precompiled_charsmap")
            pieces = [Piece(*piece) for piece in stored["model"]["vocab"]]
            return cls(pieces, None if table is None else base64.b64decode(table))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"is no tokenizer file of T5: {error}", where=str(path)) from error

    @property
    def vocab_size(self) -> int:
        """V, sentinels included; published models have some rows more (32,128 for 32,100)."""
        return len(self._pieces)

    @property
    def vocabulary(self) -> list[str]:
        """The pieces in the order of their ids, [V], as the file spells them."""
        return [piece.text for piece in self._pieces]

    @property
    def backward(self) -> bool:
        """False: ids come in the order of the text."""
        return False

    @property
    def nothing(self) -> np.ndarray:
        """What stands for a text without a token: </s>."""
        return np.array([self.end], np.int32)

    @property
    def reads(self) -> None:
        """How texts are cut came with the weights."""

    @property
    def pad(self) -> int:
        """The id of <pad>, with which T5's decoder starts."""
        return self._ids[PAD]

    @property
    def start(self) -> int:
        """The id that T5's answers begin with: that of <pad>."""
        return self.pad

    @property
    def end(self) -> int:
        """The id of </s>."""
        return self._ids[END]

    @property
    def unknown(self) -> int:
        """The id of <unk>: characters that no piece holds."""
        return self._ids[UNKNOWN]

    @property
    def sentinels(self) -> np.ndarray:
        """The ids of <extra_id_0>, <extra_id_1>, ..., int64."""
        numbers = [int(match[1]) for match in map(_SENTINEL.fullmatch, self._ids) if match]
        return np.array([self._ids[f"<extra_id_{number}>"] for number in sorted(numbers)], np.int64)

    def encode(self, texts: Sequence[str], max_tokens: int) -> Encoded:
        """Turn texts into ids; one longer than max_tokens, </s> included, loses its end and is counted.

        Raises UsageError when max_tokens leaves no room, DataError on a text that is no Unicode.
        """
        if max_tokens < 2:
            raise UsageError(f"max_tokens must be at least 2, found {max_tokens}", where="max_tokens")
        rows = self.pieces(texts)
        ids = [np.append(row[: max_tokens - 1], np.int32(self.end)) for row in rows]
        return Encoded(ids, sum(len(row) >= max_tokens for row in rows))

    def pieces(self, texts: Sequence[str]) -> list[np.ndarray]:
        """Return each text's ids, all of them, and without </s>. Raises DataError on a text that is no Unicode."""
        return [
            np.array(row, np.int32)
            for start in range(0, len(texts), _TEXTS_AT_ONCE)
            for row in self._rows(texts[start : start + _TEXTS_AT_ONCE], start)
        ]

    def located(self, texts: Sequence[str]) -> list[Located]:
        """Return each text's pieces and where they stand: those of a word share its characters, since what is
        normalized no longer says which came from which. No piece of such a vocabulary goes beyond a word.
        """
        found = []
        for text in texts:
            spans = [match.span() for match in _WORD.finditer(text)]
            words = self.pieces([text[first:last] for first, last in spans])
            sizes = [len(word) for word in words]
            placed = np.repeat(np.array(spans, np.int64).reshape(-1, 2), sizes, axis=0)
            found.append(Located(np.concatenate([np.empty(0, np.int32), *words]), placed))
        return found

    def decode(self, ids: Sequence[int] | np.ndarray, *, special: bool = False) -> str:
        """Turn ids into text; unknown pieces become " ⁇ ". special: keep <pad>, </s>, <unk> and sentinels as written.

        Raises UsageError on an id that is not in the vocabulary.
        """
        shown = []
        for index in map(int, ids):
            if not 0 <= index < self.vocab_size:
                raise UsageError(f"no piece has the id {index}; there are {self.vocab_size}", where="decode")
            if special or index not in self._special:
                shown.append(self._pieces[index].text)
            elif index == self.unknown:
                shown.append(_UNKNOWN_SHOWN)
        return "".join(shown).replace(SPACE, " ").removeprefix("" if shown[:1] == [_UNKNOWN_SHOWN] else " ")

    def save(self, folder: Path, *, max_tokens: int | None = None) -> None:
        """Write `tokenizer.json` and the `tokenizer_config.json` by which transformers' AutoTokenizer opens it."""
        write_text(folder / FILE, self._as_library().to_str(pretty=True))
        write_json(
            folder / "tokenizer_config.json",
            {
                # transformers 5 makes the replacements of a T5Tokenizer anew instead of reading them
                "tokenizer_class": "T5Tokenizer" if self._table else "PreTrainedTokenizerFast",
                "extra_ids": len(self.sentinels),
                **({} if max_tokens is None else {"model_max_length": max_tokens}),
                "pad_token": PAD,
                "eos_token": END,
                "unk_token": UNKNOWN,
            },
        )

    def _rows(self, texts: Sequence[str], first: int) -> Iterator[list[int]]:
        """Yield the ids of each text, without </s>: what stands between special tokens is cut by itself."""
        cut = [self._cut_special.split(_checked(text, first + at)) for at, text in enumerate(texts)]
        words = [self._normalized(part) for parts in cut for part in parts[::2]]
        found = iter(self._tokenizer.encode_batch_fast(words, add_special_tokens=False))
        for parts in cut:
            yield list(
                chain.from_iterable(
                    [self._ids[part]] if place % 2 else next(found).ids for place, part in enumerate(parts)
                )
            )

    def _normalized(self, text: str) -> str:
        """Replace characters by the table; white space at the ends goes, and what is between becomes one space."""
        if self._table is None:
            normalized: str = UNICODE.normalize_str(text)
            return normalized
        replaced = _NOT_PLAIN.sub(lambda match: self._replaced(match[0]), text)
        return " ".join(word for word in replaced.split(" ") if word)

    def _as_library(self) -> tokenizers.Tokenizer:
        """Return the same as one tokenizer of the library, for transformers."""
        tokenizer = tokenizers.Tokenizer(models.Unigram(list(self._pieces), unk_id=self.unknown))
        if self._table is None:
            tokenizer.normalizer = UNICODE
        else:
            spaces = [normalizers.Strip(), normalizers.Replace(tokenizers.Regex(" {2,}"), " ")]
            tokenizer.normalizer = normalizers.Sequence([normalizers.Precompiled(self._table), *spaces])
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement=SPACE, prepend_scheme="always")
        tokenizer.decoder = decoders.Metaspace(replacement=SPACE, prepend_scheme="always")
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"$A {END}", pair=f"$A {END} $B {END}", special_tokens=[(END, self.end)]
        )
        tokenizer.add_special_tokens([self._pieces[index].text for index in sorted(self._special)])
        return tokenizer


class _Replacements:
    """The table of a vocabulary's normalizer: a trie over UTF-8 bytes, and the texts its keys become.

    The trie is Darts-clone's double array: from the node whose unit is u at place p, byte c leads to place
    p ^ offset(u) ^ c, if the label there is c.
    """

    def __init__(self, table: bytes) -> None:
        (size,) = struct.unpack_from("<I", table)
        self._trie = np.frombuffer(table, "<u4", size // 4, offset=4).tolist()
        self._texts = table[4 + size :]

    def apply(self, text: str) -> str:
        """Replace, from the left, the longest key that begins at each character."""
        data = text.encode()
        out = bytearray()
        at = 0
        while at < len(data):
            end, replacement = self._longest(data, at)
            if end == at:  # not a key: the character stays
                end += 1
                while end < len(data) and data[end] & 0xC0 == 0x80:
                    end += 1
                replacement = data[at:end]
            out += replacement
            at = end
        return out.decode()

    def _longest(self, data: bytes, start: int) -> tuple[int, bytes]:
        """Return where the longest key that begins at ``start`` ends, and its replacement."""
        end, text = start, b""
        place = _offset(self._trie[0])
        for at in range(start, len(data)):
            place ^= data[at]
            unit = self._trie[place] if place < len(self._trie) else 0
            if unit & 0x800000FF != data[at]:  # the label; bit 31 marks a value
                break
            place ^= _offset(unit)
            if unit >> 8 & 1:  # a key ends here; its value is at the node's child 0
                begin = self._trie[place] & 0x7FFFFFFF
                end, text = at + 1, self._texts[begin : self._texts.index(b"\0", begin)]
        return end, text


def _offset(unit: int) -> int:
    return unit >> 10 << ((unit & 1 << 9) >> 6)


def _read_model(data: bytes) -> tuple[list[Piece], bytes]:
    """Read the pieces and the normalizer's table; raises ValueError on a model whose mathematics is another."""
    pieces: list[Piece] = []
    kinds: dict[str, int] = {}
    trainer: dict[int, Any] = {}
    normalizer: dict[int, Any] = {}
    for number, value in _fields(data):  # ModelProto
        if number == 1:  # SentencePiece: 1 piece, 2 score, 3 type
            piece = dict(_fields(value))
            pieces.append(Piece(piece[1].decode(), struct.unpack("<f", piece[2])[0] if 2 in piece else 0.0))
            kinds[pieces[-1].text] = piece.get(3, 1)
        elif number == 2:
            trainer = dict(_fields(value))
        elif number == 3:
            normalizer = dict(_fields(value))
    special = {PAD: 3, END: 3, UNKNOWN: 2}  # type 1 normal, 2 unknown, 3 control
    if {text: kind for text, kind in kinds.items() if kind != 1} != special or len(kinds) != len(pieces):
        raise ValueError(f"its pieces that stand for no text are not {PAD}, {END} and {UNKNOWN}")
    wanted = {  # their numbers -> what T5's have, and is meant where they are left out
        "model_type": (trainer.get(3, 1), 1),  # unigram
        "treat_whitespace_as_suffix": (trainer.get(24, 0), 0),
        "byte_fallback": (trainer.get(35, 0), 0),
        "normalizer": (normalizer.get(1, b""), b"nmt_nfkc"),
        "add_dummy_prefix": (normalizer.get(3, 1), 1),
        "remove_extra_whitespaces": (normalizer.get(4, 1), 1),
        "escape_whitespaces": (normalizer.get(5, 1), 1),
    }
    for name, (found, meant) in wanted.items():
        if found != meant:
            raise ValueError(f"{name} is {found!r} instead of {meant!r}")
    return pieces, normalizer[2]


def _fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """Yield (number, value) of each field of a protocol-buffer message; raises ValueError, IndexError."""
    at = 0

    def number() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(data):
        key = number()
        match key & 7:
            case 0:
                value: Any = number()
            case 1 | 5 as fixed:
                size = 8 if fixed == 1 else 4
                value, at = data[at : at + size], at + size
            case 2:
                size = number()
                value, at = data[at : at + size], at + size
            case kind:
                raise ValueError(f"field {key >> 3} is of kind {kind}")
        if at > len(data):
            raise ValueError("it ends within a field")
        yield key >> 3, value


def _checked(text: object, index: int) -> str:
    """Return the text; raises DataError when it is none or cannot be written as UTF-8."""
    if not isinstance(text, str):
        raise DataError(f"number {index} is not a text but {type(text).__name__}", where="texts")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise DataError(
            f"number {index} is not valid Unicode at character {error.start}", where="texts"
        ) from error
    return text
