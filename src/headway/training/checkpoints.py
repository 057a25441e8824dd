"""Checkpoints: a training's whole state on disk, from which it goes on to the same bytes.

A checkpoint is a folder, `step-00000120`: `state.safetensors` holds the weights, the optimizer's state and that of
what goes along; `state.json` says how far the training is, and the hash of the tensors. Nothing of the random numbers
is kept: the order of an epoch and the dropout of a step are pure functions of the seed.
"""

import json
import re
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from headway.core.errors import HeadwayError, RunError
from headway.core.files import atomic_folder, read_json, sha256_file, write_json
from headway.core.progress import Progress
from headway.training.companions import Companion
from headway.weights.read import read_tensors, write_safetensors

EVERY_SECONDS = 60.0  # between two saves, and never more than a thirtieth of the time goes into saving
SAVING_SHARE = 1 / 30
KEPT = 2  # checkpoints; the one before the newest is there in case the newest is damaged
FORMAT = 1
_TENSORS, _POSITION = "state.safetensors", "state.json"


@dataclass(frozen=True)
class Position:
    """How far a training is: steps done in all, the epoch in work, its steps done and the sum of their losses."""

    step: int = 0
    epoch: int = 0
    number: int = 0
    total: float = 0.0


class Checkpoints:
    """The checkpoints of one training in a folder that belongs to it.

    ``identity`` says which training it is (settings, seed, rows); a checkpoint of another one is refused.
    """

    def __init__(self, folder: Path, identity: dict[str, Any]) -> None:
        self.folder = folder
        self.identity: dict[str, Any] = json.loads(json.dumps(identity))
        self._saved = time.monotonic()
        self._cost = 0.0

    def restore(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        companions: Sequence[Companion],
        progress: Progress,
    ) -> Position:
        """Put the newest whole checkpoint into model, optimizer and companions; the start where there is none.

        Raises RunError when the checkpoints are another training's, or all of them are damaged.
        """
        damaged = []
        for path in self._steps():
            try:
                state, tensors = self._read(path)
            except HeadwayError as error:
                progress.say(f"  {error.where}: {error.problem}; the checkpoint before it is used")
                damaged.append(path)
                continue
            if state.get("format") != FORMAT or state.get("identity") != self.identity:
                raise RunError(
                    f"belongs to another training: {self._differences(state.get('identity'))}",
                    where=str(path),
                    remedy="Give what it began with, or start a new run.",
                )
            position = Position(**{name: state[name] for name in Position.__dataclass_fields__})
            _fill(tensors, model, optimizer, companions)
            for bad in damaged:
                shutil.rmtree(bad)
            progress.say(f"  goes on after step {position.step:,}")
            return position
        if damaged:
            raise RunError(
                "every checkpoint is damaged",
                where=str(self.folder),
                remedy="Remove this folder and resume: this training then starts again, finished ones are kept.",
            )
        return Position()

    def _differences(self, found: Any) -> str:
        """Say what differs from the identity of a checkpoint."""
        if not isinstance(found, dict):
            return "it does not say which"
        names = [name for name in self.identity | found if self.identity.get(name) != found.get(name)]
        return ", ".join(f"{name} was {found.get(name)}, is {self.identity.get(name)}" for name in names)

    def due(self) -> bool:
        """Return whether it is time to save."""
        waited = time.monotonic() - self._saved
        return waited >= EVERY_SECONDS and waited * SAVING_SHARE >= self._cost

    def save(
        self,
        position: Position,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        companions: Sequence[Companion],
    ) -> None:
        """Write a checkpoint, whole or not at all, and remove those that are older than the one before it."""
        began = time.monotonic()
        with atomic_folder(self.folder / f"step-{position.step:08}") as target:
            write_safetensors(target / _TENSORS, _gather(model, optimizer, companions))
            digest = sha256_file(target / _TENSORS)
            state = {"format": FORMAT, "identity": self.identity, **asdict(position), "sha256": digest}
            write_json(target / _POSITION, state)
        for path in self._steps()[KEPT:]:
            shutil.rmtree(path)
        self._saved = time.monotonic()
        self._cost = self._saved - began

    def _steps(self) -> list[Path]:
        """The checkpoints, the newest first."""
        if not self.folder.is_dir():
            return []
        found = [path for path in self.folder.iterdir() if re.fullmatch(r"step-\d{8,}", path.name)]
        return sorted(found, key=lambda path: int(path.name[5:]), reverse=True)

    def _read(self, path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
        state = read_json(path / _POSITION)
        tensors = path / _TENSORS
        whole = isinstance(state, dict) and tensors.is_file() and sha256_file(tensors) == state.get("sha256")
        if not whole:
            raise RunError("is damaged", where=str(path))
        return state, read_tensors(tensors)


def _gather(
    model: nn.Module, optimizer: torch.optim.Optimizer, companions: Sequence[Companion]
) -> dict[str, Tensor]:
    """Name every tensor of the state; tied ones are copied, since safetensors refuses shared memory."""
    tensors = {f"model.{name}": tensor.detach().clone() for name, tensor in model.state_dict().items()}
    for index, parameter in enumerate(_parameters(optimizer)):
        for key, value in optimizer.state[parameter].items():
            tensors[f"optimizer.{index}.{key}"] = torch.as_tensor(value).detach().clone()
    for index, companion in enumerate(companions):
        for name, tensor in companion.state().items():
            tensors[f"companion.{index}.{name}"] = tensor.detach().clone()
    return tensors


def _fill(
    tensors: dict[str, Tensor],
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    companions: Sequence[Companion],
) -> None:
    """Put the tensors where `_gather` took them from, bit for bit."""
    model.load_state_dict(_below(tensors, "model."))
    for index, parameter in enumerate(_parameters(optimizer)):
        state = _below(tensors, f"optimizer.{index}.")
        if state:  # a parameter that has had no gradient yet has no state
            optimizer.state[parameter] = {key: value.to(parameter.device) for key, value in state.items()}
    for index, companion in enumerate(companions):
        companion.restore(_below(tensors, f"companion.{index}."))


def _below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _parameters(optimizer: torch.optim.Optimizer) -> list[nn.Parameter]:
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]
