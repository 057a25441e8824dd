"""A question and its context as windows of tokens: the question stands in each, the context slides through them.

Devlin et al. 2019 (BERT), section 4.2, and its published code: a context that is too long for one window is read in
several that overlap, so no part of it goes unread, and each token is judged where it is seen with the most around it.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from headway.core.config import Config
from headway.core.errors import UsageError
from headway.data.tokenizers import Located, Tokenizer

if TYPE_CHECKING:
    from headway.data.characters import CharacterTokenizer
    from headway.data.sentencepiece import SentencePieceTokenizer

LONGEST_QUESTION = 64  # tokens; what is beyond is cut, and counted
LEAST = 8  # tokens of a window


@dataclass(frozen=True, kw_only=True)
class ReadingConfig(Config):
    """How contexts are read; the values are those of BERT's published code for SQuAD. Raises UsageError."""

    window: int = 384  # tokens of question and context that are read at once, or as many as the model reads
    stride: int = 128  # tokens of the context from one window's beginning to the next one's
    longest: int = 30  # tokens of an answer

    def __post_init__(self) -> None:
        for name, least in (("window", LEAST), ("stride", 1), ("longest", 1)):
            if getattr(self, name) < least:
                raise UsageError(f"must be at least {least}, found {getattr(self, name)}", where=name)


@dataclass(frozen=True, eq=False)
class Window:
    """One window: ``ids`` [T], of which C are the context's, from ``first`` on."""

    row: int  # the question that it belongs to
    ids: np.ndarray
    first: int
    start: int  # where its tokens begin among all of the context
    all_spans: npt.NDArray[np.int64]  # [context, 2]: where each of the context's tokens stands in it
    fullest: npt.NDArray[np.bool_]  # [C]: whether no other window shows more around the token
    nothing: int  # the token that stands for no answer

    @property
    def spans(self) -> npt.NDArray[np.int64]:
        """Where each of its tokens of the context stands there, [C, 2]."""
        return self.all_spans[self.start : self.start + len(self.fullest)]

    def answer(self, start: int, end: int) -> tuple[int, int] | None:
        """Return the first and the last token of the passage of characters ``start`` to before ``end``; twice the
        token that stands for no answer where the window does not hold the passage as a whole; None where the
        tokenizer makes no token of it.
        """
        held = np.flatnonzero((self.all_spans[:, 1] > start) & (self.all_spans[:, 0] < end)) - self.start
        if not len(held):
            return None
        if held[0] < 0 or held[-1] >= len(self.fullest):
            return self.nothing, self.nothing
        return self.first + int(held[0]), self.first + int(held[-1])


@dataclass(frozen=True)
class ReadingWindows:
    """All windows, those of a question one after the other, and the questions that were cut."""

    windows: list[Window]
    cut: int

    def __len__(self) -> int:
        return len(self.windows)

    @cached_property
    def lengths(self) -> npt.NDArray[np.int64]:
        """The tokens of each window."""
        return np.array([len(window.ids) for window in self.windows], dtype=np.int64)


def reading_windows(
    reader: "Tokenizer | SentencePieceTokenizer | CharacterTokenizer",
    pairs: Sequence[tuple[str, str]],
    size: int,
    stride: int,
) -> ReadingWindows:
    """Cut pairs of question and context into windows of at most ``size`` tokens, each ``stride`` tokens of the context
    behind the one before it, or less where the question leaves less room.

    In the tokenizer's form for pairs ([CLS] question [SEP] context [SEP]; [CLS] stands for no answer); without such,
    with a delimiter (`encode_pairs`) behind either, the last of which stands for no answer. Raises UsageError on a size
    below 8 or a stride below 1.
    """
    if size < LEAST or stride < 1:
        raise UsageError(
            f"a window needs at least {LEAST} tokens and a stride of 1, found {size} and {stride}",
            where="window, stride",
        )
    before, between, after, nothing = _frame(reader)
    longest = min(LONGEST_QUESTION, size // 2 - len(before) - len(between))
    texts = list(dict.fromkeys(text for pair in pairs for text in pair))
    located = dict(zip(texts, reader.located(texts), strict=True))
    windows: list[Window] = []
    cut = 0
    for row, (question, context) in enumerate(pairs):
        asked = located[question].ids
        cut += len(asked) > longest
        head = np.concatenate([before, asked[:longest].reshape(-1, *between.shape[1:]), between])
        windows += _slide(row, head, located[context], after, nothing, size - len(head) - len(after), stride)
    return ReadingWindows(windows, cut)


def passage(context: str, start: int, end: int) -> tuple[int, int]:
    """Return the passage of characters ``start`` to before ``end`` without blanks at its ends, and with the accents
    that follow its last letter: a tokenizer that leaves accents out does not count them to a token.
    """
    while end < len(context) and unicodedata.combining(context[end]):
        end += 1
    while start < end and context[start].isspace():
        start += 1
    while start < end and context[end - 1].isspace():
        end -= 1
    return start, end


def _frame(
    reader: "Tokenizer | SentencePieceTokenizer | CharacterTokenizer",
) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Return what stands before the question, between it and the context, and behind that; and the place of the token
    that stands for no answer (counted from the end if negative).
    """
    if isinstance(reader, Tokenizer) and reader.joins_pairs:
        begin, end = (np.array([reader.special[name]], np.int32) for name in ("cls", "sep"))
        return begin, end, end, 0
    delimiter = reader.nothing
    return delimiter[:0], delimiter, delimiter, -1


def _slide(
    row: int, head: np.ndarray, context: Located, after: np.ndarray, nothing: int, room: int, stride: int
) -> list[Window]:
    """Return a question's windows: the context's tokens from 0 on, from a stride on, ..., to its last token."""
    total, step = len(context.ids), min(stride, room)
    starts = np.arange(0, max(total - room, 0) + step, step)
    ends = np.minimum(starts + room, total)
    place = np.arange(total)
    around = np.minimum(
        place - starts[:, None], ends[:, None] - 1 - place
    )  # the fewer of those left and right of it
    best = np.argmax(around, axis=0) if total else place  # of equal ones the first
    windows = []
    for number, (start, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True)):
        ids = np.concatenate([head, context.ids[start:end], after])
        windows.append(
            Window(
                row=row,
                ids=ids,
                first=len(head),
                start=start,
                all_spans=context.spans,
                fullest=best[start:end] == number,
                nothing=nothing % len(ids),
            )
        )
    return windows
