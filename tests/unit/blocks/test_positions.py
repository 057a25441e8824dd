import math

import pytest
import torch

from headway.blocks.positions import RelativePositions, relative_buckets, sinusoidal


def test_sinusoids_by_the_papers_formula() -> None:
    D = 10
    found = sinusoidal(torch.tensor([0, 3, 500]), D, torch.float64)
    for row, position in zip(found.tolist(), (0, 3, 500), strict=True):
        for i in range(D // 2):
            angle = position / 10000 ** (2 * i / D)
            assert row[2 * i : 2 * i + 2] == pytest.approx([math.sin(angle), math.cos(angle)], abs=1e-12)


def test_a_shift_is_one_linear_map_whatever_the_position() -> None:
    """As the paper says of PE(p + k) and PE(p): here the inner product depends on k alone."""
    vectors = sinusoidal(torch.arange(60), 16, torch.float64)
    products = vectors @ vectors.T
    for k in (1, 7, 30):
        torch.testing.assert_close(
            products.diagonal(k), products[0, k].expand(60 - k), rtol=1e-12, atol=1e-12
        )


def test_an_odd_width_and_the_type_asked_for() -> None:
    found = sinusoidal(torch.tensor([2]), 5, torch.float32)
    assert found.shape == (1, 5)
    assert found.dtype == torch.float32


def test_buckets_by_hand() -> None:
    """8 buckets up to distance 16. Causal: 0 to 3 by themselves, then [4, 5], [6, 7], [8, 11], the rest."""
    causal = relative_buckets(-torch.arange(20), num_buckets=8, max_distance=16, causal=True)
    assert causal.tolist() == [0, 1, 2, 3, 4, 4, 5, 5, 6, 6, 6, 6, 7, 7, 7, 7, 7, 7, 7, 7]
    assert (
        relative_buckets(torch.arange(1, 4), num_buckets=8, max_distance=16, causal=True).tolist() == [0] * 3
    )
    both = relative_buckets(torch.tensor([-9, -1, 0, 1, 9]), num_buckets=8, max_distance=16, causal=False)
    assert both.tolist() == [3, 1, 0, 5, 7]


def test_the_bias_of_some_queries_is_those_rows_of_the_whole() -> None:
    torch.manual_seed(0)
    relative = RelativePositions(3, num_buckets=8, max_distance=16, causal=True)
    whole = relative(torch.arange(20), 20)
    assert whole.shape == (3, 20, 20)
    some = relative(torch.tensor([[4, 5], [18, 19]]), 20)
    assert some.shape == (2, 3, 2, 20)
    assert torch.equal(some[1], whole[:, 18:])
    assert torch.equal(whole[:, :7, :7], relative(torch.arange(7), 7))
