import pytest
import torch
from torch import nn

from headway.core.errors import TrainingError
from headway.core.progress import Silent
from headway.training.groups import parameter_groups
from headway.training.range_test import HIGHEST, LOWEST, RangeTest, range_test
from headway.training.settings import TrainingSettings

SETTINGS = TrainingSettings(epochs=3, learning_rate=1e-4)


def _test(scale: float, steps: int = 60) -> tuple[RangeTest, nn.Linear, nn.Linear]:
    torch.manual_seed(0)
    model, untouched = nn.Linear(4, 1), nn.Linear(4, 1)
    untouched.load_state_dict(model.state_dict())
    batches = [torch.randn(512, 4) for _ in range(steps)]
    groups = parameter_groups(model.parameters(), (), SETTINGS)

    def loss(x: torch.Tensor) -> torch.Tensor:
        return (scale * (model(x) - x.sum(dim=1, keepdim=True))).square().mean()

    return range_test(model, groups, loss, batches, SETTINGS, 0, Silent()), model, untouched


def test_the_rates_rise_and_the_weights_are_put_back() -> None:
    found, model, untouched = _test(1.0)
    assert found.rates[0] == pytest.approx(LOWEST) and found.rates[-1] == pytest.approx(HIGHEST)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), untouched.parameters(), strict=True))
    assert not model.training
    assert found.losses[-1] < 0.8 * found.losses[0]
    assert 1e-3 < found.suggested <= HIGHEST  # with steps of at most the rate, smaller ones do not move it


def test_the_steepest_fall_is_suggested() -> None:
    assert RangeTest((1e-4, 1e-3, 1e-2, 1e-1), (2.0, 1.9, 1.0, 5.0)).suggested == 1e-3


def test_a_loss_that_is_no_number_from_the_start_is_an_error() -> None:
    with pytest.raises(TrainingError, match="first loss is no number"):
        _test(float("nan"))
