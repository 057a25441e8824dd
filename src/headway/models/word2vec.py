"""Word2vec's trainable state: the two matrices, the vocabulary with its counts, and what the objective needs.

Mikolov et al. 2013, Efficient Estimation of Word Representations in Vector Space (arXiv:1301.3781) and Distributed
Representations of Words and Phrases and their Compositionality (arXiv:1310.4546). When training is over, ``finish``
gives the vectors; nothing else is kept.
"""

import heapq
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from headway.core.config import Config
from headway.core.errors import UsageError
from headway.core.seeding import generator
from headway.models.word_vectors import WordVectors

ARCHITECTURES = ("skip-gram", "cbow", "ngram")
OBJECTIVES = ("negatives", "hierarchical", "softmax")
NOISE_POWER = 0.75
LINE = 16  # floats of a cache's line: rows are padded to a multiple of so many, and aligned to as many


@dataclass(frozen=True, kw_only=True)
class Word2VecConfig(Config):
    """What is predicted from what, and how a prediction is scored.

    architecture: "skip-gram" (from each word around the one in the middle), "cbow" (from their mean) or "ngram" (the
    next word from the ``window`` words before it, end to end). objective: "negatives", "hierarchical" or "softmax".
    shared: all words of a window share their negatives (skip-gram only).
    """

    architecture: str = "skip-gram"
    objective: str = "negatives"
    d_model: int = 100
    window: int = 5
    negatives: int = 5
    shared: bool = False
    min_count: int = 5
    sample: float = 1e-3  # words of a larger share of the corpus are thinned out; 0: none

    def __post_init__(self) -> None:
        for name, known in (("architecture", ARCHITECTURES), ("objective", OBJECTIVES)):
            if getattr(self, name) not in known:
                raise UsageError(
                    f"{getattr(self, name)!r} is not known", where=name, remedy=f"Known: {', '.join(known)}."
                )
        for name, least in (("d_model", 1), ("window", 1), ("negatives", 1), ("min_count", 1), ("sample", 0)):
            if getattr(self, name) < least:
                raise UsageError(f"must be at least {least}, not {getattr(self, name)}", where=name)
        if self.architecture == "ngram" and self.objective != "softmax":
            raise UsageError("an n-gram predictor has the objective 'softmax' only", where="objective")
        if self.architecture == "ngram" and self.sample:
            raise UsageError("an n-gram predictor reads all words: must be 0", where="sample")
        if self.shared and (self.architecture, self.objective) != ("skip-gram", "negatives"):
            raise UsageError("only skip-gram with negatives can share them", where="shared")


class Tree(NamedTuple):
    """A Huffman tree, as the way from its root to each word."""

    starts: np.ndarray  # [V + 1] int64: where a word's way begins in the two others
    nodes: np.ndarray  # the inner nodes along it, int32
    turns: np.ndarray  # 1 where the way turns right, int8


class Word2Vec:
    """The state: ``inputs`` and ``outputs``, aligned float32 matrices of padded rows, in the order of the counts.

    words: V of them with their ``counts`` [V], most frequent first; seed: of the first values. The inputs are drawn
    from (-1/D, 1/D), the outputs are zero, and so is the padding, which no update changes. ``inputs_with_spare`` and
    ``outputs_with_spare`` have ``spare`` rows of zeros behind those of the words, for the trainer.
    """

    def __init__(
        self, config: Word2VecConfig, words: list[str], counts: np.ndarray, seed: int, spare: int = 0
    ) -> None:
        self.config = config
        self.words = words
        self.counts = counts
        D, V = config.d_model, len(words)
        self.width = -(-D // LINE) * LINE
        wide = self.width * (config.window if config.architecture == "ngram" else 1)
        self.inputs_with_spare = aligned((V + spare, self.width))
        self.inputs = self.inputs_with_spare[:V]
        self.outputs_with_spare = aligned((V + spare, wide))
        self.outputs = self.outputs_with_spare[:V]
        draw = generator(seed, "word2vec", "inputs")
        for begin in range(0, V, 65_536):  # so that no second matrix is needed
            rows = self.inputs[begin : begin + 65_536, :D]
            rows[:] = (2 * draw.random(rows.shape, dtype=np.float32) - 1) / D

    @cached_property
    def keep(self) -> np.ndarray:
        """The probability [V] that an occurrence of a word stays: (sqrt(f / t) + 1) t / f, at most 1, where f is the
        word's share of the corpus and t is ``sample``. This is the C tool's formula; the paper prints another one.
        """
        if not self.config.sample:
            return np.ones(len(self.counts))
        ratio = self.config.sample / (self.counts / self.counts.sum())
        kept: np.ndarray = np.minimum(1.0, np.sqrt(ratio) + ratio)
        return kept

    @cached_property
    def noise(self) -> np.ndarray:
        """The probability [V] of each word as a negative."""
        return noise_shares(self.counts)

    @cached_property
    def tree(self) -> Tree:
        """The Huffman tree of the counts: a frequent word has a short way."""
        return huffman(self.counts)

    def finish(self) -> WordVectors:
        """Return the vectors that were trained: the inputs."""
        matrix = np.ascontiguousarray(self.inputs[:, : self.config.d_model])
        return WordVectors(self.words, matrix, counts=self.counts)


def noise_shares(counts: np.ndarray) -> np.ndarray:
    """Return counts [V] to the power 3/4, in proportion (Mikolov et al. 2013, arXiv:1310.4546, section 2.2)."""
    weights = counts.astype(np.float64) ** NOISE_POWER
    shares: np.ndarray = weights / weights.sum()
    return shares


def aligned(shape: tuple[int, ...]) -> np.ndarray:
    """Return zeros in float32 that begin at a multiple of 64 bytes."""
    alignment = 4 * LINE
    size = 4 * int(np.prod(shape, dtype=np.int64))
    room = np.zeros(size + alignment, dtype=np.uint8)
    begin = -room.ctypes.data % alignment
    return room[begin : begin + size].view(np.float32).reshape(shape)


def huffman(counts: np.ndarray) -> Tree:
    """Return the Huffman tree of V counts: V - 1 inner nodes, the root the last of them."""
    V = len(counts)
    heap = [(int(count), leaf) for leaf, count in enumerate(counts)]
    heapq.heapify(heap)
    parent = np.zeros(2 * V - 1, dtype=np.int64)
    right = np.zeros(2 * V - 1, dtype=np.int8)
    for node in range(V, 2 * V - 1):
        first, left = heapq.heappop(heap)
        second, other = heapq.heappop(heap)
        parent[left] = parent[other] = node
        right[other] = 1
        heapq.heappush(heap, (first + second, node))
    starts, nodes, turns = [0], [], []
    for leaf in range(V):
        way, place = [], leaf
        while place != 2 * V - 2:
            way.append((parent[place] - V, right[place]))
            place = parent[place]
        nodes += [node for node, _ in reversed(way)]
        turns += [turn for _, turn in reversed(way)]
        starts.append(len(nodes))
    return Tree(np.array(starts, np.int64), np.array(nodes, np.int32), np.array(turns, np.int8))
