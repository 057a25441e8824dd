"""The cache's rectangles: where new tokens are written, what they may see, room, selected rows."""

import pytest
import torch

from headway.blocks.cache import Cache, Past, Places
from headway.blocks.ragged import Lengths
from headway.core.errors import UsageError

H, K = 2, 3


def _tokens(lengths: Lengths, seed: int) -> torch.Tensor:
    return torch.randn(lengths.total, H, K, generator=torch.Generator().manual_seed(seed))


def test_new_tokens_follow_those_of_their_row() -> None:
    past = Past.empty(2, H, K, like=torch.zeros(1))
    held: list[list[torch.Tensor]] = [[], []]
    before: tuple[int, ...] = (0, 0)
    for number, sizes in enumerate([(2, 5), (1, 1), (3, 1), (70, 2), (1, 1)]):
        new = Lengths(sizes)
        keys, values = _tokens(new, number), _tokens(new, 100 + number)
        places = Places(before, new)
        past = places.append(past, keys, values)
        before = places.after
        for row, part in enumerate(torch.split(keys, list(sizes))):
            held[row] += part
        found = past.first(places.longest)[0]  # [B, H, S, K]
        for row, wanted in enumerate(held):
            assert torch.equal(found[row].transpose(0, 1)[: len(wanted)], torch.stack(wanted))
            assert not found[row][:, len(wanted) :].any()  # room is 0, so that nothing masked can be NaN
    assert before == (77, 10)


def test_room_is_used_before_it_grows() -> None:
    past = Past.empty(1, H, K, like=torch.zeros(1))
    one = Lengths((1,))
    past = Places((0,), one).append(past, _tokens(one, 0), _tokens(one, 0))
    storage = past.keys.data_ptr()
    past = Places((1,), one).append(past, _tokens(one, 1), _tokens(one, 1))
    assert past.keys.data_ptr() == storage


@pytest.mark.parametrize("before", [(3, 3), (2, 4)])
@pytest.mark.parametrize("new", [(1, 1), (2, 3)])
@pytest.mark.parametrize("window", [None, 2, 100])
def test_a_new_token_sees_itself_and_what_came_before(
    before: tuple[int, int], new: tuple[int, int], window: int | None
) -> None:
    places = Places(before, Lengths(new))
    mask = places.mask(window)
    for row in (0, 1):
        for t in range(new[row]):
            at = before[row] + t
            wanted = [0 <= at - place < (window or 100) for place in range(places.longest)]
            seen = torch.ones(places.longest) if mask is None else mask[row % len(mask), 0, t]
            assert seen.bool().tolist() == wanted
    assert places.positions.tolist() == [before[row] + t for row in (0, 1) for t in range(new[row])]


def test_selected_rows_are_copies_in_any_order() -> None:
    past = Past(torch.arange(6.0).view(3, 1, 2, 1), torch.arange(6.0).view(3, 1, 2, 1))
    cache = Cache((past,), (2, 1, 2), memory=(past,), memory_lengths=(1, 2, 2))
    chosen = cache.select([2, 0, 2])
    assert chosen.lengths == (2, 2, 2) and chosen.memory_lengths == (2, 1, 2)
    assert chosen.past[0].keys[:, 0, 0, 0].tolist() == [4, 0, 4]
    assert chosen.memory[0].values[:, 0, 1, 0].tolist() == [5, 1, 5]
    chosen.past[0].keys.zero_()
    assert past.keys.sum() == 15
    assert len(cache) == 3


def test_as_many_rows_as_the_cache_holds() -> None:
    with pytest.raises(UsageError, match="1 rows of new tokens, but the cache holds 2"):
        Places((0, 0), Lengths((1,)))
