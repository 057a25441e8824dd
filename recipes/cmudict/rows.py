"""The rows of the recipe: headwords with all their pronunciations, split by headword. Standard library only."""

import os
import random
import re
from pathlib import Path
from typing import NamedTuple

DATA = Path(os.environ.get("HEADWAY_SHARED", Path(__file__).parents[3] / "shared")) / "data"
SHARES = {"training": 0.90, "development": 0.05, "test": 0.05}
SEED = 0

_VARIANT = re.compile(r"\(\d+\)$")
_STRESS = re.compile(r"\d$")


class Word(NamedTuple):
    """A headword and its pronunciations, each a tuple of phonemes with stress, such as ("W", "ER1", "D")."""

    spelling: str
    pronunciations: tuple[tuple[str, ...], ...]


def read() -> list[Word]:
    """Read the dictionary; variants, word(2), belong to their headword, and what follows a # is a comment."""
    found: dict[str, dict[tuple[str, ...], None]] = {}
    for line in (DATA / "cmudict" / "cmudict.dict").read_text(encoding="utf-8").splitlines():
        spelling, *phonemes = line.split(" #")[0].split()
        found.setdefault(_VARIANT.sub("", spelling), {})[tuple(phonemes)] = None
    return [Word(spelling, tuple(variants)) for spelling, variants in found.items()]


def split(words: list[Word]) -> dict[str, list[Word]]:
    """Return the parts: of the headwords in an order drawn from the seed, the first to training, and so on."""
    order = sorted(words)
    random.Random(SEED).shuffle(order)
    parts: dict[str, list[Word]] = {}
    begin = 0
    for name, share in SHARES.items():
        end = begin + round(share * len(order)) if name != "test" else len(order)
        parts[name] = order[begin:end]
        begin = end
    return parts


def without_stress(phonemes: tuple[str, ...]) -> tuple[str, ...]:
    """Return the phonemes as the 39 of cmudict.phones: AH0 and AH1 are both AH."""
    return tuple(_STRESS.sub("", phoneme) for phoneme in phonemes)
