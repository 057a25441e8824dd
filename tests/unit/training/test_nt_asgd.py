"""NT-ASGD: torch's own averaged SGD from the trigger on; the trigger of algorithm 1; a checkpoint in between."""

import torch
from torch import nn

from headway.training.nt_asgd import NonMonotone, NtAsgd

LOSSES = [5.0, 4.0, 3.0, 3.5, 3.4, 3.3]


def _model() -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(4, 3).double()


def _backward(model: nn.Module, seed: int) -> None:
    x = torch.randn(8, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    model.zero_grad()
    model(x).square().sum().backward()


def test_the_trigger() -> None:
    """With patience 2, a loss is held against those at least three validations ago."""
    optimizer = NtAsgd(_model().parameters(), 0.1, patience=2)
    assert [optimizer.validated(loss) for loss in LOSSES] == [False, False, False, False, False, True]
    rising = NtAsgd(_model().parameters(), 0.1, patience=2)
    assert [rising.validated(loss) for loss in (1.0, 2.0, 3.0, 4.0)] == [False, False, False, True]
    assert rising.validated(0.1)  # once begun, it goes on


def test_before_the_trigger_it_is_sgd_and_after_it_torchs_averaged_sgd() -> None:
    ours, sgd = _model(), _model()
    optimizer = NtAsgd(ours.parameters(), 0.01, weight_decay=0.1, patience=1)
    theirs = torch.optim.SGD(sgd.parameters(), 0.01, weight_decay=0.1)
    for seed in range(3):
        _backward(ours, seed), _backward(sgd, seed)
        optimizer.step(), theirs.step()
    assert torch.equal(ours.weight, sgd.weight)
    with optimizer.mean():
        assert torch.equal(ours.weight, sgd.weight)  # there is no mean yet
    assert [optimizer.validated(loss) for loss in (1.0, 2.0, 3.0)] == [False, False, True]
    means = []
    for seed in range(3, 8):
        _backward(ours, seed), _backward(sgd, seed)
        optimizer.step(), theirs.step()
        means.append(sgd.weight.detach().clone())
    last = ours.weight.detach().clone()
    with optimizer.mean():
        torch.testing.assert_close(ours.weight.detach(), torch.stack(means).mean(0))
    assert torch.equal(ours.weight, last) and torch.equal(last, sgd.weight)


def test_it_goes_on_from_its_state_dict() -> None:
    first, second = _model(), _model()
    one = NtAsgd(first.parameters(), 0.01, patience=1)
    for loss in (1.0, 2.0, 3.0):
        one.validated(loss)
    for seed in range(2):
        _backward(first, seed)
        one.step()
    second.load_state_dict(first.state_dict())
    other = NtAsgd(second.parameters(), 0.5, patience=9)
    other.load_state_dict(one.state_dict())
    assert other.averaging
    for seed in range(2, 4):
        _backward(first, seed), _backward(second, seed)
        one.step(), other.step()
    with one.mean(), other.mean():
        assert torch.equal(first.weight, second.weight)


def test_its_companion_validates_the_means_and_leaves_them_in_the_model() -> None:
    model = _model()
    optimizer = NtAsgd(model.parameters(), 0.01, patience=1)
    seen: list[torch.Tensor] = []
    losses = iter((1.0, 2.0, 3.0, 4.0))
    companion = NonMonotone(lambda: seen.append(model.weight.detach().clone()) or next(losses))  # type: ignore[func-returns-value]
    companion.attach(optimizer)
    for seed in range(4):
        _backward(model, seed)
        optimizer.step()
        companion.after_epoch(seed)
        assert optimizer.averaging is (seed >= 2)
    raw = model.weight.detach().clone()
    assert torch.equal(seen[3], optimizer.state[model.weight]["mean"])
    kept = companion.state()
    again, other = NonMonotone(lambda: 0.0), NtAsgd(_model().parameters(), 0.01, patience=1)
    again.attach(other)
    again.restore(kept)
    assert other.progress == optimizer.progress == ([1.0, 2.0, 3.0, 4.0], 1)
    for seed in range(4, 6):
        _backward(model, seed)
        optimizer.step()
    companion.after_training()
    assert torch.equal(model.weight, optimizer.state[model.weight]["mean"])
    assert not torch.equal(model.weight, raw)
