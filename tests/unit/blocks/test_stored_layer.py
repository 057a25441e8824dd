"""The compiled step of a whole layer against the layer's own, piece by piece, with the same stored weights."""

import copy

import pytest
import torch
from torch import Tensor, nn

from headway.blocks.attention import SelfAttention
from headway.blocks.cache import Past, Places
from headway.blocks.feedforward import ACTIVATIONS, FeedForward, GatedFeedForward
from headway.blocks.norms import RMSNorm
from headway.blocks.ragged import Lengths, Ragged
from headway.blocks.stored import store_weights
from headway.blocks.stored_layer import StoredLayer
from headway.blocks.stored_matrix import STORAGES
from headway.blocks.transformer import TransformerLayer
from headway.models.gpt2 import Gpt2, Gpt2Config

D, H, F = 12, 3, 20
PLACES = {"before": (nn.LayerNorm, None), "after": (None, nn.LayerNorm), "both": (nn.LayerNorm, nn.LayerNorm)}


def _layer(
    activation: str = "gelu", norms: str = "before", window: int | None = None, scale: float | None = None
) -> TransformerLayer:
    """A layer in which every parameter says something."""
    torch.manual_seed(0)
    before, after = PLACES[norms]
    layer = TransformerLayer(
        attention=SelfAttention(D, H, causal=True, window=window, scale=scale),
        feedforward=FeedForward(D, F, activation),
        dropout=0.1,
        attention_norm_before=before and before(D, eps=1e-3),
        feedforward_norm_before=before and before(D, eps=1e-4),
        attention_norm_after=after and after(D, eps=1e-5),
        feedforward_norm_after=after and after(D, eps=1e-6),
    )
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape))
    return layer


def _stored(layer: TransformerLayer, storage: str = "float32", threads: int = 1) -> StoredLayer:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        model = nn.ModuleList([copy.deepcopy(layer)])
        store_weights(model, storage)
    finally:
        torch.set_num_threads(before)
    (stored,) = model
    assert isinstance(stored, StoredLayer)
    return stored


def _step(layer: nn.Module, rows: int = 3, steps: int = 1) -> tuple[Tensor, Past]:
    """Take in new tokens after rows of 2, 0 and 8 (and 8, and 8 ...): what comes out, and the past after it."""
    random = torch.Generator().manual_seed(1)
    before = (2, 0, *[8] * (rows - 2))
    past = Past(torch.zeros(rows, H, 9, D // H), torch.zeros(rows, H, 9, D // H))
    for row, length in enumerate(before):
        for part in (past.keys, past.values):
            part[row, :, :length] = torch.randn(H, length, D // H, generator=random)
    x = torch.randn(rows * steps, D, generator=random)
    places = Places(before, Lengths((steps,) * rows))
    with torch.inference_mode():
        out, past = layer.step(Ragged(x, places.new), past, places)  # type: ignore[operator]
    return out.values, past


def _equal(layer: TransformerLayer, stored: StoredLayer, rows: int = 3, steps: int = 1) -> None:
    own = stored.layer if stored.layer.feedforward.inner.matrix.storage != "float32" else layer.eval()  # type: ignore[union-attr]
    for found, wanted in zip(_flat(_step(stored, rows, steps)), _flat(_step(own, rows, steps)), strict=True):
        assert found.shape == wanted.shape
        assert (found - wanted).abs().max() <= 1e-5 * wanted.abs().max()


def _flat(found: tuple[Tensor, Past]) -> tuple[Tensor, ...]:
    out, past = found
    return out, *past.first(9)


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
@pytest.mark.parametrize("norms", sorted(PLACES))
def test_a_step_equals_the_layers_own(activation: str, norms: str) -> None:
    layer = _layer(activation, norms)
    _equal(layer, _stored(layer))


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("threads", [1, 2])
def test_in_every_storage_and_with_threads(storage: str, threads: int) -> None:
    layer = _layer("gelu_tanh")
    _equal(layer, _stored(layer, storage, threads))


@pytest.mark.parametrize("window", [1, 4])
def test_with_a_window_and_a_scale(window: int) -> None:
    layer = _layer(window=window, scale=0.7)
    _equal(layer, _stored(layer))


def test_many_rows_and_many_tokens_take_the_layers_own_way(monkeypatch: pytest.MonkeyPatch) -> None:
    from headway.blocks import kernels

    layer = _layer()
    stored = _stored(layer)
    monkeypatch.setattr(kernels, "layer_step", None)  # not callable: would raise
    _equal(layer, stored, rows=65)
    _equal(layer, stored, steps=2)
    with pytest.raises(TypeError):
        _step(stored)


def test_a_layer_that_the_kernel_does_not_compute_stays_as_it_is() -> None:
    gated = _layer()
    gated.feedforward = GatedFeedForward(D, F, "gelu")
    scaled = _layer()
    scaled.attention_norm_before = RMSNorm(D, eps=1e-6)
    both_ways = _layer()
    both_ways.attention.causal = False
    model = nn.ModuleList([gated, scaled, both_ways, _layer()])
    store_weights(model, "int8")
    assert [isinstance(layer, StoredLayer) for layer in model] == [False, False, False, True]


def test_kernels_are_compiled_once_a_storage() -> None:
    """Another type would be compiled anew, in seconds, in a user's first step."""
    from headway.blocks import kernels

    for storage in STORAGES:
        model = Gpt2(
            Gpt2Config(vocab_size=50, d_model=D, d_ff=F, num_heads=H, num_layers=2, max_positions=16)
        )
        store_weights(model, storage)
        _step(model.layers[0])
        _step(model.layers[1], rows=5)
    assert len(kernels._layer_step.signatures) <= len(STORAGES)
