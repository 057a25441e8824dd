import pytest
import torch

from headway.blocks.dropout import Dropout, keep_mask
from headway.core.errors import UsageError

CPU = torch.device("cpu")


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_the_share_is_p_and_the_expectation_is_one(p: float) -> None:
    torch.manual_seed(0)
    mask = keep_mask((1000, 1001), p, torch.float64, CPU)
    assert (mask == 0).double().mean().item() == pytest.approx(round(p * 256) / 256, abs=3e-3)
    assert mask.max().item() == 256 / (256 - round(p * 256))
    assert mask.mean().item() == pytest.approx(1.0, abs=1e-2)


@pytest.mark.parametrize("p", [0.0001, 0.9999])
def test_rounding_never_drops_nothing_or_everything(p: float) -> None:
    mask = keep_mask((1000, 100), p, torch.float32, CPU)
    assert 0 < (mask == 0).sum() < mask.numel()


def test_torchs_seed_decides_the_mask() -> None:
    masks = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        masks.append(keep_mask((50, 7), 0.3, torch.float32, CPU))
    assert torch.equal(masks[0], masks[1])
    assert not torch.equal(masks[0], masks[2])


def test_the_gradient_passes_where_the_value_passed() -> None:
    torch.manual_seed(0)
    x = torch.ones(100, 20, requires_grad=True)
    out = Dropout(0.3)(x)
    out.sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad, out)


def test_nothing_is_dropped_outside_training() -> None:
    x = torch.ones(3)
    assert Dropout(0.5).eval()(x) is x
    assert Dropout(0.0)(x) is x


@pytest.mark.parametrize("p", [-0.1, 1.0])
def test_other_probabilities_are_refused(p: float) -> None:
    with pytest.raises(UsageError, match="at least 0 and less than 1"):
        Dropout(p)
