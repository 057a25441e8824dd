"""A corpus as numbers: text cut into words and encoded once, to one flat array of int32.

The text is read once, from front to back, and never held. With a folder, neither are the numbers: they are written
there and mapped, so that a corpus may be larger than memory (4 bytes a word on disk).
"""

import itertools
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from headway.core.errors import DataError, UsageError
from headway.core.progress import Progress, Silent

LONGEST_SENTENCE = 10_000  # words; a longer one is cut into several, nothing is lost
_BLOCK = 20_000  # words, about, that are encoded together: as many strings are held at once

_WORD = re.compile(r"\w+(?:['’]\w+)*")

Sentences = Iterable[list[str]]


def lowercase_words(line: str) -> list[str]:
    """Return the words of a line in small letters: letters, digits and apostrophes inside; no punctuation."""
    return _WORD.findall(line.lower())


SPLITS: dict[str, Callable[[str], list[str]]] = {"words": lowercase_words, "spaces": str.split}


@dataclass(frozen=True)
class WordCorpus:
    """Sentences end to end, and the words that their numbers stand for."""

    words: list[str]  # V, most frequent first; equals in the order in which they appeared
    counts: np.ndarray  # [V] int64
    tokens: np.ndarray  # [N] int32, rows of the vocabulary
    starts: np.ndarray  # [S + 1] int64, where sentences begin; the last is N
    total: int  # words of the text, those that are too rare included

    def jobs(self, words: int) -> np.ndarray:
        """Return bounds [J + 1] of stretches of sentences of about so many words each."""
        wanted = np.arange(words, len(self.tokens), words)
        bounds = np.searchsorted(self.starts, wanted)
        return np.unique(np.concatenate([[0], bounds, [len(self.starts) - 1]])).astype(np.int64)


def read_sentences(path: Path, split: str = "words") -> Iterator[list[str]]:
    """Yield the words of each line of a text file, or of all .txt files of a folder in the order of their names.

    split: "words" (small letters, no punctuation) or "spaces" (as written). Raises DataError, UsageError.
    """
    if split not in SPLITS:
        raise UsageError(f"{split!r} is not known", where="split", remedy=f"Known: {', '.join(SPLITS)}.")
    cut = SPLITS[split]
    files = sorted(path.glob("*.txt")) if path.is_dir() else [path]
    if not files:
        raise DataError(
            "has no .txt file", where=str(path), remedy="Give a text file or a folder of .txt files."
        )
    for file in files:
        line = 0
        try:
            with file.open(encoding="utf-8-sig", newline="\n") as lines:
                for line, text in enumerate(lines, 1):  # noqa: B007 (an error names the line)
                    yield cut(text)
        except UnicodeDecodeError as error:
            raise DataError(
                "is no UTF-8 text", where=f"{file}, after line {line}", remedy="Save it as UTF-8."
            ) from error
        except OSError as error:
            raise DataError(f"cannot be read: {error.strerror}", where=str(file)) from error


def encode(
    sentences: Sentences,
    *,
    min_count: int = 5,
    folder: Path | None = None,
    progress: Progress | None = None,
) -> WordCorpus:
    """Encode sentences: words that are seen fewer than ``min_count`` times are left out, and their neighbours move
    together.

    folder: where the numbers are written; in memory when left out. Raises DataError when no word is frequent enough.
    """
    progress = progress or Silent()
    progress.begin("reading the text", 0, "words")
    seen: defaultdict[str, int] = defaultdict(
        itertools.count().__next__
    )  # numbers in the order of appearance
    raw = Numbers(folder, "raw")
    lengths = [np.zeros(1, dtype=np.int64)]
    for block in _blocks(_short(sentences)):
        numbers = np.fromiter(map(seen.__getitem__, itertools.chain.from_iterable(block)), dtype=np.int32)
        raw.append(numbers)
        lengths.append(np.fromiter(map(len, block), dtype=np.int64, count=len(block)))
        progress.advance(len(numbers))
    progress.end()
    counts = np.zeros(len(seen), dtype=np.int64)
    for numbers in raw.blocks():
        counts += np.bincount(numbers, minlength=len(seen))
    order = np.argsort(-counts, kind="stable")
    order = order[: int((counts >= min_count).sum())]
    if not len(order):
        raise DataError(
            f"holds no word {min_count} times",
            where="corpus",
            remedy="Give a larger corpus or a lower min_count.",
        )
    rows = np.full(len(seen), -1, dtype=np.int32)
    rows[order] = np.arange(len(order), dtype=np.int32)
    names = list(seen)
    tokens, starts = _kept(raw, np.concatenate(lengths), rows, folder)
    return WordCorpus([names[row] for row in order], counts[order], tokens, starts, int(counts.sum()))


def _short(sentences: Sentences) -> Iterator[list[str]]:
    for words in sentences:
        if len(words) <= LONGEST_SENTENCE:
            yield words
        else:
            for begin in range(0, len(words), LONGEST_SENTENCE):
                yield words[begin : begin + LONGEST_SENTENCE]


def _blocks(sentences: Iterator[list[str]]) -> Iterator[list[list[str]]]:
    block: list[list[str]] = []
    words = 0
    for sentence in sentences:
        block.append(sentence)
        words += len(sentence)
        if words >= _BLOCK:
            yield block
            block, words = [], 0
    if block:
        yield block


def _kept(
    raw: "Numbers", lengths: np.ndarray, rows: np.ndarray, folder: Path | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of the words that stay, and where their sentences begin."""
    bounds = np.cumsum(lengths)  # of the sentences among all words
    before = np.empty_like(bounds)  # of each bound, the words that stay before it
    kept = Numbers(folder, "tokens")
    read = stayed = 0
    for numbers in raw.blocks():
        numbers = rows[numbers]
        stays = numbers >= 0
        inside = slice(*np.searchsorted(bounds, [read, read + len(numbers)]))
        through = np.concatenate([[0], np.cumsum(stays)])
        before[inside] = stayed + through[bounds[inside] - read]
        kept.append(numbers[stays])
        read, stayed = read + len(numbers), stayed + int(through[-1])
    before[bounds == read] = stayed
    raw.drop()
    return kept.whole(), before


class Numbers:
    """An int32 array that grows at its end: pieces in memory, or a file."""

    def __init__(self, folder: Path | None, name: str) -> None:
        self._pieces: list[np.ndarray] = []
        self._path = None if folder is None else folder / f"{name}.int32"
        if self._path is not None:
            self._path.write_bytes(b"")

    def append(self, numbers: np.ndarray) -> None:
        """Add numbers at the end."""
        if self._path is None:
            self._pieces.append(numbers)
            return
        with self._path.open("ab") as file:
            numbers.tofile(file)

    def blocks(self) -> Iterator[np.ndarray]:
        """Yield all numbers, a piece at a time."""
        if self._path is None:
            yield from self._pieces
            return
        with self._path.open("rb") as file:
            while len(numbers := np.fromfile(file, np.int32, 1 << 20)):
                yield numbers

    def whole(self) -> np.ndarray:
        """Return all numbers as one array; that of a file is mapped."""
        if self._path is None:
            return np.concatenate(self._pieces or [np.empty(0, np.int32)])
        if not self._path.stat().st_size:
            return np.empty(0, np.int32)
        return np.memmap(self._path, np.int32, "c").view(np.ndarray)

    def drop(self) -> None:
        """Forget the numbers."""
        self._pieces.clear()
        if self._path is not None:
            self._path.unlink()
