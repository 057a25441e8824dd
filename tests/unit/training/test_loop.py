import pytest
import torch
from torch import Tensor, nn

from headway.core.errors import TrainingError
from headway.core.progress import Silent
from headway.training.groups import parameter_groups
from headway.training.loop import train
from headway.training.schedules import Schedule, inverse_square_root, warmup_linear
from headway.training.settings import TrainingSettings

SETTINGS = TrainingSettings(epochs=3, learning_rate=0.1, warmup=0.5)


def _train(model: nn.Module, schedule: Schedule | None = None, **more: object) -> list[Tensor]:
    """Train on two batches an epoch; return the weights after each epoch."""
    batches = list(torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(1)))
    seen: list[Tensor] = []
    options = {} if schedule is None else {"schedule": schedule}
    train(
        model,
        parameter_groups(model.parameters(), (), SETTINGS),
        more.get("loss", lambda batch: model(batch).square().mean()),  # type: ignore[arg-type]
        lambda epoch: batches,
        SETTINGS,
        0,
        Silent(),
        after_epoch=lambda epoch: seen.append(next(model.parameters()).detach().clone()),
        **options,
    )
    return seen


def _model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Linear(3, 2)


def test_the_schedule_is_called_with_the_step_the_steps_and_the_warm_up() -> None:
    asked: list[tuple[int, int, float]] = []

    def still(step: int, steps: int, warmup: float) -> float:
        asked.append((step, steps, warmup))
        return 0.0

    model = _model()
    before = next(model.parameters()).detach().clone()
    states = _train(model, still)
    assert asked == [(step, 6, 0.5) for step in range(6)]
    assert len(states) == 3
    assert all(torch.equal(state, before) for state in states)


def test_without_one_it_is_the_linear_schedule() -> None:
    plain, linear, other = (
        _train(_model(), schedule) for schedule in (None, warmup_linear, inverse_square_root)
    )
    assert all(torch.equal(a, b) for a, b in zip(plain, linear, strict=True))
    assert torch.equal(plain[0], other[0])  # both still warm up
    assert not torch.equal(plain[2], other[2])


def test_after_each_epoch_the_model_is_seen_as_it_is_then() -> None:
    model = _model()
    states = _train(model)
    assert len({state.sum().item() for state in states}) == 3
    assert torch.equal(states[-1], next(model.parameters()))
    assert not model.training


def test_a_loss_that_is_no_number_stops() -> None:
    model = _model()
    with pytest.raises(TrainingError, match=r"fine-tuning: the loss is nan at step 1"):
        _train(model, loss=lambda batch: model(batch).sum() * float("nan"))


def test_a_batch_that_does_not_fit_is_said_with_the_way_out() -> None:
    model = _model()

    def huge(batch: Tensor) -> Tensor:
        return model(batch).sum() * torch.empty(2**50).sum()

    with pytest.raises(TrainingError, match=r"does not fit into memory at step 1 .*\n.*--set batch_size=16"):
        _train(model, loss=huge)

    def other(batch: Tensor) -> Tensor:
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes do not match"):
        _train(model, loss=other)


def test_a_loss_that_is_no_number_leaves_the_weights_as_they_were() -> None:
    model = _model()
    before = [parameter.detach().clone() for parameter in model.parameters()]
    with pytest.raises(TrainingError):
        _train(model, loss=lambda batch: model(batch).sum() * float("inf"))
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
