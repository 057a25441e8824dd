import pytest
import torch
from torch import nn

from headway.core.errors import UsageError
from headway.training.averaging import LastStates, mean_state


def test_the_mean_of_the_last_states() -> None:
    model = nn.BatchNorm1d(3)
    last = LastStates(model, 2)
    for epoch, value in enumerate((1.0, 2.0, 5.0)):
        nn.init.constant_(model.weight, value)
        model.num_batches_tracked.fill_(epoch)
        last.after_epoch(epoch)
    again = LastStates(nn.BatchNorm1d(3), 2)
    again.restore(last.state())
    mean = last.mean()
    assert all(torch.equal(again.mean()[name], tensor) for name, tensor in mean.items())
    assert mean["weight"].tolist() == [3.5] * 3
    assert mean["num_batches_tracked"].item() == 2
    model.load_state_dict(mean)
    assert model.weight.tolist() == [3.5] * 3
    assert last.mean()["weight"].tolist() == [3.5] * 3  # the copies stay as they are


def test_it_is_rounded_once() -> None:
    values = [1.0, 2.0**-24, 2.0**-24]
    states = [{"x": torch.tensor(value, dtype=torch.float32)} for value in values]
    assert mean_state(states)["x"].item() == torch.tensor(sum(values) / 3, dtype=torch.float32).item()
    assert mean_state(states)["x"].dtype == torch.float32


def test_states_of_different_models_are_refused() -> None:
    with pytest.raises(UsageError, match="differ"):
        mean_state([nn.Linear(2, 3).state_dict(), nn.Linear(3, 2).state_dict()])
    with pytest.raises(UsageError, match="no state"):
        mean_state([])
    with pytest.raises(UsageError, match="at least 1"):
        LastStates(nn.Linear(1, 1), 0)
