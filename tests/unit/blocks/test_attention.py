import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from headway.blocks.attention import SelfAttention, attend, attend_ragged, attend_with_weights
from headway.blocks.dropout import keep_mask
from headway.blocks.ragged import Lengths, Ragged
from headway.core.errors import UsageError

SHAPE = (2, 3, 5, 7, 4)  # B, H, T, S, K


def _inputs(seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    B, H, T, S, K = SHAPE
    random = torch.Generator().manual_seed(seed)
    return tuple(
        torch.randn(B, H, length, K, dtype=torch.float64, generator=random).requires_grad_()
        for length in (T, S, S)
    )


def _options() -> dict[str, dict[str, Any]]:
    B, H, T, S, _ = SHAPE
    random = torch.Generator().manual_seed(1)
    mask = torch.rand(B, 1, T, S, generator=random) > 0.4
    mask[0, 0, 2] = False  # a query that may attend to nothing
    bias = torch.randn(H, T, S, dtype=torch.float64, generator=random)
    return {
        "plain": {},
        "mask": {"mask": mask},
        "bias": {"bias": bias},
        "mask and bias": {"mask": mask, "bias": bias},
        "scale": {"scale": 1.0},
    }


def _with_gradients(function: Callable[..., Any], options: dict[str, Any]) -> list[Tensor]:
    inputs = _inputs()
    leaves = list(inputs)
    if "bias" in options:
        options = options | {"bias": options["bias"].clone().requires_grad_()}
        leaves.append(options["bias"])
    out = function(*inputs, **options)
    weight = torch.randn(out.shape, dtype=out.dtype, generator=torch.Generator().manual_seed(2))
    return [out, *torch.autograd.grad((out * weight).sum(), leaves)]


@pytest.mark.parametrize("name", list(_options()))
@pytest.mark.parametrize("dropout", [False, True])
def test_fused_equals_step_by_step_in_values_and_gradients(name: str, dropout: bool) -> None:
    options = _options()[name]
    if dropout:
        options["dropout"] = keep_mask((2, 3, 5, 7), 0.3, torch.float64, torch.device("cpu"))
    fused = _with_gradients(attend, options)
    stepwise = _with_gradients(lambda *q, **o: attend_with_weights(*q, **o)[0], options)
    for a, b in zip(fused, stepwise, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


def test_attention_by_hand() -> None:
    q = torch.tensor([[[[1.0, 0.0]]]], dtype=torch.float64)
    k = torch.tensor([[[[1.0, 0.0], [0.0, 1.0]]]], dtype=torch.float64)
    v = torch.tensor([[[[2.0, 0.0], [0.0, 4.0]]]], dtype=torch.float64)
    first = math.exp(2**-0.5) / (math.exp(2**-0.5) + 1)  # softmax of (1/sqrt 2, 0)
    out, weights = attend_with_weights(q, k, v)
    assert weights.flatten().tolist() == pytest.approx([first, 1 - first], abs=1e-15)
    assert out.flatten().tolist() == pytest.approx([2 * first, 4 * (1 - first)], abs=1e-15)


def test_a_query_that_may_attend_to_nothing_gets_zeros() -> None:
    mask = torch.zeros(1, 1, 5, 7, dtype=torch.bool)
    assert not attend(*_inputs(), mask=mask).any()
    assert not attend_with_weights(*_inputs(), mask=mask)[0].any()


QUERIES, KEYS = (3, 1, 4, 4, 9), (5, 2, 4, 6, 9)


@pytest.mark.parametrize("cross", [False, True])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("window", [None, 2])
@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("fused", [False, True])
def test_ragged_equals_each_sequence_by_itself(
    cross: bool, causal: bool, window: int | None, biased: bool, fused: bool
) -> None:
    """Equal in values and gradients to a loop over the sequences, each attended by itself."""
    H, K = 2, 3
    k_lengths = Lengths(KEYS)
    q_lengths = Lengths(QUERIES) if cross else k_lengths
    assert any(run.mask is not None for run in k_lengths.groups)  # some are padded together
    random = torch.Generator().manual_seed(3)
    q, k, v = (
        torch.randn(lengths.total, H, K, dtype=torch.float64, generator=random).requires_grad_()
        for lengths in (q_lengths, k_lengths, k_lengths)
    )
    bias = torch.randn(H, 10, 10, dtype=torch.float64, generator=random) if biased else None
    packed = attend_ragged(
        q, k, v, q_lengths, k_lengths, causal=causal, window=window, bias=bias, scale=0.7, fused=fused
    )
    alone = []
    for qs, ks, vs in zip(q.split(q_lengths.sizes), k.split(KEYS), v.split(KEYS), strict=True):
        T, S = len(qs), len(ks)
        distance = torch.arange(S - T, S)[:, None] - torch.arange(S)
        mask = torch.ones(T, S, dtype=torch.bool)
        if causal:
            mask &= distance >= 0
        if window is not None:
            mask &= distance.abs() < window
        part = None if bias is None else bias[:, :T, :S]
        heads = [x.transpose(0, 1)[None] for x in (qs, ks, vs)]  # [length, H, K] -> [1, H, length, K]
        alone.append(attend_with_weights(*heads, mask=mask, bias=part, scale=0.7)[0][0].transpose(0, 1))
    expected = torch.cat(alone)
    torch.testing.assert_close(packed, expected, rtol=1e-12, atol=1e-12)
    weight = torch.randn(expected.shape, dtype=torch.float64, generator=random)
    found = torch.autograd.grad((packed * weight).sum(), (q, k, v))
    wanted = torch.autograd.grad((expected * weight).sum(), (q, k, v))
    for a, b in zip(found, wanted, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


def test_ragged_dropout_drops_weights_and_keeps_the_expectation() -> None:
    torch.manual_seed(0)
    lengths = Lengths((3,) * 4000)
    q, k = torch.zeros(2, lengths.total, 1, 2)
    v = torch.ones(lengths.total, 1, 2)
    out = attend_ragged(q, k, v, lengths, lengths, dropout=0.25)
    assert out.mean().item() == pytest.approx(1.0, abs=0.02)
    assert len(set(out[:, 0, 0].mul(1000).round().tolist())) == 4  # 0, 1, 2 or 3 of three keys kept


def test_attention_at_the_first_token_is_that_row_of_the_whole() -> None:
    torch.manual_seed(0)
    module = SelfAttention(8, 2).double()
    x = Ragged(torch.randn(9, 8, dtype=torch.float64), Lengths((2, 3, 4)))
    torch.testing.assert_close(module.at_first(x), module(x)[[0, 2, 5]], rtol=1e-13, atol=1e-13)


def test_heads_must_divide_the_width() -> None:
    with pytest.raises(UsageError, match="d_model 20 is not a multiple of num_heads 3"):
        SelfAttention(20, 3)
