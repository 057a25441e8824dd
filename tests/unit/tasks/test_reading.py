"""Answers out of windows: against going through every passage, at the very end, with and without a threshold."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from headway.blocks.ragged import Tokens
from headway.core.answers import MOST, NOTHING, Found, ranked, told
from headway.core.errors import UsageError
from headway.data.reading_windows import ReadingConfig
from headway.data.tokenizers import SPECIAL, Tokenizer
from headway.tasks import reading

WORDS = "the mill at river stands since 1903 in a town of wind and water 한국어".split()
READER = Tokenizer.from_wordpieces(
    {piece: index for index, piece in enumerate([*SPECIAL.values(), *WORDS])}, lowercase=False
)


@dataclass
class Encoder:
    """As much of a `TextEncoder` as reading asks for."""

    tokenizer: Tokenizer = READER
    max_tokens: int = 512
    device: str = "cpu"

    def pack(self, ids: list[np.ndarray]) -> Tokens:
        return Tokens.pack(ids)


class ById(torch.nn.Module):
    """Gives each token the logits that its id has in a table [V, 2]."""

    def __init__(self, table: np.ndarray) -> None:
        super().__init__()
        self.table = torch.from_numpy(table)

    def forward(self, batch: Tokens) -> torch.Tensor:
        return self.table[batch.values]


def find(table: np.ndarray, pairs: list[tuple[str, str]], **config: int) -> list[Found]:
    model: Any = ById(table)
    encoder: Any = Encoder()
    return reading.find(model, encoder, pairs, ReadingConfig(**config))


@settings(max_examples=80, deadline=None)
@given(
    words=st.lists(st.sampled_from(WORDS), min_size=1, max_size=60),
    seed=st.integers(0, 1000),
    window=st.integers(8, 60),
    stride=st.integers(1, 60),
    longest=st.integers(1, 12),
)
def test_the_best_passages_are_those_of_all(
    words: list[str], seed: int, window: int, stride: int, longest: int
) -> None:
    table = np.random.default_rng(seed).normal(size=(READER.vocab_size, 2))
    context = "  ".join(words)
    (found,) = find(table, [("the river", context)], window=window, stride=stride, longest=longest)
    ids = READER.pieces([context])[0]
    room = window - 2 - 3
    if len(ids) <= room:  # one window: every passage is seen
        every = {
            (a, b): table[ids[a], 0] + table[ids[b], 1]
            for a in range(len(ids))
            for b in range(a, min(a + longest, len(ids)))
        }
        best = sorted(every.values(), reverse=True)[:MOST]
        np.testing.assert_allclose(found.scores, best, atol=1e-12)
    assert len(found.scores) <= MOST and (np.diff(found.scores) <= 1e-12).all()
    assert len({tuple(span) for span in found.spans.tolist()}) == len(found.spans)
    place = {start: index for index, start in enumerate(_starts(words))}
    for (start, end), score in zip(found.spans.tolist(), found.scores, strict=True):
        said = context[start:end].split()
        a = place[start]
        assert said == words[a : a + len(said)] and len(said) <= longest
        assert score == pytest.approx(table[ids[a], 0] + table[ids[a + len(said) - 1], 1])
    assert found.nothing == pytest.approx(table[READER.special["cls"]].sum())


def _starts(words: list[str]) -> list[int]:
    """Where each word begins when two blanks part them."""
    return [0, *np.cumsum([len(word) + 2 for word in words]).tolist()][:-1]


def test_an_answer_in_the_last_window_is_found() -> None:
    table = np.zeros((READER.vocab_size, 2))
    index = {word: READER.pieces([word])[0][0] for word in WORDS}
    table[index["river"], 0] = table[index["한국어"], 1] = 9
    context = "the mill " * 2000 + "the river   한국어"
    (found,) = find(table, [("river", context)], window=64, stride=32)
    assert told(context, found.answers(None)[0]) == "river   한국어" and found.scores[0] == 18
    assert int(found.answers(None)[0, 1]) == len(context)


def test_the_threshold_decides_and_the_probabilities_follow() -> None:
    table = np.zeros((READER.vocab_size, 2))
    table[READER.special["cls"], 0] = 2.0
    table[READER.pieces(["river"])[0][0]] = [0.5, 0.5]
    (found,) = find(table, [("river", "the mill river")])
    assert found.nothing == 2 and found.scores[0] == 1
    always, never, just = (found.answers(threshold) for threshold in (None, 0.9, 1.0))
    assert told("the mill river", always[0]) == "river" and (always[:, 0] != NOTHING).sum() == len(
        found.scores
    )
    assert never[0, :2].tolist() == [NOTHING, NOTHING] and told("the mill river", never[0]) == ""
    assert told("the mill river", just[0]) == "river"  # as the official script: only above the threshold
    for answers in (always, never, just):
        assert answers.shape == (MOST, 3) and answers[:, 2].sum() == pytest.approx(1)
        assert (np.diff(answers[:, 2]) <= 0).all()


def test_a_context_without_a_passage_has_no_answer() -> None:
    (found,) = find(np.zeros((READER.vocab_size, 2)), [("river", " \n ")])
    assert found.answers(None)[0].tolist() == [NOTHING, NOTHING, 1]
    assert ranked(np.empty((0, 2), np.int64), np.empty(0)).shape == (MOST, 3)


def test_the_loss_is_that_of_both_ends_within_each_window() -> None:
    table = np.random.default_rng(0).normal(size=(READER.vocab_size, 2))
    model: Any = ById(table)
    encoder: Any = Encoder()
    pairs = [("river", "the mill at the river"), ("mill", "the mill")]
    windows = reading.cut(encoder, pairs, ReadingConfig()).windows
    places = np.array([windows[0].answer(4, 8), windows[1].answer(0, 8)])
    assert [READER.vocabulary[windows[0].ids[place]] for place in places[0]] == ["mill", "mill"]
    batch = reading.batch(encoder, windows, places)
    wanted = 0.0
    for window, place in zip(windows, places, strict=True):
        for end in (0, 1):
            own = table[window.ids, end]
            wanted -= (own[place[end]] - np.log(np.exp(own).sum())) / 4
    assert float(reading.loss(model, batch)) == pytest.approx(wanted, rel=1e-5)
    pieces = reading.parts(batch, 1)
    assert [len(part.places) for part in pieces] == [1, 1]
    assert sum(float(reading.loss(model, part)) for part in pieces) / 2 == pytest.approx(wanted, rel=1e-5)


def test_settings_without_a_meaning_are_refused() -> None:
    for wrong in ({"window": 7}, {"stride": 0}, {"longest": 0}):
        with pytest.raises(UsageError, match=next(iter(wrong))):
            ReadingConfig(**wrong)
