"""Generation with a decoder made by hand: what follows depends on the last token only, by a table of probabilities."""

from collections import Counter

import numpy as np
import pytest
import torch
from torch import Tensor

from headway.blocks.cache import Cache, Past, Places
from headway.blocks.pooling import last_tokens
from headway.blocks.ragged import Ragged, Tokens
from headway.core.errors import UsageError
from headway.models.generate import (
    Hypothesis,
    beam_search,
    generate,
    gnmt_penalty,
    greedy,
    keep_top_k,
    keep_top_p,
    power_penalty,
    sampling,
    stream,
)

END = 4


class Chain:
    """p(next | last) is a row of a table; the cache holds nothing but lengths."""

    def __init__(self, table: list[list[float]], context: int | None = None) -> None:
        self.table = torch.tensor(table, dtype=torch.float64)
        self.context = context
        self.rows_seen: list[int] = []

    def start(self, rows: int, memory: Ragged | None = None) -> Cache:
        return Cache((Past.empty(rows, 1, 1, like=self.table),), (0,) * rows)

    def step(self, batch: Tokens, cache: Cache) -> tuple[Tensor, Cache]:
        self.rows_seen.append(len(batch.lengths))
        places = Places(cache.lengths, batch.lengths)
        return self.table[last_tokens(batch)].log(), Cache(cache.past, places.after)


# From 0: 1 likelier than 2. From 1: all alike, so the path by 1 splits. From 2: 3 for sure. From 3: the end.
TABLE = [
    [0.0, 0.6, 0.4, 0.0, 0.0],
    [0.0, 0.3, 0.3, 0.4, 0.0],
    [0.0, 0.0, 0.0, 1.0, 0.0],
    [0.1, 0.0, 0.0, 0.0, 0.9],
    [1.0, 0.0, 0.0, 0.0, 0.0],
]


def _prompts(*rows: list[int]) -> Tokens:
    return Tokens.pack([np.array(row) for row in rows])


def test_greedy_takes_the_likeliest_and_stops() -> None:
    assert generate(Chain(TABLE), _prompts([0], [4, 2], [3]), max_tokens=5, stop={END}) == [[1, 3], [3], []]
    assert generate(Chain(TABLE), _prompts([0]), greedy, max_tokens=1, stop={END}) == [[1]]
    assert generate(Chain(TABLE), _prompts([0]), max_tokens=4) == [[1, 3, END, 0]]


def test_streaming_says_each_step_and_rows_that_ended_cost_nothing() -> None:
    chain = Chain(TABLE)
    said = list(stream(chain, _prompts([0], [4, 2], [3]), greedy, max_tokens=5, stop={END}))
    assert said == [[1, 3, None], [3, None, None]]
    assert chain.rows_seen == [3, 2, 1]


def test_the_last_token_is_not_taken_in() -> None:
    chain = Chain(TABLE)
    generate(chain, _prompts([0]), max_tokens=3)
    assert len(chain.rows_seen) == 3  # the prompt, and two of the three new ones


def test_a_seed_gives_the_same_draws_whatever_stands_beside() -> None:
    prompts = _prompts([1], [1], [1])
    first = generate(Chain(TABLE), prompts, sampling(7), max_tokens=6)
    assert first == generate(Chain(TABLE), prompts, sampling(7), max_tokens=6)
    assert first[:1] == generate(Chain(TABLE), _prompts([1]), sampling(7), max_tokens=6)
    assert first != generate(Chain(TABLE), prompts, sampling(8), max_tokens=6)
    assert len({tuple(row) for row in first}) > 1  # each row draws by itself


def _drawn(options: dict[str, float], draws: int = 4000) -> dict[int, float]:
    logits = torch.tensor([[0.5, 0.25, 0.15, 0.1, 0.0]]).log().expand(draws, -1)
    ids = sampling(0, **options)(logits, range(draws)).tolist()  # type: ignore[arg-type]
    return {token: count / draws for token, count in sorted(Counter(ids).items())}


def test_draws_follow_the_probabilities() -> None:
    assert _drawn({}) == pytest.approx({0: 0.5, 1: 0.25, 2: 0.15, 3: 0.1}, abs=0.03)  # never 4
    squared = np.array([0.25, 0.0625, 0.0225, 0.01])
    wanted = dict(enumerate(squared / squared.sum()))
    assert _drawn({"temperature": 0.5}) == pytest.approx(wanted, abs=0.03)


def test_top_k_and_top_p_limit_what_is_drawn() -> None:
    assert _drawn({"top_k": 2}) == pytest.approx({0: 2 / 3, 1: 1 / 3}, abs=0.03)
    assert _drawn({"top_k": 99}) == pytest.approx({0: 0.5, 1: 0.25, 2: 0.15, 3: 0.1}, abs=0.03)
    assert set(_drawn({"top_p": 0.5})) == {0}
    assert set(_drawn({"top_p": 0.51})) == {0, 1}
    assert set(_drawn({"top_p": 0.89})) == {0, 1, 2}
    assert set(_drawn({"top_p": 1e-9})) == {0}
    assert set(_drawn({"top_k": 3, "top_p": 0.8})) == {0, 1}  # of the three: 0.556 + 0.278 reach 0.8


def test_what_is_kept_is_kept_as_it_is() -> None:
    logits = torch.tensor([[2.0, 1.0, 1.0, -3.0]])
    assert keep_top_k(logits, 2).tolist() == [[2.0, 1.0, 1.0, -torch.inf]]
    assert keep_top_p(logits, 0.9).tolist() == [[2.0, 1.0, 1.0, -torch.inf]]
    assert keep_top_p(logits, 1.0)[0, :3].tolist() == [2.0, 1.0, 1.0]


@pytest.mark.parametrize(
    "options",
    [{"temperature": 0.0}, {"temperature": float("nan")}, {"top_k": 0}, {"top_p": 0.0}, {"top_p": 1.5}],
)
def test_values_that_leave_nothing_to_draw_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(UsageError, match=next(iter(options))):
        sampling(0, **options)  # type: ignore[arg-type]


def test_a_beam_finds_what_greed_misses() -> None:
    """By 1 the best whole text has 0.6 * 0.4 * 0.9; by 2 it has 0.4 * 1 * 0.9."""
    (found,) = beam_search(
        Chain(TABLE), _prompts([0]), beams=2, max_tokens=5, stop={END}, penalty=power_penalty(0)
    )
    assert [best.ids for best in found] == [(2, 3), (1, 3)]
    assert np.exp([best.score for best in found]) == pytest.approx([0.36, 0.216])
    (narrow,) = beam_search(Chain(TABLE), _prompts([0]), beams=1, max_tokens=5, stop={END})
    assert narrow[0].ids == (1, 3)


def test_the_penalty_divides_by_the_length_with_the_stop() -> None:
    (found,) = beam_search(Chain(TABLE), _prompts([0]), beams=2, max_tokens=5, stop={END})
    assert found[0].score == pytest.approx(np.log(0.36) / 3)
    assert gnmt_penalty(0.6)(1) == 1.0
    assert gnmt_penalty(0.6)(7) == pytest.approx(2**0.6)
    (vaswani,) = beam_search(
        Chain(TABLE), _prompts([0]), beams=2, max_tokens=5, stop={END}, penalty=gnmt_penalty()
    )
    assert vaswani[0].score == pytest.approx(np.log(0.36) / (8 / 6) ** 0.6)


def test_a_search_that_runs_out_of_tokens_ends_with_what_it_has() -> None:
    (found,) = beam_search(Chain(TABLE), _prompts([0]), beams=2, max_tokens=2, stop={END})
    assert found[0] == Hypothesis((2, 3), pytest.approx(np.log(0.4) / 2))


def test_room_is_asked_for_before_anything_is_computed() -> None:
    chain = Chain(TABLE, context=4)
    assert len(generate(chain, _prompts([1], [1, 1]), max_tokens=2)[0]) == 2
    chain.rows_seen.clear()
    with pytest.raises(
        UsageError, match=r"2 tokens and 3 new ones, but the model reads 4\n +Ask for at most 2"
    ):
        generate(chain, _prompts([1], [1, 1]), max_tokens=3)
    with pytest.raises(UsageError, match=r"4 tokens leaves no room[^S]*Shorten it to at most 3"):
        beam_search(chain, _prompts([1, 1, 1, 1]), beams=1, max_tokens=1)
    with pytest.raises(UsageError, match="max_tokens must be at least 1"):
        generate(chain, _prompts([1]), max_tokens=0)
    with pytest.raises(UsageError, match="beams must be at least 1"):
        beam_search(chain, _prompts([1]), beams=0, max_tokens=1)
    assert chain.rows_seen == []
