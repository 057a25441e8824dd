"""Any task as text to text (Raffel et al. 2020, section 2.4 and appendix D): the input says which task it is and names
its parts, the answer is a word or a number written out.

    sst2 sentence: it confirms fincher 's status as a film maker        ->  positive
    stsb sentence1: A man is eating. sentence2: A man eats food.        ->  4.2
"""

from collections.abc import Mapping, Sequence

from headway.core.errors import UsageError

STEP = 0.2  # of a similarity written out


def prompt(task: str, parts: Mapping[str, str]) -> str:
    """Return the input of a row: the task's name, then each part's name and text."""
    return " ".join([task, *(f"{name}: {text}" for name, text in parts.items())])


def answer(label: str) -> str:
    """Return what stands for a class: its name, with white space as its tokenizer gives it back.

    Raises UsageError on a name without a visible character.
    """
    words = " ".join(label.split())
    if not words:
        raise UsageError("a label without a name cannot be written out", where="labels")
    return words


def read_label(text: str, labels: Sequence[str]) -> int | None:
    """Return which of the labels the model wrote; None where it is none of them, which counts as wrong.

    Raises UsageError when two labels are written alike.
    """
    written = [answer(label) for label in labels]
    if len(set(written)) < len(written):
        twice = next(words for words in written if written.count(words) > 1)
        raise UsageError(f"two labels are written {twice!r}", where="labels", remedy="Rename one of them.")
    said = " ".join(text.split())
    return written.index(said) if said in written else None


def number(value: float) -> str:
    """Write a similarity, rounded to the nearest multiple of 0.2 (2.57 becomes "2.6")."""
    rounded = round(value / STEP) * STEP
    return f"{rounded:.1f}"


def read_number(text: str, *, lowest: float, highest: float) -> float | None:
    """Return the similarity that the model wrote; None where it is no number of the range written so."""
    said = text.strip()
    try:
        value = float(said)
    except ValueError:
        return None
    return value if lowest <= value <= highest and number(value) == said else None
