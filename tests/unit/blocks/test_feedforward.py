import pytest
import torch
import torch.nn.functional as F

from headway.blocks.feedforward import FeedForward, GatedFeedForward
from headway.core.errors import UsageError


def test_the_gated_network_is_its_formula() -> None:
    torch.manual_seed(0)
    module = GatedFeedForward(4, 7, "gelu_tanh").double()
    x = torch.randn(5, 4, dtype=torch.float64)
    gate, value, outer = (weight.detach() for weight in module.parameters())
    wanted = (F.gelu(x @ gate.T, approximate="tanh") * (x @ value.T)) @ outer.T
    torch.testing.assert_close(module(x), wanted, rtol=1e-13, atol=1e-13)
    assert set(module.state_dict()) == {"gate.weight", "value.weight", "outer.weight"}


def test_without_biases() -> None:
    module = FeedForward(4, 7, "relu", bias=False)
    assert set(module.state_dict()) == {"inner.weight", "outer.weight"}
    assert not module(torch.zeros(1, 4)).any()


@pytest.mark.parametrize("kind", [FeedForward, GatedFeedForward])
def test_dropout_is_on_what_the_outer_map_reads(kind: type) -> None:
    torch.manual_seed(0)
    module = kind(4, 400, "relu", dropout=0.5)
    x = torch.randn(1, 4)
    assert torch.equal(module.eval()(x), module(x))
    module.train()
    many = torch.stack([module(x) for _ in range(400)])
    assert not torch.equal(many[0], many[1])
    torch.testing.assert_close(many.mean(0), module.eval()(x), rtol=0.3, atol=0.05)


def test_an_unknown_activation_is_refused() -> None:
    with pytest.raises(UsageError, match=r"unknown activation 'swish'[^K]*Known: gelu, gelu_tanh, relu"):
        GatedFeedForward(4, 7, "swish")
