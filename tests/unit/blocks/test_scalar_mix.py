"""The scalar mix: the formula, and the norm over a text alone."""

import pytest
import torch

from headway.blocks.ragged import Lengths, Ragged
from headway.blocks.scalar_mix import ScalarMix
from headway.core.errors import UsageError

LENGTHS = Lengths((3, 1, 4))


def _layers(lengths: Lengths = LENGTHS) -> list[Ragged]:
    torch.manual_seed(0)
    return [Ragged(1 + 2 * torch.randn(lengths.total, 5, dtype=torch.float64), lengths) for _ in range(3)]


def _mix(*, layer_norm: bool) -> ScalarMix:
    mix = ScalarMix(3, layer_norm=layer_norm).double()
    with torch.no_grad():
        mix.weights.copy_(torch.tensor([0.2, -1.0, 0.7]))
        mix.gamma.fill_(1.5)
    return mix


def test_fresh_it_is_the_mean() -> None:
    layers = _layers()
    wanted = torch.stack([layer.values for layer in layers]).mean(0)
    torch.testing.assert_close(ScalarMix(3).double()(layers).values, wanted)


@pytest.mark.parametrize("layer_norm", [False, True])
def test_the_formula(layer_norm: bool) -> None:
    """With a norm, of a batch of one text, the published one: mean and variance over all of its numbers."""
    layers, mix = _layers(Lengths((6,))), _mix(layer_norm=layer_norm)
    s = torch.tensor([0.2, -1.0, 0.7], dtype=torch.float64).softmax(0)
    values = [layer.values for layer in layers]
    if layer_norm:
        values = [(x - x.mean()) / torch.sqrt(x.var(unbiased=False) + 1e-12) for x in values]
    wanted = 1.5 * sum(share * x for share, x in zip(s, values, strict=True))
    torch.testing.assert_close(mix(layers).values, wanted)


def test_a_text_alone_is_what_it_is_in_a_batch() -> None:
    layers, mix = _layers(), _mix(layer_norm=True)
    whole = mix(layers).values.split(LENGTHS.sizes)
    for b, size in enumerate(LENGTHS.sizes):
        alone = [Ragged(layer.values.split(LENGTHS.sizes)[b], Lengths((size,))) for layer in layers]
        torch.testing.assert_close(mix(alone).values, whole[b])


def test_another_number_of_layers_is_refused() -> None:
    with pytest.raises(UsageError, match="2 layers, but 3 weights"):
        ScalarMix(3)(_layers()[:2])
