"""CoNLL files: a word and its tag a line, in columns, a blank line between sentences.

Tjong Kim Sang & De Meulder 2003, Introduction to the CoNLL-2003 Shared Task. A sentence becomes a row of a table, each
column of the file a column of JSON lists. Columns stand between tabs, or where most lines have none between white
space. Lines of -DOCSTART- and comments are passed over, and said.
"""

import itertools
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from headway.core.errors import DataError
from headway.data.delimited import Block
from headway.data.survey import Survey
from headway.data.table import counted, listed, shorten
from headway.data.tags import could_be_tag, is_tag

SUFFIXES = {".conll", ".conll2003", ".bio", ".iob", ".iob2", ".bioes"}
WORDS, TAGS = "words", "tags"
_DOCUMENT = "-DOCSTART-"
_BLANK = "blank"
_LOOKED_AT = 500  # lines
_MOSTLY = 0.9  # of them end in a tag, where the file's name does not tell
_WORD_NAMES = {"word", "words", "token", "tokens", "form"}
_TAG_NAMES = {"tag", "tags", "label", "labels", "ner", "ner_tag", "ner_tags", "bio", "iob"}


@dataclass(frozen=True)
class _Layout:
    """How a file's lines are cut: at tabs, or at white space (None), into so many columns, as on its line ``line``."""

    separator: str | None
    width: int
    line: int

    @property
    def between(self) -> str:
        return "white space" if self.separator is None else "tabs"

    @property
    def names(self) -> list[str]:
        middle = [f"column {number}" for number in range(2, self.width)]
        return [WORDS] if self.width == 1 else [WORDS, *middle, TAGS]

    def cells(self, line: str) -> list[str]:
        return [cell.strip(" ") for cell in line.split(self.separator)]

    def is_comment(self, line: str) -> bool:
        """Say whether a line is a remark: it begins with "#", has no tag, and is not cut as the others are."""
        if not line.startswith("#") or is_tag(line.split()[-1]):
            return False
        return line.startswith("# ") if self.separator is None else self.separator not in line


def is_conll(looked: Survey, suffix: str) -> bool:
    """Return whether a text file is one of tagged words, by its name or by nearly all of its first lines."""
    if suffix in SUFFIXES:
        return True
    layout = _layout_of(looked)
    if layout is None or layout.width < 2:
        return False
    lines = enumerate(_first_lines(looked), 1)
    data = [
        layout.cells(line) for number, line in lines if not _passed_over(line, number, layout, inside=False)
    ]
    tagged = sum(len(cells) == layout.width and could_be_tag(cells[-1]) for cells in data)
    return tagged >= max(2, _MOSTLY * len(data))


def conll_blocks(looked: Survey, size: int) -> Iterator[Block]:
    """Yield the sentences of a file in blocks of at most ``size``, each column's cells as JSON lists.

    Raises DataError on a line of more or fewer columns than the others have, or without a word.
    """
    layout = _layout_of(looked)
    if layout is None:
        raise DataError(
            "holds no words",
            where=str(looked.path),
            remedy="A line is a word and its tag, between them a tab.",
        )
    passed: Counter[str] = Counter()
    sentences = _sentences(looked, layout, passed)
    notes = [_told(layout)]
    while some := list(itertools.islice(sentences, size)):
        columns = list(zip(*(zip(*rows, strict=True) for _, rows in some), strict=True))
        yield Block(
            columns={
                name: [json.dumps(cells, ensure_ascii=False) for cells in column]
                for name, column in zip(layout.names, columns, strict=True)
            },
            lines=[line for line, _ in some],
            notes=notes + ([] if len(some) == size else _said(passed)),
        )
        notes = []


def _sentences(
    looked: Survey, layout: _Layout, passed: Counter[str]
) -> Iterator[tuple[int, list[list[str]]]]:
    """Yield each sentence's first line and its words' cells; count what is passed over."""
    rows: list[list[str]] = []
    first = 0
    with looked.open() as file:
        for number, line in enumerate(map(_bare, file), 1):
            what = _passed_over(line, number, layout, inside=bool(rows))
            if what is None:
                first = first if rows else number
                rows.append(_checked(layout, line, number, looked))
                continue
            passed[what] += 1
            if rows:
                yield first, rows
                rows = []
    if rows:
        yield first, rows


def _checked(layout: _Layout, line: str, number: int, looked: Survey) -> list[str]:
    """Return a line's cells; raises DataError where they are not as many as elsewhere, or there is no word."""
    cells = layout.cells(line)
    if len(cells) == layout.width and cells[0]:
        return cells
    where = f"{looked.path}, line {number}"
    if len(cells) == layout.width:
        raise DataError(
            f"expected a word in the first column, found nothing: {shorten(line)!r}",
            where=where,
            remedy="Write the word, or leave the whole line blank where a sentence ends.",
        )
    spaces = layout.separator is not None and len(line.split()) == layout.width
    hint = " It has spaces where the others have a tab." if spaces else ""
    raise DataError(
        f"expected {counted(layout.width, 'column')} between {layout.between}, as on line {layout.line}; "
        f"found {len(cells)}: {shorten(line)!r}",
        where=where,
        remedy=f"A line is a word and its tag; a blank line ends a sentence.{hint} Correct the line.",
    )


def _first_lines(looked: Survey) -> list[str]:
    with looked.open() as file:
        return [_bare(line) for line in itertools.islice(file, _LOOKED_AT)]


def _bare(line: str) -> str:
    return line.rstrip("\r\n")


def _layout_of(looked: Survey) -> _Layout | None:
    """Return how most of the first lines are cut; None where there are none with words."""
    lines = [
        (number, line)
        for number, line in enumerate(_first_lines(looked), 1)
        if line.strip(" \t") and not line.startswith((_DOCUMENT, "# "))
    ]
    separator = "\t" if 2 * sum("\t" in line.strip() for _, line in lines) > len(lines) else None
    widths = Counter(len(line.split(separator)) for _, line in lines)
    if not widths:
        return None
    width = max(widths, key=lambda found: widths[found])
    first = next(number for number, line in lines if len(line.split(separator)) == width)
    return _Layout(separator, width, first)


def _is_header(cells: list[str]) -> bool:
    return len(cells) > 1 and cells[0].lower() in _WORD_NAMES and cells[-1].lower() in _TAG_NAMES


def _passed_over(line: str, number: int, layout: _Layout, *, inside: bool) -> str | None:
    """Say what a line without a word is; None of one that has a word."""
    if not line:
        return _BLANK
    if not line.strip(" \t"):
        return "white space only, taken as the end of a sentence"
    if line.startswith(_DOCUMENT):
        return _DOCUMENT
    if not inside and layout.is_comment(line):
        return "comments, which begin with '#' and have no tag"
    return "the columns' names" if number == 1 and _is_header(layout.cells(line)) else None


def _told(layout: _Layout) -> str:
    if layout.width == 1:
        return "read as CoNLL: a word a line, no tags"
    middle = (
        f" ({listed(tuple(layout.names[1:-1]))} between: --label takes another)" if layout.width > 2 else ""
    )
    return (
        f"read as CoNLL: a word a line, {layout.width} columns between {layout.between}, "
        f"the first the word, the last its tag{middle}"
    )


def _said(passed: Counter[str]) -> list[str]:
    return [
        f"{counted(count, 'line')} passed over: {what}" for what, count in passed.items() if what != _BLANK
    ]
