"""Pretraining: from a corpus of plain text (or of line pairs) to a folder that `headway fit --model` takes.

Each architecture is pretrained in a way of its own, by a class that keeps the `Pretraining` contract. It decides what
it reads of the corpus, how large its sizes are, and what it is measured by; all else is the same for all, and here.
"""

from __future__ import annotations

import copy
import importlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol, Self, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from headway.core.arithmetic import FILE as ARITHMETIC_FILE
from headway.core.arithmetic import Arithmetic, decide
from headway.core.errors import UsageError
from headway.core.files import write_json
from headway.core.progress import Progress, Stopwatch
from headway.core.seeding import derive
from headway.core.times import human_seconds
from headway.data.corpus import Corpus, read_corpus
from headway.training.checkpoints import Checkpoints
from headway.training.companions import Companion
from headway.training.loop import train
from headway.weights.cache import cache_folder

if TYPE_CHECKING:
    from headway.training.settings import TrainingSettings

# --arch -> the class that keeps the contract below
ARCHITECTURES = {
    "awd-lstm": "headway.training.pretrain_awd_lstm:AwdLstmOnText",
    "bert": "headway.training.pretrain_bert:BertOnText",
    "elmo": "headway.training.pretrain_elmo:ElmoOnText",
    "gpt2": "headway.training.pretrain_gpt2:Gpt2OnText",
    "t5": "headway.training.pretrain_t5:T5OnText",
    "transformer": "headway.training.pretrain_transformer:TransformerOnPairs",
}
RECORD_FILE = "pretraining.json"
FORMAT = 1
_TIMED_STEPS = 4

Model = TypeVar("Model", bound=nn.Module)


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is asked for."""

    corpus: Path
    architecture: str
    size: str
    vocabulary: Path | None = None  # a published one; None: made from the corpus
    backward: bool = False  # read texts from their end
    optimizer: str = "adamw"
    cased: bool = False  # whether a vocabulary made from the corpus keeps capital letters and accents
    epochs: int = 10
    seed: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values, ready for JSON."""
        return {name: str(value) if isinstance(value, Path) else value for name, value in vars(self).items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Take what `to_dict` gave."""
        vocabulary = None if values["vocabulary"] is None else Path(values["vocabulary"])
        return cls(**dict(values) | {"corpus": Path(values["corpus"]), "vocabulary": vocabulary})


class Size(NamedTuple):
    """A Transformer's size; of an encoder-decoder, the encoder and the decoder have so many layers each."""

    num_layers: int
    d_model: int
    vocab_size: int  # at most, of a vocabulary made from the corpus
    max_tokens: int  # of a text
    learning_rate: float


class Learning(Protocol):
    """A network, its batches and its loss."""

    settings: TrainingSettings

    @property
    def model(self) -> nn.Module:
        """What is trained in place."""

    def groups(self) -> list[dict[str, Any]]:
        """Return the optimizer's parameter groups, made when the weights are as the training finds them."""

    def epoch_batches(self, epoch: int) -> Sequence[Any]:
        """Return the batches of an epoch, the same number in each."""

    def loss(self, batch: Any) -> Tensor:
        """Return a batch's loss."""

    @property
    def companions(self) -> Sequence[Companion]:
        """What goes along with the training: where the paper averages states, or one is carried from step to step."""


class Pretraining(Learning, Protocol):
    """One model in the making: what it learns from and how, and what it is worth on held-out text."""

    drops_capitals: ClassVar[
        bool
    ]  # whether a vocabulary made from the corpus does, unless asked to keep them
    both_directions: ClassVar[bool]  # whether it can read texts from their end instead
    optimizers: ClassVar[tuple[str, ...]]  # of training.settings.OPTIMIZERS
    sizes: ClassVar[
        Mapping[str, Any]
    ]  # --size -> a `Size`, or what else the class needs to know; the smallest first

    @classmethod
    def prepare(cls, corpus: Corpus, order: Order, device: torch.device) -> Self:
        """Hold a part out, make or read the vocabulary, and build a network with fresh weights: by the order's seed."""

    def describe(self) -> str:
        """Say in a line what is trained on what."""

    def measure(self) -> dict[str, float]:
        """Return the trained network's figures on the held-out text, with those of a model without context."""

    def save(self, folder: Path) -> None:
        """Write weights and tokenizer into an existing folder, in the published layout."""


@dataclass(frozen=True, kw_only=True)
class Pretrained:
    """What a pretraining did."""

    order: Order
    corpus_sha256: str
    described: str
    parameters: int
    steps: int
    settings: dict[str, Any]
    arithmetic: str
    loss: float  # mean over the last epoch
    figures: dict[str, float]
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values, ready for JSON."""
        return {"format": FORMAT, **vars(self), "order": self.order.to_dict()}


def pretraining_class(architecture: str) -> type[Pretraining]:
    """Return how an architecture is pretrained; raises UsageError on one that is not."""
    if architecture not in ARCHITECTURES:
        raise UsageError(
            f"no way to pretrain {architecture!r}",
            where="--arch",
            remedy=f"Known architectures: {', '.join(ARCHITECTURES)}.",
        )
    module, name = ARCHITECTURES[architecture].split(":")
    kind: type[Pretraining] = getattr(importlib.import_module(module), name)
    return kind


def check(order: Order) -> type[Pretraining]:
    """Return how it is done; raises UsageError on what is wrong whatever the corpus is."""
    kind = pretraining_class(order.architecture)
    if order.size not in kind.sizes:
        raise UsageError(
            f"unknown size {order.size!r}", where="--size", remedy=f"Known sizes: {', '.join(kind.sizes)}."
        )
    if order.epochs < 1:
        raise UsageError(f"must be at least 1, found {order.epochs}", where="--epochs")
    if order.backward and not kind.both_directions:
        raise UsageError(
            f"{order.architecture} is not trained backward",
            where="--backward",
            remedy="Leave it out; awd-lstm has it.",
        )
    if order.optimizer not in kind.optimizers:
        raise UsageError(
            f"{order.architecture} is not trained by {order.optimizer!r}",
            where="--optimizer",
            remedy=f"Known: {', '.join(kind.optimizers)}.",
        )
    if order.cased and (order.vocabulary is not None or not kind.drops_capitals):
        kept = (
            "a published vocabulary"
            if order.vocabulary is not None
            else f"the vocabulary of {order.architecture}"
        )
        raise UsageError(f"{kept} is not changed by it", where="--cased", remedy="Leave it out.")
    return kind


def pretrain(
    order: Order, folder: Path, device: torch.device, progress: Progress, unfinished: Path | None = None
) -> Pretrained:
    """Pretrain into an existing empty folder; the estimate is said before the first step.

    With a folder for what is ``unfinished``, checkpoints are kept there, and it goes on from the newest.
    Raises UsageError, DataError, TrainingError, and RunError where the checkpoints are another training's.
    """
    started = time.monotonic()
    kind = check(order)
    corpus = read_corpus(order.corpus)
    progress.say(f"{corpus.source}: {len(corpus.documents):,} documents, {corpus.characters:,} characters")
    work = kind.prepare(corpus, order, device)
    arithmetic = arithmetic_on(device)
    parameters = sum(parameter.numel() for parameter in work.model.parameters())
    progress.say(f"  {work.describe()}; {parameters:,} parameters")
    batches = len(work.epoch_batches(0))
    steps = batches * work.settings.epochs
    seconds = steps * seconds_per_step(work, order.seed, arithmetic)
    progress.say(f"  {steps:,} steps, {batches:,} an epoch: about {human_seconds(seconds)}")
    checkpoints = None
    if unfinished is not None:
        identity = {"corpus": corpus.sha256, "described": work.describe(), "seed": order.seed}
        checkpoints = Checkpoints(unfinished, work.settings.to_dict() | identity)
    loss = learn(work, order.seed, arithmetic, progress, checkpoints, name="pretraining")
    progress.end()
    figures = work.measure()
    work.save(folder)
    pretrained = Pretrained(
        order=order,
        corpus_sha256=corpus.sha256,
        described=work.describe(),
        parameters=parameters,
        steps=steps,
        settings=work.settings.to_dict(),
        arithmetic=str(arithmetic),
        loss=loss,
        figures=figures,
        seconds=time.monotonic() - started,
    )
    write_json(folder / RECORD_FILE, pretrained.to_dict())
    return pretrained


def fresh(build: Callable[[], Model], order: Order, device: torch.device) -> Model:
    """Build a network whose weights are drawn by the order's seed; torch's own generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(order.seed, "weights"))
        return build().to(device)


def arithmetic_on(device: torch.device) -> Arithmetic:
    """Return what training computes with on a device of this machine."""
    return decide(device, cache_folder() / ARITHMETIC_FILE)


def seconds_per_step(work: Learning, seed: int, arithmetic: Arithmetic) -> float:
    """Time a few steps, the first left out, and put the weights back as they were."""
    before = copy.deepcopy(work.model.state_dict())
    times = [time.perf_counter()]
    batches = work.epoch_batches(0)[:_TIMED_STEPS]
    settings = replace(work.settings, epochs=1)
    _train(work, lambda epoch: batches, settings, seed, arithmetic, Stopwatch(times), "timing")
    work.model.load_state_dict(before)
    steps = np.diff(times)
    return float(np.median(steps[1:] if len(steps) > 1 else steps))


def learn(
    work: Learning,
    seed: int,
    arithmetic: Arithmetic,
    progress: Progress,
    checkpoints: Checkpoints | None,
    name: str,
) -> float:
    """Train in place, from the newest checkpoint on; return the mean loss of the last epoch."""
    return _train(
        work,
        work.epoch_batches,
        work.settings,
        seed,
        arithmetic,
        progress,
        name,
        work.companions,
        checkpoints,
    )


def _train(
    work: Learning,
    epoch_batches: Callable[[int], Sequence[Any]],
    settings: TrainingSettings,
    seed: int,
    arithmetic: Arithmetic,
    progress: Progress,
    name: str,
    companions: Sequence[Companion] = (),
    checkpoints: Checkpoints | None = None,
) -> float:
    def loss(batch: Any) -> Tensor:
        with arithmetic.forward():
            return work.loss(batch)

    with arithmetic.training():
        return train(
            work.model,
            work.groups(),
            loss,
            epoch_batches,
            settings,
            seed,
            progress,
            name=name,
            companions=companions,
            checkpoints=checkpoints,
        )
