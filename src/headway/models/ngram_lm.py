"""N-gram language model: interpolated modified Kneser-Ney (Chen and Goodman 1998; Kneser and Ney 1995).

    p(w | h) = (a(hw) - D(a(hw))) / a(h.) + gamma(h) p(w | h')        h' is h without its first token
    gamma(h) = (D1 N1(h.) + D2 N2(h.) + D3+ N3+(h.)) / a(h.)          N_k(h.): how many w have a(hw) = k

At the highest order a(hw) is how often hw stands in the corpus; below it, how many different tokens stand before it
(for what begins a sequence, which has none before it, how often it does). The recursion ends in 1 / V. Each order has
three discounts in closed form, from n_k, its number of n-grams with a = k:

    Y = n1 / (n1 + 2 n2),   D1 = 1 - 2 Y n2 / n1,   D2 = 2 - 3 Y n3 / n2,   D3+ = 3 - 4 Y n4 / n3

Where one of n1 to n4 is 0 or a discount does not lie between 0 and its k (few or made-up data), the order takes
`FALLBACK` instead, the values that KenLM falls back to.

The model is kept as back-off tables: ln p of each n-gram seen, ln gamma of each context seen, so that other back-off
models (ARPA files, `weights.arpa`) are read into the same form. Ids are those of any tokenizer, 0 to V - 1;
the id V stands before each sequence and is never predicted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple, Self

import numpy as np

from headway.core.errors import UsageError

MAX_ORDER = 5
FALLBACK = (0.5, 1.0, 1.5)  # D1, D2, D3+


class Discounts(NamedTuple):
    """What an order's counts of 1, of 2, and of 3 or more are lowered by."""

    one: float
    two: float
    more: float
    estimated: bool  # by the closed form; False: it does not apply, and these are `FALLBACK`

    @classmethod
    def of(cls, counts: np.ndarray) -> Self:
        """Return the discounts of an order whose n-grams have these counts."""
        n1, n2, n3, n4 = np.bincount(np.minimum(counts, 5), minlength=6)[1:5].tolist()
        if min(n1, n2, n3, n4) > 0:
            y = n1 / (n1 + 2 * n2)
            found = (1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3)
            if all(0 < discount <= k for k, discount in enumerate(found, 1)):
                return cls(*found, estimated=True)
        return cls(*FALLBACK, estimated=False)


@dataclass(frozen=True)
class Level:
    """The n-grams of one order, sorted, each known by its place in the arrays (all [G]).

    An n-gram's key is the place of its first n - 1 tokens in the level below, times V + 1, plus its last token.
    """

    keys: np.ndarray  # int64; at order 1 every id from 0 to V
    log_probability: np.ndarray  # float64: ln p(last token | the others)
    log_backoff: np.ndarray  # float64: ln gamma of the n-gram as a context; 0 where it was none

    def find(self, contexts: np.ndarray, tokens: np.ndarray, width: int) -> np.ndarray:
        """Return the places of the n-grams made of contexts (places in the level below; -1: none) and tokens, or -1."""
        keys = contexts * width + tokens
        places = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        found: np.ndarray = np.where((contexts >= 0) & (self.keys[places] == keys), places, -1)
        return found


class NgramModel:
    """A back-off model of orders 1 to N over the ids 0 to V - 1."""

    def __init__(self, levels: Sequence[Level], vocab_size: int, discounts: Sequence[Discounts] = ()) -> None:
        self.levels = tuple(levels)
        self.vocab_size = vocab_size
        self.discounts = tuple(discounts)  # of each order, where the model was fitted here

    @classmethod
    def fit(
        cls, sequences: Iterable[Sequence[int] | np.ndarray], vocab_size: int, order: int = MAX_ORDER
    ) -> Self:
        """Count and smooth: sequences of ids, each a text or a sentence of its own.

        Memory: some 60 bytes a token and order. Raises UsageError on an order that is not 1 to 5, ids out of range,
        or no ids at all.
        """
        if not 1 <= order <= MAX_ORDER:
            raise UsageError(f"must be 1 to {MAX_ORDER}, found {order}", where="order")
        ids, starts = _joined(sequences, vocab_size)
        levels: list[Level] = []
        discounts: list[Discounts] = []
        for counted in _adjusted(_counted(ids, starts, vocab_size + 1, order)):
            below = levels[-1] if levels else None
            level, gamma, discount = _smoothed(counted, below, vocab_size)
            if below is not None:
                np.log(gamma, out=below.log_backoff, where=gamma > 0)
            levels.append(level)
            discounts.append(discount)
        return cls(levels, vocab_size, discounts)

    @property
    def order(self) -> int:
        """N: tokens are predicted from the N - 1 before them."""
        return len(self.levels)

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many n-grams of each order it knows."""
        return tuple(len(level.keys) for level in self.levels)

    def log_probabilities(self, ids: Sequence[int] | np.ndarray) -> np.ndarray:
        """Return ln p of each id of a sequence, [T], given those before it. Raises UsageError on an unknown id."""
        tokens, _ = _joined([ids], self.vocab_size)
        width = self.vocab_size + 1
        places = tokens  # of the n-gram that ends at each token; -1: not known
        scores: np.ndarray = self.levels[0].log_probability[places]
        for below, level in pairwise(self.levels):
            contexts = np.concatenate([[-1], places[:-1]])
            places = level.find(contexts, tokens, width)
            backed_off = scores + np.where(contexts >= 0, below.log_backoff[contexts], 0.0)
            scores = np.where(places >= 0, level.log_probability[places], backed_off)
        predicted: np.ndarray = scores[1:]
        return predicted

    def distribution(self, history: Sequence[int] | np.ndarray) -> np.ndarray:
        """Return p of every id, [V], after a history, the beginning of its sequence included.

        Raises UsageError on an unknown id.
        """
        tokens, _ = _joined([history], self.vocab_size)
        width = self.vocab_size + 1
        scores: np.ndarray = self.levels[0].log_probability[:-1].copy()
        for n, (below, level) in enumerate(pairwise(self.levels), 1):
            context = self._place(tokens[-n:]) if n <= len(tokens) else -1
            if context < 0:
                break
            first, end = np.searchsorted(level.keys, [context * width, (context + 1) * width])
            scores += below.log_backoff[context]
            scores[level.keys[first:end] - context * width] = level.log_probability[first:end]
        probabilities: np.ndarray = np.exp(scores)
        return probabilities

    def _place(self, tokens: np.ndarray) -> int:
        """Return the place of an n-gram in its level, or -1."""
        place = tokens[:1]
        for level, token in zip(self.levels[1:], tokens[1:], strict=False):
            place = level.find(place, np.array([token]), self.vocab_size + 1)
        return int(place[0])


class _Counted(NamedTuple):
    """The n-grams of one order as they stand in the corpus, by their sorted keys (all [G])."""

    keys: np.ndarray
    counts: np.ndarray
    begins: np.ndarray  # whether it begins a sequence
    suffixes: np.ndarray  # the place in the level below of the n-gram without its first token


def _joined(
    sequences: Iterable[Sequence[int] | np.ndarray], vocab_size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return all sequences end to end, the id V before each, and where each begins."""
    parts: list[np.ndarray] = []
    begin = np.array([vocab_size], np.int64)
    lengths = [0]
    for sequence in sequences:
        part = np.asarray(sequence, np.int64)
        if part.size and (part.min() < 0 or part.max() >= vocab_size):
            wrong = part[(part < 0) | (part >= vocab_size)][0]
            raise UsageError(f"holds {wrong}; ids must be 0 to {vocab_size - 1}", where="ids")
        parts += [begin, part]
        lengths.append(1 + len(part))
    return np.concatenate(parts or [begin]), np.cumsum(lengths)[:-1]


def _counted(ids: np.ndarray, starts: np.ndarray, width: int, order: int) -> list[_Counted]:
    """Count the n-grams of each order inside the sequences."""
    if len(ids) == max(1, len(starts)):
        raise UsageError("holds no ids", where="corpus", remedy="Give at least one text that is not empty.")
    since_start = np.arange(len(ids)) - np.repeat(starts, np.diff([*starts, len(ids)]))
    counts = np.bincount(ids, minlength=width)
    everything = np.arange(width)
    orders = [_Counted(everything, counts, everything == width - 1, everything)]
    places = ids  # in its level, of the n-gram that ends at each token
    for n in range(2, order + 1):
        ends = np.flatnonzero(since_start >= n - 1)
        keys, first, inverse, counts = np.unique(
            places[ends - 1] * width + ids[ends], return_index=True, return_inverse=True, return_counts=True
        )
        one_of_each = ends[first]
        orders.append(_Counted(keys, counts, since_start[one_of_each] == n - 1, places[one_of_each]))
        places = np.full(len(ids), -1)
        places[ends] = inverse
    return orders


def _adjusted(orders: Sequence[_Counted]) -> list[_Counted]:
    """Replace all counts but the highest order's, and those that begin a sequence, by the number of tokens before."""
    adjusted = []
    for counted, above in pairwise(orders):
        before = np.bincount(above.suffixes, minlength=len(counted.keys))
        adjusted.append(counted._replace(counts=np.where(counted.begins, counted.counts, before)))
    return [*adjusted, orders[-1]]


def _smoothed(counted: _Counted, below: Level | None, vocab_size: int) -> tuple[Level, np.ndarray, Discounts]:
    """Return a level with its probabilities, gamma of each context in the level below, and the discounts."""
    contexts = counted.keys // (vocab_size + 1)  # at order 1 there is one context, the empty one
    counts = counted.counts.copy()
    if below is None:
        counts[vocab_size] = 0  # what begins a sequence is not predicted
        lower = np.full(vocab_size + 1, 1 / vocab_size)
        contexts = np.zeros(vocab_size + 1, np.int64)
    else:
        lower = np.exp(below.log_probability[counted.suffixes])
    discounts = Discounts.of(counts)
    lowered_by = np.array([0.0, *discounts[:3]])[np.minimum(counts, 3)]
    size = 1 if below is None else len(below.keys)
    totals = np.bincount(contexts, counts, minlength=size)
    gamma = np.bincount(contexts, lowered_by, minlength=size) / np.maximum(totals, 1)
    probability = (counts - lowered_by) / totals[contexts] + gamma[contexts] * lower
    if below is None:
        probability[vocab_size] = 0
    log_probability = np.full(len(probability), -np.inf)
    np.log(probability, out=log_probability, where=probability > 0)
    return Level(counted.keys, log_probability, np.zeros(len(counts))), gamma, discounts
