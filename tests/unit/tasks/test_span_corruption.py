from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headway.core.errors import UsageError
from headway.tasks.span_corruption import Corrupted, corrupt, draw_spans

SENTINELS = np.arange(99, 0, -1)  # 99, 98, ...
TEXTS = st.lists(st.integers(100, 200), min_size=2, max_size=400).map(np.array)


def _restored(corrupted: Corrupted) -> np.ndarray:
    """Put what follows each sentinel of the target in the sentinel's place in the source."""
    spans = {}
    for token in corrupted.target.tolist():
        if token < 100:
            spans[token] = span = []
        else:
            span.append(token)
    return np.array([token for place in corrupted.source.tolist() for token in spans.get(place, [place])])


@given(TEXTS, st.integers(0, 2**32), st.sampled_from([0.15, 0.5]), st.sampled_from([1.0, 3.0, 10.0]))
@settings(deadline=None, max_examples=300)
def test_source_and_target_give_the_text_back(
    ids: np.ndarray, seed: int, density: float, mean: float
) -> None:
    left_out = draw_spans(len(ids), np.random.default_rng(seed), density=density, mean_span=mean)
    spans = int((left_out[1:] & ~left_out[:-1]).sum())
    if spans >= len(SENTINELS):
        with pytest.raises(UsageError, match=f"{spans} spans need {spans + 1} sentinels, found 99"):
            corrupt(ids, left_out, SENTINELS)
        return
    corrupted = corrupt(ids, left_out, SENTINELS)
    assert np.array_equal(_restored(corrupted), ids)
    assert len(corrupted.source) + len(corrupted.target) == len(ids) + 2 * spans + 1
    used = [token for token in corrupted.target.tolist() if token < 100]
    assert used == SENTINELS[: spans + 1].tolist()  # the last ends the target
    assert corrupted.target[-1] == SENTINELS[spans]
    assert [token for token in corrupted.source.tolist() if token < 100] == used[:-1]


@given(st.integers(2, 600), st.integers(0, 2**32))
@settings(deadline=None)
def test_as_many_tokens_and_spans_as_stated(length: int, seed: int) -> None:
    left_out = draw_spans(length, np.random.default_rng(seed))
    noise = min(max(round(length * 0.15), 1), length - 1)
    assert left_out.sum() == noise
    assert not left_out[0]
    assert left_out[-1]
    assert (left_out[1:] & ~left_out[:-1]).sum() == max(round(noise / 3), 1)


def test_every_way_to_draw_spans_is_equally_likely() -> None:
    random = np.random.default_rng(0)
    drawn = Counter(draw_spans(7, random, density=0.5, mean_span=2.0).tobytes() for _ in range(9000))
    assert len(drawn) == 6  # 4 left out and 3 kept, 2 stretches each: 3 ways times 2
    assert all(abs(count / 9000 - 1 / 6) < 0.02 for count in drawn.values())


def test_the_example_of_the_paper() -> None:
    words = "Thank you for inviting me to your party last week".split()
    left_out = np.isin(words, ["for", "inviting", "last"])
    x, y, z = SENTINELS[:3]
    corrupted = corrupt(np.arange(100, 110), left_out, SENTINELS)
    assert corrupted.source.tolist() == [100, 101, x, 104, 105, 106, 107, y, 109]
    assert corrupted.target.tolist() == [x, 102, 103, y, 108, z]


def test_a_text_of_one_token_is_refused() -> None:
    with pytest.raises(UsageError, match="a text of 1 token"):
        draw_spans(1, np.random.default_rng(0))
