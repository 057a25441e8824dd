import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from headway.blocks.pooling import first_tokens, mean_pool
from headway.blocks.ragged import Lengths, Ragged, Tokens
from headway.core.errors import UsageError

SIZES = st.lists(st.integers(1, 40), min_size=1, max_size=40).map(tuple)


@given(SIZES)
@settings(deadline=None)
def test_runs_hold_each_token_once_and_give_it_back(sizes: tuple[int, ...]) -> None:
    lengths = Lengths(sizes)
    values = torch.arange(lengths.total)
    parts = torch.split(values, [run.tokens for run in lengths.groups])
    back = [run.flat(run.rectangle(part)) for run, part in zip(lengths.groups, parts, strict=True)]
    assert torch.equal(torch.cat(back), values)
    assert sum(run.count for run in lengths.groups) == len(sizes)
    for run, part in zip(lengths.groups, parts, strict=True):
        assert run.rectangle(part).shape == (run.count, run.length)
        if run.mask is not None:
            assert torch.equal(run.rectangle(part)[run.mask], part)


def test_index_tensors_by_hand() -> None:
    lengths = Lengths((2, 3, 1))
    assert lengths.total == 6
    assert lengths.longest == 3
    assert lengths.offsets.tolist() == [0, 2, 5]
    assert lengths.rows.tolist() == [0, 0, 1, 1, 1, 2]
    assert lengths.positions.tolist() == [0, 1, 0, 1, 2, 0]


def test_many_short_lengths_make_a_handful_of_rectangles() -> None:
    short = Lengths(tuple(sorted([*range(5, 25), *range(8, 20)])))
    assert len(short) == 32
    assert len(short.groups) <= 5


def test_equal_lengths_are_one_view_and_far_ones_are_not_padded_together() -> None:
    lengths = Lengths((100,) * 8 + (400,) * 8)
    values = torch.arange(lengths.total)
    assert [(run.count, run.length) for run in lengths.groups] == [(8, 100), (8, 400)]
    assert lengths.groups[0].mask is None
    assert lengths.groups[0].rectangle(values[:800]).data_ptr() == values.data_ptr()


def test_pooling_by_hand() -> None:
    batch = Ragged(torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 7.0]]), Lengths((2, 1)))
    assert first_tokens(batch).tolist() == [[1.0, 2.0], [5.0, 7.0]]
    assert mean_pool(batch).tolist() == [[2.0, 3.0], [5.0, 7.0]]


def test_tokens_pack_ids_of_any_integer_type() -> None:
    batch = Tokens.pack([np.array([5, 6], np.int32), np.array([7], np.int32)], [np.zeros(2), np.ones(1)])
    assert batch.values.tolist() == [5, 6, 7]
    assert batch.values.dtype == torch.int64
    assert batch.lengths.sizes == (2, 1)
    assert batch.segments is not None
    assert batch.segments.tolist() == [0, 0, 1]


@pytest.mark.parametrize("sizes", [(), (3, 0)])
def test_a_batch_without_tokens_is_refused(sizes: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match="at least one"):
        Lengths(sizes)


def test_values_that_do_not_fit_the_lengths_are_refused() -> None:
    with pytest.raises(UsageError, match="3 tokens, but the lengths add up to 4"):
        Ragged(torch.zeros(3), Lengths((4,)))


def test_rows_are_cut_out_with_their_segments() -> None:
    batch = Tokens.pack([np.arange(n) for n in (2, 3, 1)], [np.full(n, n) for n in (2, 3, 1)])
    part = batch.rows(1, 3)
    assert part.values.tolist() == [0, 1, 2, 0]
    assert part.lengths.sizes == (3, 1)
    assert part.segments is not None
    assert part.segments.tolist() == [3, 3, 3, 1]
