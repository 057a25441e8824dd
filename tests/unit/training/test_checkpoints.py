"""A training that was stopped at any step goes on to the bytes of one that was not."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from headway.blocks.dropout import Dropout
from headway.core.errors import ResourceError, RunError
from headway.core.progress import Silent
from headway.training import checkpoints as module
from headway.training.checkpoints import Checkpoints
from headway.training.companions import Companion
from headway.training.groups import parameter_groups
from headway.training.loop import train
from headway.training.settings import TrainingSettings

SETTINGS = TrainingSettings(epochs=3, learning_rate=0.1, warmup=0.5)
STEPS = 12


class StoppedError(Exception):
    pass


class Sum(Companion):
    """Adds the weights up after each step and epoch."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self.sum = torch.zeros(())

    def after_step(self, step: int) -> None:
        self.sum = self.sum + next(self.model.parameters()).detach().sum()

    def after_epoch(self, epoch: int) -> bool:
        self.sum = self.sum * 2
        return False

    def state(self) -> dict[str, Tensor]:
        return {"sum": self.sum}

    def restore(self, state: dict[str, Tensor]) -> None:
        self.sum = state["sum"]


class Listener(Silent):
    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVERY_SECONDS", 0.0)
    monkeypatch.setattr(module, "SAVING_SHARE", 1e9)
    monkeypatch.setattr("headway.core.files._flush", lambda path: None)  # slow, and only a power cut needs it


def _run(folder: Path | None, stop: int = -1, seed: int = 0) -> tuple[list[Tensor], float, list[str]]:
    """Train a small net, stopping before the loss of step ``stop``; return weights and sum, the loss, what was said."""
    torch.manual_seed(3)
    model = nn.Sequential(nn.Embedding(9, 6), Dropout(0.3), nn.Linear(6, 2))
    companion, listener, seen = Sum(model), Listener(), 0

    def batches(epoch: int) -> list[Tensor]:
        return list(torch.randint(9, (4, 5), generator=torch.Generator().manual_seed(epoch)))

    def loss(batch: Tensor) -> Tensor:
        nonlocal seen
        if seen == stop:
            raise StoppedError
        seen += 1
        return model(batch).square().mean()  # type: ignore[no-any-return]

    mean = train(
        model,
        parameter_groups(model[0].parameters(), model[2].parameters(), SETTINGS),
        loss,
        batches,
        SETTINGS,
        seed,
        listener,
        companions=(companion,),
        checkpoints=None
        if folder is None
        else Checkpoints(folder, {"seed": seed, "settings": SETTINGS.to_dict()}),
    )
    return [*model.state_dict().values(), companion.sum], mean, listener.said


def _same(first: list[Tensor], second: list[Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_stopped_anywhere_it_ends_in_the_same_bytes(tmp_path: Path) -> None:
    whole, mean, _ = _run(None)
    for stop in range(STEPS):
        with pytest.raises(StoppedError):
            _run(tmp_path / str(stop), stop)
        resumed, resumed_mean, said = _run(tmp_path / str(stop))
        assert _same(whole, resumed) and mean == resumed_mean, stop
        assert said == ([f"  goes on after step {stop}"] if stop else [])
        assert len(list((tmp_path / str(stop)).iterdir())) <= 2


def test_stopped_again_and_again(tmp_path: Path) -> None:
    whole, mean, _ = _run(None)
    for _ in range(4):
        with pytest.raises(StoppedError):
            _run(tmp_path / "work", 2)  # two more steps each time
    resumed, resumed_mean, said = _run(tmp_path / "work")
    assert said == ["  goes on after step 8"]
    assert _same(whole, resumed) and mean == resumed_mean


@pytest.mark.parametrize("name", ["state.safetensors", "state.json"])
@pytest.mark.parametrize("damage", ["cut", "flip", "gone"])
def test_of_a_damaged_newest_the_one_before_is_used(tmp_path: Path, name: str, damage: str) -> None:
    whole, _, _ = _run(None)
    with pytest.raises(StoppedError):
        _run(tmp_path / "work", 7)
    path = tmp_path / "work" / "step-00000007" / name
    content = bytearray(path.read_bytes())
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(content[: len(content) // 2] if damage == "cut" else b"\xff" + content[1:])
    resumed, _, said = _run(tmp_path / "work")
    assert "step-00000007" in said[0] and "the checkpoint before it is used" in said[0]
    assert said[1] == "  goes on after step 6"
    assert _same(whole, resumed)


def test_when_all_are_damaged_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(StoppedError):
        _run(tmp_path / "work", 3)
    for path in (tmp_path / "work").rglob("*.safetensors"):
        path.write_bytes(b"")
    with pytest.raises(RunError, match="every checkpoint is damaged"):
        _run(tmp_path / "work")


def test_another_training_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoppedError):
        _run(tmp_path / "work", 3)
    with pytest.raises(RunError, match="belongs to another training: "):
        _run(tmp_path / "work", seed=1)


def test_a_save_that_fails_leaves_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno

    with pytest.raises(StoppedError):
        _run(tmp_path / "work", 5)
    before = sorted(path.name for path in (tmp_path / "work").iterdir())

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(ResourceError, match="no space left"):
        patch.setattr(module, "write_safetensors", full)
        _run(tmp_path / "work")
    assert sorted(path.name for path in (tmp_path / "work").iterdir()) == before
    assert _same(_run(None)[0], _run(tmp_path / "work")[0])
