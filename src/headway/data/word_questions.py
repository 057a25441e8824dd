"""What word vectors are asked: people's judgements of similarity, and analogies."""

from pathlib import Path
from typing import NamedTuple

from headway.core.errors import DataError


class Judgement(NamedTuple):
    """Two words and how similar people found them, on whatever scale."""

    first: str
    second: str
    score: float


class Question(NamedTuple):
    """a is to b as c is to d."""

    a: str
    b: str
    c: str
    d: str


def read_judgements(path: Path) -> list[Judgement]:
    """Read two words and a number a line, set apart by tabs, commas or spaces; a first line of names is passed over.

    Raises DataError with the line.
    """
    judgements = []
    for number, line in _lines(path):
        separator = next((mark for mark in ("\t", ",") if mark in line), None)
        fields = [field.strip() for field in line.split(separator)]
        try:
            first, second, score = fields[:3]
            judgements.append(Judgement(first, second, float(score)))
        except ValueError:
            if number == 1:
                continue
            raise DataError(
                f"holds no two words and a number: {line!r}", where=f"{path}, line {number}"
            ) from None
    if not judgements:
        raise DataError("holds no judgements", where=str(path))
    return judgements


def read_analogies(path: Path) -> dict[str, list[Question]]:
    """Read four words a line, under lines such as ``: capital-world``; the sections in their order.

    Raises DataError with the line.
    """
    sections: dict[str, list[Question]] = {}
    section = "all"
    for number, line in _lines(path):
        if line.startswith(":"):
            section = line[1:].strip()
            continue
        words = line.split()
        if len(words) != 4:
            raise DataError(f"holds {len(words)} words instead of 4", where=f"{path}, line {number}")
        sections.setdefault(section, []).append(Question(*words))
    if not sections:
        raise DataError("holds no analogies", where=str(path))
    return sections


def _lines(path: Path) -> list[tuple[int, str]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"cannot be read: {error}", where=str(path), remedy="Give a text file in UTF-8."
        ) from error
    return [(number, line.strip()) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
