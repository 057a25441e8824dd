"""What is asked of an input, whatever it is: its length and how it is shown. A row's input is a text."""

from collections.abc import Iterable
from typing import Any


def characters(one: Any) -> int:
    """Return how many characters an input has."""
    return len(one)


def mean_characters(inputs: Iterable[Any]) -> float:
    """Return the mean of `characters`, 0 of nothing."""
    sizes = [characters(one) for one in inputs]
    return sum(sizes) / max(len(sizes), 1)


def shown(one: Any) -> str:
    """Return an input as a report shows it."""
    return str(one)
