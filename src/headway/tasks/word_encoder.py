"""An encoder that is read word by word: sentences cut into pieces, windows of them, and a vector for each word.

A word is read at its first piece (Devlin et al. 2019, section 5.3). A sentence that is longer than the encoder reads at
once is read in windows that overlap by half, each word where it stands farthest from a window's ends; so no word goes
without a vector. Only of a word that alone is longer the last pieces are not read.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import NamedTuple, cast

import numpy as np
import torch
from torch import Tensor, nn

from headway.blocks.ragged import Tokens
from headway.core.tensors import own_lengths
from headway.data.characters import CharacterTokenizer
from headway.data.inputs import Sentence
from headway.tasks.encoder import DEFAULT_MAX_TOKENS, TOKENS_IN_A_BATCH, TextEncoder


class Window(NamedTuple):
    """Pieces that are read at once [T] (or words' characters [T, 50]), and the words whose vectors are taken here."""

    ids: np.ndarray
    places: np.ndarray  # [W]: where its words' first pieces stand in the ids
    sentence: int
    first: int  # the first of its words in the sentence


@dataclass(frozen=True)
class WordEncoder:
    """A text encoder for sentences that are cut into words."""

    encoder: TextEncoder

    @cached_property
    def _around(self) -> tuple[np.ndarray, np.ndarray]:
        """What the tokenizer puts before and behind a text's pieces."""
        reader = self.encoder.tokenizer
        if isinstance(reader, CharacterTokenizer):
            return reader.words([]), reader.words([])
        (pieces,), (whole,) = reader.pieces(["a"]), reader.encode(["a"], 16).ids
        before = next(at for at in range(len(whole)) if np.array_equal(whole[at : at + len(pieces)], pieces))
        return whole[:before], whole[before + len(pieces) :]

    @property
    def room(self) -> int:
        """How many pieces of words are read at once."""
        most = min(self.encoder.max_tokens, DEFAULT_MAX_TOKENS)
        return most - sum(map(len, self._around))

    def cut(self, sentences: Sequence[Sentence]) -> int:
        """Return how many of the sentences are longer than is read at once, so that they are read in windows, or have a
        word that is, of which the end is not read.
        """
        return sum(
            sum(map(len, pieces)) > self.room or self._has_cut_word(sentence)
            for sentence, pieces in zip(sentences, self._pieces(sentences), strict=True)
        )

    def _has_cut_word(self, sentence: Sentence) -> bool:
        reader = self.encoder.tokenizer
        if not isinstance(reader, CharacterTokenizer):
            return False
        return any(len(word.encode()) > reader.width - 2 for word in sentence)

    def windows(self, sentences: Sequence[Sentence]) -> list[Window]:
        """Return the windows of all sentences; none of one without words."""
        found = []
        for number, pieces in enumerate(self._pieces(sentences)):
            pieces = [word[: self.room] for word in pieces]
            for (start, end), (own, ends) in _stretches([len(word) for word in pieces], self.room):
                found.append(self._window(pieces[start:end], own - start, ends - start, number, own))
        return found

    def _window(self, pieces: list[np.ndarray], own: int, ends: int, sentence: int, first: int) -> Window:
        before, behind = self._around
        starts = len(before) + np.cumsum([0, *map(len, pieces)])
        return Window(np.concatenate([before, *pieces, behind]), starts[own:ends], sentence, first)

    def _pieces(self, sentences: Sequence[Sentence]) -> list[list[np.ndarray]]:
        """Return the pieces of each sentence's words, of each at least one."""
        reader = self.encoder.tokenizer
        if isinstance(reader, CharacterTokenizer):
            return [list(reader.words(sentence)[:, None]) for sentence in sentences]
        # A space before a word is part of it where the tokenizer reads bytes (GPT-2), and nothing elsewhere.
        spaced = [[f"{' ' * (place > 0)}{word}" for place, word in enumerate(own)] for own in sentences]
        different = list(dict.fromkeys(word for own in spaced for word in own))
        unknown = reader.nothing[:1] if reader.unknown is None else np.array([reader.unknown], np.int32)
        pieces = (found if len(found) else unknown for found in reader.pieces(different))
        known = dict(zip(different, pieces, strict=True))
        return [[known[word] for word in own] for own in spaced]

    def pack(self, windows: Sequence[Window]) -> tuple[Tokens, Tensor]:
        """Lay windows end to end, and return where their words stand among all tokens, [W]."""
        tokens = self.encoder.pack([window.ids for window in windows])
        starts = accumulate((len(window.ids) for window in windows), initial=0)
        places = [start + window.places for start, window in zip(starts, windows, strict=False)]
        return tokens, torch.from_numpy(np.concatenate(places)).to(self.encoder.device)

    def vectors(self, sentences: Sequence[Sentence], depths: int) -> np.ndarray:
        """Return each word's vectors at the last ``depths`` layers, side by side: [B] arrays [W, depths D], float32.

        One depth is what the backbone itself gives; a model with fewer layers gives those it has, and its embeddings.
        """
        backbone = self.encoder.backbone
        cast("nn.Module", backbone).eval()
        windows = self.windows(sentences)
        found: list[list[np.ndarray]] = [[] for _ in sentences]
        read: dict[int, np.ndarray] = {}
        with torch.inference_mode():
            for rows in _of_bounded_tokens(windows):
                tokens, places = self.pack([windows[row] for row in rows])
                layers = (
                    [backbone.features(tokens).tokens]
                    if depths == 1
                    else backbone.intermediates(tokens)[-depths:]
                )
                wide = torch.cat([layer.values.index_select(0, places) for layer in layers], dim=1)
                cuts = np.cumsum([len(windows[row].places) for row in rows])[:-1]
                read |= dict(zip(rows, np.split(wide.float().cpu().numpy(), cuts), strict=True))
        for row, window in enumerate(windows):
            found[window.sentence].append(read[row])
        width = next(iter(read.values())).shape[1] if read else 0
        nothing = np.empty((0, width), np.float32)
        return own_lengths((np.concatenate([nothing, *parts]) for parts in found), len(sentences))


def _of_bounded_tokens(windows: Sequence[Window]) -> Iterator[list[int]]:
    """Yield the windows' numbers, sorted by length, in batches of a bounded number of tokens."""
    rows: list[int] = []
    tokens = 0
    for row in np.argsort([len(window.ids) for window in windows], kind="stable").tolist():
        if rows and tokens + len(windows[row].ids) > TOKENS_IN_A_BATCH:
            yield rows
            rows, tokens = [], 0
        rows.append(row)
        tokens += len(windows[row].ids)
    if rows:
        yield rows


def _stretches(sizes: Sequence[int], room: int) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Yield (start, end) of the words of each window, and of those whose vectors are taken there.

    ``sizes`` are the words' pieces, none more than ``room``, which is what a window holds.
    """
    edges = [0, *accumulate(sizes)]  # pieces before each word
    start = own = 0
    while own < len(sizes):
        end = start + 1
        while end < len(sizes) and edges[end + 1] - edges[start] <= room:
            end += 1
        if end == len(sizes):
            yield (start, end), (own, end)
            return
        follows = next(at for at in range(start + 1, end + 1) if 2 * (edges[end] - edges[at]) <= room)
        middle = (follows + end + 1) // 2
        if middle > own:
            yield (start, end), (own, middle)
        start, own = follows, middle
