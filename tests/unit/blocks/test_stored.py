"""Stored weights against plain arithmetic with the same rounded weights, and what they may be off by."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from headway.blocks.attention import attend, attend_newest
from headway.blocks.cache import Past, Places
from headway.blocks.embedding import WordEmbedding
from headway.blocks.ragged import Lengths
from headway.blocks.stored import around_steps, store_weights, stored_bytes
from headway.blocks.stored_matrix import STORAGES, StoredLinear, StoredMatrix
from headway.core.errors import UsageError
from headway.models.gpt2 import Gpt2, Gpt2Config

everywhere = pytest.mark.parametrize("storage", STORAGES)
threaded = pytest.mark.parametrize("threads", [1, 2])


def _weight(rows: int, columns: int) -> Tensor:
    torch.manual_seed(0)
    return torch.randn(rows, columns) * torch.randn(rows, 1).exp()


def _close(found: Tensor, wanted: Tensor) -> None:
    assert found.shape == wanted.shape and found.dtype == torch.float32
    assert (found - wanted).abs().max() <= 1e-5 * wanted.abs().max()


def test_a_weight_is_off_by_at_most_what_is_stated() -> None:
    weight = _weight(40, 37)
    weight[3] = 0
    off = {name: (StoredMatrix(weight, name, 1).rows() - weight).abs() for name in STORAGES}
    assert off["float32"].max() == 0
    assert (off["bfloat16"] <= weight.abs() / 256).all() and off["bfloat16"].max() > 0
    half_scale = weight.abs().amax(1, keepdim=True) / 127 / 2
    assert (off["int8"] <= half_scale * (1 + 1e-5)).all()
    assert (
        off["int8"].amax(1) > half_scale[:, 0] / 2
    ).sum() >= 38  # all but the row of zeros use their scale


@everywhere
@threaded
@pytest.mark.parametrize("vectors", [(37,), (1, 37), (3, 37), (2, 2, 37), (65, 37)])
def test_a_linear_map_equals_plain_arithmetic(storage: str, threads: int, vectors: tuple[int, ...]) -> None:
    matrix, bias = StoredMatrix(_weight(41, 37), storage, threads), torch.randn(41)
    x = torch.randn(vectors[::-1]).permute(*range(len(vectors))[::-1])  # not contiguous
    wanted = F.linear(x.double(), matrix.rows().double(), bias.double())
    _close(StoredLinear(matrix, bias)(x), wanted)
    _close(StoredLinear(matrix)(x), wanted - bias)


@threaded
@pytest.mark.parametrize("window", [None, 1, 4])
@pytest.mark.parametrize("bias", [None, 1, 3])
def test_attention_of_the_newest_token_equals_attend(
    threads: int, window: int | None, bias: int | None
) -> None:
    torch.manual_seed(0)
    places = Places((2, 0, 8), Lengths((1, 1, 1)))
    S = places.longest
    past = Past(torch.randn(3, 4, S + 5, 6), torch.randn(3, 4, S + 5, 6))  # [B, H, S and room, K]
    q = torch.randn(3, 3, 4, 6)[:, 1]  # [B, H, K], a view as it comes out of one projection
    added = None if bias is None else torch.randn(bias, 4, 1, S)
    wanted = attend(
        q[:, :, None].double(),
        *(part.double() for part in past.first(S)),
        mask=places.mask(window),
        bias=None if added is None else added.double(),
        scale=0.7,
    )
    _close(attend_newest(q, past, places, window, added, 0.7, threads), wanted[:, :, 0])


def _model() -> Gpt2:
    sizes = {"d_model": 12, "d_ff": 20, "num_heads": 3, "num_layers": 2, "max_positions": 16}
    return Gpt2(Gpt2Config(vocab_size=50, **sizes))


def test_all_matrices_are_stored_and_counted() -> None:
    weights = 50 * 12 + 2 * (4 * 12 * 12 + 2 * 12 * 20)
    rows = 50 + 2 * (4 * 12 + 20 + 12)
    for storage, expected in (
        ("float32", 4 * weights),
        ("bfloat16", 2 * weights),
        ("int8", weights + 4 * rows),
    ):
        model = _model()
        store_weights(model, storage)
        assert stored_bytes(model) == expected
        assert not any(isinstance(module, nn.Linear | WordEmbedding) for module in model.modules())


def test_torch_has_one_thread_within_steps_only() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        model = _model()
        with around_steps(model), around_steps(object()):
            assert torch.get_num_threads() == 2
        store_weights(model, "int8")
        stepping = around_steps(model)
        for _ in range(2):
            with pytest.raises(ZeroDivisionError), stepping:
                assert torch.get_num_threads() == 1
                1 / 0  # noqa: B018
            assert torch.get_num_threads() == 2
        with around_steps(model, vectors=65):  # torch does the products
            assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_what_cannot_be_stored_is_refused() -> None:
    with pytest.raises(UsageError, match=r"unknown storage 'int4'\s+Known: float32, bfloat16, int8"):
        store_weights(_model(), "int4")
    with pytest.raises(UsageError, match=r"found torch.float64 on cpu"):
        store_weights(_model().double(), "int8")
    with pytest.raises(UsageError, match=r"found no network"):
        store_weights(nn.Identity(), "int8")


def test_kernels_are_compiled_for_known_types_only() -> None:
    """A type that has slipped in would be compiled anew, in seconds, in a user's first step."""
    from headway.blocks import kernels

    one = np.ones((1, 1), np.float32)
    kernels.linear(np.ones((1, 1), np.int8), one[0], one[0], one, one.copy(), 1)
    for function in (kernels._linear_rows, kernels._linear_in_parts):
        kinds = {str(signature[0].dtype) for signature in function.signatures}
        assert kinds <= {"int8", "uint16", "float32"} and len(function.signatures) == len(kinds)
    assert len(kernels._attend_heads.signatures) <= 1 and len(kernels._attend_in_parts.signatures) <= 1
