"""What is to be learned: from a column of labels, as its values show, classes, numbers, several labels a row, or a tag
for each word; from SQuAD's JSON, answers to questions.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from headway.core.errors import DataError
from headway.data.examples import Task
from headway.data.label_sets import is_list
from headway.data.table import shorten
from headway.data.tags import are_tags

FEW_VALUES = 20  # so many different whole numbers may always be classes
FEW_FRACTIONS = 5  # so many different numbers with decimals
_BEGINNING = 1 << 20  # characters of a file that are looked at
_SQUAD = re.compile(r'\s*\{(?:.*?[,{])?\s*"data"\s*:\s*\[\s*\{.*"(?:paragraphs|qas)"\s*:\s*\[', re.DOTALL)


def recognise_task(labels: Sequence[str], inputs: Sequence[Any] = ()) -> Task:
    """Return whether the labels are classes, numbers, several a row, or tags of the words that the inputs are.

    Tags are lists of BIO tags beside lists of as many words; several labels are lists of names (both JSON, in 95 of 100
    rows). Numbers are nearly all that is there (95 of 100 different values), and they are many different ones: more
    than 5 with decimals among them, more than 20 whole ones. Whole ones are still classes when they leave no gap, or
    come up three times each or more.
    """
    counts = Counter(labels)
    texts = [one for one in inputs if isinstance(one, str)]
    if texts and sum(map(are_tags, texts, labels)) >= 0.95 * len(labels):
        return "tags"
    if counts and sum(count for label, count in counts.items() if is_list(label)) >= 0.95 * len(labels):
        return "labels"
    values = [value for value in map(as_number, counts) if value is not None]
    if len(values) < 0.95 * len(counts) or len(values) <= FEW_FRACTIONS:
        return "classes"
    if not all(value.is_integer() for value in values):
        return "numbers"
    codes = max(values) - min(values) + 1 == len(values)
    often = float(np.median(list(counts.values()))) >= 3
    return "classes" if len(values) <= FEW_VALUES or codes or often else "numbers"


def read_numbers(labels: Sequence[str], where: Sequence[str]) -> npt.NDArray[np.float64]:
    """Return the labels as numbers; ``where`` names each row. Raises DataError on the first that is none."""
    numbers = [as_number(label) for label in labels]
    for number, label, place in zip(numbers, labels, where, strict=True):
        if number is None:
            raise DataError(
                f"the label {shorten(label)!r} is no number",
                where=place,
                remedy="Correct or remove it; or, if the labels are names, pass --task classes.",
            )
    return np.array(numbers, dtype=np.float64)


def as_number(label: str) -> float | None:
    """Return a label's number; None where it is none, or not finite."""
    try:
        value = float(label)
    except ValueError:
        return None
    return value if math.isfinite(value) and "_" not in label else None


def number_words(number: float) -> str:
    """Write a number in six digits: '3.8', '1250', '0.000213'."""
    return f"{number:.6g}"


def is_squad(source: Any) -> bool:
    """Return whether this is the path of a file that begins as SQuAD's JSON does, whether or not it is whole."""
    if not isinstance(source, str | Path) or not Path(source).is_file():
        return False
    try:
        with Path(source).open(encoding="utf-8-sig") as file:
            beginning = file.read(_BEGINNING)
    except (OSError, UnicodeDecodeError):
        return False
    return bool(_SQUAD.match(beginning))
