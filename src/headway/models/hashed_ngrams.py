"""Hashed n-grams: words, pairs of words and characters inside words, each a number below a bound, without a vocabulary.

A text is lower-cased and cut into words (letters, digits and marks that belong to them) and single signs, emoji among
them. Joulin et al. 2017, arXiv:1607.01759, section 2.2 hashes pairs of words, Bojanowski et al. 2017 characters; the
hash here is a sum of mixed 64-bit values, which numpy computes for all places of many texts at once.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

_TOKEN = re.compile(r"\w+|[^\w\s]")
_BREAK = "\0"  # stands before, between and after the tokens of a text
_CHARACTERS_AT_ONCE = 500_000
_STEP = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Buckets:
    """The different n-grams of B texts: bucket numbers, text by text and ascending, and how many each text has [B]."""

    values: np.ndarray  # int32
    lengths: np.ndarray  # int64


def hashed_ngrams(texts: Sequence[str], words: int, characters: tuple[int, int], buckets: int) -> Buckets:
    """Return each text's n-grams of 1 to ``words`` words and of ``characters`` (shortest, longest) characters.

    Character n-grams lie inside a word that a break is put before and after. Each counts once a text.
    """
    values, lengths = [np.empty(0, np.int32)], [np.empty(0, np.int64)]
    for part in _parts(texts):
        found = _hash_part(part, words, characters, buckets)
        values.append(found.values)
        lengths.append(found.lengths)
    return Buckets(np.concatenate(values), np.concatenate(lengths))


def _parts(texts: Sequence[str]) -> list[Sequence[str]]:
    """Cut the texts into parts of a bounded number of characters."""
    sizes = np.cumsum([len(text) for text in texts], dtype=np.int64)
    edges = [0, *(np.flatnonzero(np.diff(sizes // _CHARACTERS_AT_ONCE)) + 1).tolist(), len(texts)]
    return [texts[start:end] for start, end in pairwise(edges) if end > start]


def _hash_part(texts: Sequence[str], words: int, characters: tuple[int, int], buckets: int) -> Buckets:
    tokens = [_TOKEN.findall(text.lower().replace(_BREAK, " ")) for text in texts]
    counts = np.array([len(row) for row in tokens])
    joined = _BREAK + "".join(f"{token}{_BREAK}" for row in tokens for token in row)
    codes = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    breaks = np.flatnonzero(codes == 0)  # one before each token, and one at the end
    owner_of_token = np.repeat(np.arange(len(texts)), counts)
    owner = np.repeat(owner_of_token, np.diff(breaks))  # of each character, a token's break being its first
    hashes, owners = [], []
    if len(owner):
        for n, found in enumerate(_words(codes, breaks, words), 1):
            same_text = owner_of_token[: len(found)] == owner_of_token[n - 1 :]
            hashes.append(found[same_text])
            owners.append(owner_of_token[: len(found)][same_text])
        for start, found in _characters(codes, breaks, characters):
            hashes.append(found)
            owners.append(owner[start])
    key = np.concatenate([np.empty(0, np.uint64), *hashes]) % np.uint64(buckets)
    row = np.concatenate([np.empty(0, np.int64), *owners])
    pairs = np.unique(row * buckets + key.astype(np.int64))
    lengths = np.bincount(pairs // buckets, minlength=len(texts))
    return Buckets((pairs % buckets).astype(np.int32), lengths.astype(np.int64))


def _words(codes: np.ndarray, breaks: np.ndarray, longest: int) -> list[np.ndarray]:
    """Return the hashes of 1 to ``longest`` words in a row, by the first of them, across texts too."""
    place = np.arange(len(codes) - 1) - np.repeat(breaks[:-1], np.diff(breaks))
    mixed = _mix(codes[:-1] + place.astype(np.uint64) * _STEP)
    single = np.add.reduceat(mixed, breaks[:-1])
    found = [_mix(single)]
    for n in range(2, longest + 1):
        found.append(_mix(found[-1][:-1] * _STEP + single[n - 1 :]))
    return found


def _characters(
    codes: np.ndarray, breaks: np.ndarray, sizes: tuple[int, int]
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return, for each size, where its n-grams begin and their hashes."""
    before = np.cumsum(codes == 0)  # breaks up to and with each place
    shortest, longest = sizes
    rolling = codes.copy()
    found = []
    for n in range(2, longest + 1):
        rolling = rolling[:-1] * _STEP + codes[n - 1 :]
        if n < shortest:
            continue
        last = len(codes) - n
        inside = (
            before[n - 2 : n - 2 + last + 1] - before[: last + 1]
        )  # breaks that are neither first nor last
        start = np.flatnonzero(inside == 0)
        kind = _mix(np.array([n], np.uint64))  # so that a break at the front, which is 0, counts too
        found.append((start, _mix(rolling[start] ^ kind)))
    return found


def _mix(values: np.ndarray) -> np.ndarray:
    """Spread 64-bit values: the finalizer of splitmix64 (Steele et al. 2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: np.ndarray = values ^ (values >> np.uint64(31))
    return mixed
