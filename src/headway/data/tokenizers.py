"""Tokenizers: from texts to ids, by the `tokenizers` library, and files that `transformers` opens with the
same ids.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import tokenizers
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors

from headway.core.errors import DataError, UsageError
from headway.core.files import write_json, write_text

FILE = "tokenizer.json"
_PAIRS_AT_ONCE = 1000
CHARACTERS_AT_ONCE = 1_000_000  # the library takes some 500 bytes a character until it is done
END = "<|endoftext|>"  # GPT-2's one special token: it stands between texts
_FASTAI_BEGIN = "xxbos"
SPECIAL = {"unk": "[UNK]", "sep": "[SEP]", "pad": "[PAD]", "cls": "[CLS]", "mask": "[MASK]"}


@dataclass(frozen=True)
class Encoded:
    """Texts as ids: one int32 array per text, without padding; ``cut`` of them were longer and lost their
    ends.
    """

    ids: list[np.ndarray]
    cut: int


class Located(NamedTuple):
    """A text's ids [T], or [T, width] of characters, and where each token stands in it: ``spans`` [T, 2] are its first
    character and the one behind its last.
    """

    ids: np.ndarray
    spans: np.ndarray


class Tokenizer:
    """A tokenizer of the library: BERT's WordPiece (Devlin et al. 2019), [CLS] pieces [SEP], or one of `bpe`."""

    def __init__(self, tokenizer: tokenizers.Tokenizer) -> None:
        self._tokenizer = tokenizer
        tokenizer.no_padding()
        tokenizer.no_truncation()

    @classmethod
    def from_wordpiece_vocabulary(cls, path: Path, *, lowercase: bool) -> Self:
        """Build from a vocabulary, one piece a line; lowercase also strips accents. Raises DataError."""
        try:
            pieces = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"cannot be read: {error}", where=str(path)) from error
        vocabulary = {piece.rstrip("\r"): index for index, piece in enumerate(pieces)}
        missing = [token for token in SPECIAL.values() if token not in vocabulary]
        if missing or len(vocabulary) != len(pieces):
            problem = f"lacks {', '.join(missing)}" if missing else "holds a piece twice"
            raise DataError(f"is no BERT vocabulary: it {problem}", where=str(path))
        return cls.from_wordpieces(vocabulary, lowercase=lowercase)

    @classmethod
    def from_wordpieces(cls, vocabulary: dict[str, int], *, lowercase: bool) -> Self:
        """Build from pieces and their ids 0, 1, 2, ..., the special ones among them."""
        tokenizer = tokenizers.Tokenizer(models.WordPiece(vocabulary, unk_token=SPECIAL["unk"]))
        tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        cls_, sep = SPECIAL["cls"], SPECIAL["sep"]
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{cls_}:0 $A:0 {sep}:0",
            pair=f"{cls_}:0 $A:0 {sep}:0 $B:1 {sep}:1",
            special_tokens=[(cls_, vocabulary[cls_]), (sep, vocabulary[sep])],
        )
        tokenizer.decoder = decoders.WordPiece()
        tokenizer.add_special_tokens(list(SPECIAL.values()))
        return cls(tokenizer)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a `tokenizer.json`; padding and truncation that it asks for are left out. Raises DataError."""
        try:
            return cls(tokenizers.Tokenizer.from_str(path.read_text(encoding="utf-8")))
        except Exception as error:  # the library raises a bare Exception on what it cannot parse
            raise DataError(f"is no tokenizer file: {error}", where=str(path)) from error

    @property
    def vocab_size(self) -> int:
        """V, special tokens included."""
        return self._tokenizer.get_vocab_size()

    @property
    def lowercase(self) -> bool:
        """Whether capital letters are made small."""
        normalizer: dict[str, Any] = json.loads(self._tokenizer.to_str())["normalizer"] or {}
        steps = normalizer.get("normalizers", [normalizer])
        return any(step.get("type") == "Lowercase" or step.get("lowercase") for step in steps)

    @property
    def end(self) -> int | None:
        """The id of the token that ends a text and stands between texts (GPT-2's <|endoftext|>); None: it has none.

        Where each text begins with fastai's xxbos, it is that.
        """
        end: int | None = self._tokenizer.token_to_id(END)
        return self._tokenizer.token_to_id(_FASTAI_BEGIN) if end is None else end

    @property
    def unknown(self) -> int | None:
        """The id that stands for what the vocabulary lacks; None: nothing is unknown to it."""
        token: str | None = getattr(self._tokenizer.model, "unk_token", None)
        return None if token is None else self._tokenizer.token_to_id(token)

    @property
    def vocabulary(self) -> list[str]:
        """The pieces in the order of their ids, [V], as the file spells them."""
        ids = self._tokenizer.get_vocab()
        return sorted(ids, key=lambda piece: ids[piece])

    @property
    def nothing(self) -> np.ndarray:
        """What stands for a text without a token: the token that ends a text, or the first one."""
        return np.array([self.end or 0], np.int32)

    @property
    def reads(self) -> str | None:
        """How texts are cut, where that did not come with the weights: None."""
        return None

    @property
    def start(self) -> int | None:
        """The id that an encoder-decoder's answer begins with: that of the end, if there is one."""
        return self.end

    @property
    def special(self) -> dict[str, int]:
        """The ids of those of unk, sep, pad, cls and mask that it has."""
        ids = {name: self._tokenizer.token_to_id(token) for name, token in SPECIAL.items()}
        return {name: index for name, index in ids.items() if index is not None}

    def pieces(self, texts: Sequence[str]) -> list[np.ndarray]:
        """Return each text's ids, all of them, and without the special tokens that `encode` puts around a text."""
        ids: list[np.ndarray] = []
        for part in _parts(texts):
            encodings = self._tokenizer.encode_batch_fast(part, add_special_tokens=False)
            ids += [np.array(encoding.ids, np.int32) for encoding in encodings]
        return ids

    def located(self, texts: Sequence[str]) -> list[Located]:
        """Return each text's `pieces` and where they stand, in characters of the text as it was given, whatever the
        tokenizer makes of capitals, accents and spaces. Raises DataError on a text that is no Unicode.
        """
        found: list[Located] = []
        try:
            for part in _parts(texts):
                for encoding in self._tokenizer.encode_batch(part, add_special_tokens=False):
                    spans = np.array(encoding.offsets, np.int64).reshape(-1, 2)
                    found.append(Located(np.array(encoding.ids, np.int32), spans))
        except TypeError as error:
            raise DataError(_not_unicode(texts), where="texts") from error
        return found

    def encode(self, texts: Sequence[str], max_tokens: int) -> Encoded:
        """Turn texts into ids; one longer than max_tokens, [CLS] and [SEP] included, loses its end and is
        counted.

        Raises UsageError when max_tokens leaves no room, DataError on a text that is no Unicode.
        """
        least = 1 + self._tokenizer.num_special_tokens_to_add(is_pair=False)
        if max_tokens < least:
            raise UsageError(f"max_tokens must be at least {least}, found {max_tokens}", where="max_tokens")
        self._tokenizer.enable_truncation(max_tokens)
        ids: list[np.ndarray] = []
        cut = 0
        try:
            for part in _parts(texts):
                encodings = self._tokenizer.encode_batch_fast(part)
                ids += [np.array(encoding.ids, np.int32) for encoding in encodings]
                cut += sum(1 for encoding in encodings if encoding.overflowing)
        except TypeError as error:
            raise DataError(_not_unicode(texts), where="texts") from error
        finally:
            self._tokenizer.no_truncation()
        return Encoded(ids, cut)

    @property
    def backward(self) -> bool:
        """Whether ids come in the order from the text's end to its beginning."""
        return False

    @property
    def whole_words(self) -> bool:
        """Whether its pieces are whole words (`data.word_vocabulary`)."""
        return isinstance(self._tokenizer.model, models.WordLevel)

    @property
    def joins_pairs(self) -> bool:
        """Whether it has a form of its own for two texts in one sequence, as BERT's does."""
        return self._tokenizer.num_special_tokens_to_add(is_pair=True) > 0

    def encode_pairs(self, pairs: Sequence[tuple[str, str]], max_tokens: int) -> Encoded:
        """Turn pairs into ids, in the tokenizer's own form; one longer than max_tokens loses the end of the longer text
        and is counted.

        Raises UsageError when max_tokens leaves no room, DataError on a text that is no Unicode.
        """
        least = 2 + self._tokenizer.num_special_tokens_to_add(is_pair=True)
        if max_tokens < least:
            raise UsageError(f"max_tokens must be at least {least}, found {max_tokens}", where="max_tokens")
        self._tokenizer.enable_truncation(max_tokens, strategy="longest_first")
        ids: list[np.ndarray] = []
        cut = 0
        try:
            for start in range(0, len(pairs), _PAIRS_AT_ONCE):
                part = [(first, second) for first, second in pairs[start : start + _PAIRS_AT_ONCE]]
                encodings = self._tokenizer.encode_batch_fast(part)
                ids += [np.array(encoding.ids, np.int32) for encoding in encodings]
                cut += sum(1 for encoding in encodings if encoding.overflowing)
        except TypeError as error:
            raise DataError(_not_unicode([text for pair in pairs for text in pair]), where="texts") from error
        finally:
            self._tokenizer.no_truncation()
        return Encoded(ids, cut)

    def decode(self, ids: Sequence[int] | np.ndarray, *, special: bool = False) -> str:
        """Turn ids into text; special: keep special tokens as they are written. Raises UsageError on an unknown id.

        Bytes that are no UTF-8 (a character cut in two) become U+FFFD.
        """
        unknown = [int(index) for index in ids if not 0 <= index < self.vocab_size]
        if unknown:
            raise UsageError(f"no piece has the id {unknown[0]}; there are {self.vocab_size}", where="decode")
        return self._tokenizer.decode([int(index) for index in ids], skip_special_tokens=not special)

    def ending(self) -> Self:
        """Return one that puts its end token after each text it encodes, as an encoder-decoder's sources have it."""
        tokenizer = tokenizers.Tokenizer.from_str(self._tokenizer.to_str())
        assert self.end is not None
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"$A {END}", pair=f"$A {END} $B {END}", special_tokens=[(END, self.end)]
        )
        return type(self)(tokenizer)

    def save(self, folder: Path, *, max_tokens: int | None = None) -> None:
        """Write `tokenizer.json` and the `tokenizer_config.json` by which transformers' AutoTokenizer opens
        it; max_tokens: what its model reads at most, if there is a bound.
        """
        write_text(folder / FILE, self._tokenizer.to_str(pretty=True))
        bound = {} if max_tokens is None else {"model_max_length": max_tokens}
        write_json(folder / "tokenizer_config.json", {**self._published(), **bound})

    def _published(self) -> dict[str, Any]:
        """Return what transformers calls this kind of tokenizer, and its settings."""
        model = self._tokenizer.model
        if isinstance(model, models.WordPiece):
            return {
                "tokenizer_class": "BertTokenizer",
                "do_lower_case": self.lowercase,
                "strip_accents": None,
                "tokenize_chinese_chars": True,
                **{f"{name}_token": token for name, token in SPECIAL.items()},
            }
        if isinstance(model, models.WordLevel):
            return {"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": model.unk_token}
        if self.end is None:
            return {"tokenizer_class": "OpenAIGPTTokenizer", "unk_token": model.unk_token}
        names = ("bos_token", "eos_token", "unk_token")
        return {"tokenizer_class": "GPT2Tokenizer", "add_prefix_space": False, **dict.fromkeys(names, END)}


def _parts(texts: Sequence[str]) -> Iterator[list[str]]:
    """Cut the texts into parts of a bounded number of characters, so that memory is bounded by the longest
    text.
    """
    part: list[str] = []
    characters = 0
    for text in texts:
        part.append(text)
        characters += len(text)
        if characters > CHARACTERS_AT_ONCE:
            yield part
            part, characters = [], 0
    if part:
        yield part


def _not_unicode(texts: Sequence[object]) -> str:
    """Say which text cannot be written as UTF-8 (it holds half of a surrogate pair) or is no text at all."""
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            return f"number {index} is not a text but {type(text).__name__}"
        try:
            text.encode()
        except UnicodeEncodeError as error:
            return f"number {index} is not valid Unicode at character {error.start}"
    return "a text cannot be tokenized"
