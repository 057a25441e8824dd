"""ARPA files: back-off n-gram models as text, as SRILM, KenLM and CMU's toolkit write and read them.

    \\data\\                       what stands before this line is comment
    ngram 1=37                   how many n-grams of each order follow
    \\1-grams:
    -1.995635  <unk>  -20        log10 p, the words, log10 of the back-off weight (left out: 0)
    \\end\\

Words are separated by blanks. `<s>` stands before each sentence and is never predicted (its own probability, by
convention -99, is not used), `</s>` ends it, `<unk>` is any word that the model does not know.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

import numpy as np

from headway.core.errors import DataError, UsageError
from headway.core.files import atomic_path
from headway.models.ngram_lm import Level, NgramModel

BEGIN, END, UNKNOWN = "<s>", "</s>", "<unk>"
_NEVER = -99.0  # the log10 that stands for no probability
_LN10 = float(np.log(10))


class ArpaModel(NamedTuple):
    """A model and its words, [V], in the order of their ids."""

    model: NgramModel
    words: tuple[str, ...]


def write_arpa(path: Path, model: NgramModel, words: Sequence[str]) -> None:
    """Write a model; ``words`` [V] say how its ids are written. Nine digits are kept.

    Raises UsageError where a word is empty, holds a blank, is `<s>`, or stands there twice.
    """
    _check_words(words, model.vocab_size)
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        file.write("\\data\\\n")
        for n, size in enumerate(model.sizes, 1):
            file.write(f"ngram {n}={size}\n")
        grams = [*words, BEGIN]  # of the level, as they are written
        last = grams
        for n, level in enumerate(model.levels, 1):
            if n > 1:
                below, width = grams, model.vocab_size + 1
                places, tokens = np.divmod(level.keys, width)
                grams = [
                    f"{below[place]} {last[token]}"
                    for place, token in zip(places.tolist(), tokens.tolist(), strict=True)
                ]
            file.write(f"\n\\{n}-grams:\n")
            file.writelines(_lines(level, grams, highest=n == model.order))
        file.write("\n\\end\\\n")


def _lines(level: Level, grams: Sequence[str], *, highest: bool) -> Iterator[str]:
    scores = np.maximum(level.log_probability / _LN10, _NEVER)
    weights = level.log_backoff / _LN10
    for gram, score, weight in zip(grams, scores.tolist(), weights.tolist(), strict=True):
        yield f"{score:.9g}\t{gram}\n" if highest or weight == 0 else f"{score:.9g}\t{gram}\t{weight:.9g}\n"


def _check_words(words: Sequence[str], vocab_size: int) -> None:
    if len(words) != vocab_size:
        raise UsageError(f"{len(words):,} words for {vocab_size:,} ids", where="words")
    seen: set[str] = set()
    for word in words:
        if word.split() != [word] or word == BEGIN or word in seen:
            raise UsageError(
                f"an ARPA file cannot hold the piece {word!r}: pieces are separated by blanks, {BEGIN} is "
                "reserved, and each stands there once",
                where="words",
                remedy="Save the model as a folder instead.",
            )
        seen.add(word)


def read_arpa(path: Path) -> ArpaModel:
    """Read a model. One without `<unk>` gives unknown words no probability: it gets the word, with p = 0.

    Raises DataError with the line's number.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", where=str(path)) from error
    except UnicodeDecodeError as error:
        raise DataError("is no UTF-8 text", where=str(path)) from error
    return _Reader(path, lines).read()


class _Section(NamedTuple):
    """The n-grams of one order as they stand in the file (all [G, ...])."""

    ids: np.ndarray  # [G, n]
    log_probability: np.ndarray
    log_backoff: np.ndarray
    numbers: np.ndarray  # of the lines, from 1


class _Reader:
    """Walks over the lines of a file once."""

    def __init__(self, path: Path, lines: list[str]) -> None:
        self.path = path
        self.lines = lines
        self.number = 0  # of the line that was read last, from 1
        self.words: dict[str, int] = {}

    def read(self) -> ArpaModel:
        sizes = self._sizes()
        levels: list[Level] = []
        width = 0
        for n, size in enumerate(sizes, 1):
            self._expect(rf"\{n}-grams:")
            section = self._section(n, size)
            if n == 1:
                levels.append(self._unigrams(section))
                width = len(levels[0].keys)
            else:
                levels.append(self._level(section, levels, width))
        self._expect("\\end\\")
        *words, _ = self.words  # in the order of their ids; the begin of a sentence is the last
        return ArpaModel(NgramModel(levels, width - 1), tuple(words))

    def _fail(self, problem: str, number: int | None = None) -> NoReturn:
        raise DataError(
            problem,
            where=f"{self.path}, line {number or self.number}",
            remedy="Write or fetch the file again.",
        )

    def _next(self) -> str:
        """Return the next line that is not blank; the number moves on to it."""
        while self.number < len(self.lines) and not self.lines[self.number].strip():
            self.number += 1
        if self.number == len(self.lines):
            self._fail("the file ends here, before \\end\\")
        self.number += 1
        return self.lines[self.number - 1].strip()

    def _expect(self, heading: str) -> None:
        line = self._next()
        if line != heading:
            self._fail(f"expected {heading}, found {line[:80]!r}")

    def _sizes(self) -> list[int]:
        """Read the header: how many n-grams of each order there are."""
        heads = [number for number, line in enumerate(self.lines, 1) if line.strip() == "\\data\\"]
        if not heads:
            self._fail("is no ARPA file: no line reads \\data\\", 1)
        self.number = heads[0]
        sizes: list[int] = []
        while found := re.fullmatch(r"ngram\s+(\d+)\s*=\s*(\d+)", self._next()):
            if int(found[1]) != len(sizes) + 1:
                self._fail(f"expected the number of {len(sizes) + 1}-grams, found that of {found[1]}-grams")
            sizes.append(int(found[2]))
        if not sizes or sizes[0] == 0:
            self._fail("the header names no words" if sizes else "expected ngram 1=..., found something else")
        self.number -= 1  # the heading of the first section
        return sizes

    def _section(self, n: int, size: int) -> _Section:
        """Read the n-grams of one order."""
        ids = np.empty((size, n), np.int64)
        values = np.zeros((size, 2))
        numbers = np.empty(size, np.int64)
        for row in range(size):
            line = self._next()
            parts = line.split()
            if line.startswith("\\") and len(parts) == 1:
                self._fail(f"the header says {size:,} {n}-grams, but only {row:,} stand here")
            if len(parts) not in (n + 1, n + 2):
                self._fail(f"expected a number, {n} words and perhaps a number, found {line[:80]!r}")
            try:
                values[row] = float(parts[0]), float(parts[n + 1]) if len(parts) == n + 2 else 0.0
                ids[row] = self._ids(parts[1 : n + 1])
            except ValueError:
                self._fail(f"expected numbers before and after the words, found {line[:80]!r}")
            except KeyError as error:
                self._fail(f"the word {error} is not among the 1-grams")
            if values[row, 0] > 0 or np.isnan(values[row]).any():
                self._fail(f"a probability cannot have the logarithm {parts[0]}")
            numbers[row] = self.number
        log_probability = np.where(values[:, 0] <= _NEVER, -np.inf, values[:, 0] * _LN10)
        return _Section(ids, log_probability, values[:, 1] * _LN10, numbers)

    def _ids(self, words: Sequence[str]) -> list[int]:
        """Return the words' ids; 1-grams, which come first, make them."""
        if len(words) == 1:
            word = UNKNOWN if words[0] == "<UNK>" else words[0]
            if word in self.words:
                self._fail(f"the 1-gram {word!r} stands here a second time")
            self.words[word] = len(self.words)
        return [self.words[UNKNOWN if word == "<UNK>" else word] for word in words]

    def _unigrams(self, section: _Section) -> Level:
        """Make the first level: the begin of a sentence gets the last id, and `<unk>` one where it has none."""
        scores = section.log_probability.tolist()
        weights = section.log_backoff.tolist()
        for word in (UNKNOWN, BEGIN):
            if word not in self.words:
                self.words[word] = len(scores)
                scores.append(-np.inf)
                weights.append(0.0)
        scores[self.words[BEGIN]] = -np.inf
        words = [*(word for word in self.words if word != BEGIN), BEGIN]
        order = [self.words[word] for word in words]
        self.words = {word: index for index, word in enumerate(words)}
        return Level(np.arange(len(words)), np.array(scores)[order], np.array(weights)[order])

    def _level(self, section: _Section, levels: Sequence[Level], width: int) -> Level:
        """Sort the n-grams of one order by their keys."""
        places = section.ids[:, 0]
        for level, tokens in zip(levels[1:], section.ids[:, 1:-1].T, strict=True):
            places = level.find(places, tokens, width)
        if (places < 0).any():
            n = section.ids.shape[1]
            number = section.numbers[places < 0][0]
            self._fail(f"the first {n - 1} words of this {n}-gram are not among the {n - 1}-grams", number)
        keys = places * width + section.ids[:, -1]
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        again = np.flatnonzero(keys[1:] == keys[:-1])
        if len(again):
            self._fail("this n-gram stands here a second time", section.numbers[order][again[0] + 1])
        return Level(keys, section.log_probability[order], section.log_backoff[order])
