"""The arithmetic of training on this machine: in which numbers, and by which kernels, matrices are multiplied.

Two questions, each answered by a probe of accuracy and of time, never by a processor's name:

- bfloat16 products with float32 weights, sums and optimizer: where the machine multiplies bfloat16 so much faster that
  a training step gains.
- float32 products by oneDNN instead of torch's default library, which is slow on some processors. The switch that
  torch has for it *permits* bfloat16 inside: on processors with matrix tiles the products really are rounded, on
  others they keep float32's accuracy. It is used only where the probe finds float32's accuracy.

The answers depend on a clock, so a machine's are kept in a file and read from then on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from headway.core.config import Config
from headway.core.device import processor
from headway.core.errors import HeadwayError
from headway.core.files import read_json, write_json

FILE = "arithmetic.json"  # in the cache folder
ROUNDS = 60
# The product that is timed: MiniLM's D to D, so short that on a busy machine some rounds still run undisturbed.
TOKENS, INNER, OUTER = 256, 384, 384
FLOAT32_ERROR = 1e-5  # of the largest magnitude; bfloat16's is about 3e-3
WORTH_ROUNDING = 1.3  # times as fast a product must be in bfloat16, as only part of a step is products
WORTH_SWITCHING = 1.1


@dataclass(frozen=True, kw_only=True)
class Arithmetic(Config):
    """What was decided for one device."""

    device: str  # "cpu", "cuda", "mps"
    products: str = "float32"  # or "bfloat16": the numbers that training multiplies matrices in
    kernels: str = "default"  # or "oneDNN": what multiplies float32 matrices on the CPU

    @contextmanager
    def forward(self) -> Iterator[None]:
        """Compute a loss in these numbers; float32 weights are rounded on the way into a product only."""
        rounded = self.products == "bfloat16"
        with torch.autocast(self.device, torch.bfloat16, enabled=rounded, cache_enabled=rounded):
            yield

    @contextmanager
    def training(self) -> Iterator[None]:
        """Multiply float32 matrices by these kernels; for the whole of a training, the backward passes included."""
        with _permitted(self.kernels == "oneDNN"):
            yield

    def __str__(self) -> str:
        if self.products == "bfloat16":
            return "bfloat16 products, float32 weights"
        return "float32" if self.kernels == "default" else f"float32 by {self.kernels}"


def decide(device: torch.device, kept: Path) -> Arithmetic:
    """Return what the machine's file ``kept`` holds for the device, or probe and write it there.

    Processor, torch's version and its threads belong to an answer; another combination is probed anew.
    """
    key = "; ".join(
        [device.type, _unit(device), f"torch {torch.__version__}", f"{torch.get_num_threads()} threads"]
    )
    answers = _read(kept)
    try:
        return Arithmetic.from_dict(answers[key])
    except (KeyError, TypeError, HeadwayError):
        found = probe(device)
    kept.parent.mkdir(parents=True, exist_ok=True)
    write_json(kept, {**answers, key: found.to_dict()})
    return found


def probe(device: torch.device) -> Arithmetic:
    """Measure accuracy and time of the products that training is made of, and decide."""
    random = torch.Generator().manual_seed(0)
    x = torch.randn(TOKENS, INNER, generator=random)
    weight = torch.randn(OUTER, INNER, generator=random)
    exact = x.double() @ weight.double().T
    x, weight = x.to(device), weight.to(device)
    ways: dict[str, Callable[[], Tensor]] = {"default": lambda: F.linear(x, weight)}
    if device.type == "cpu" and torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        with _permitted(True):
            error = (F.linear(x, weight).double() - exact).abs().max() / exact.abs().max()
        if error < FLOAT32_ERROR:
            ways["oneDNN"] = lambda: _by_onednn(x, weight)
    rounded = _rounded(x, weight)
    if rounded is not None:
        ways["bfloat16"] = rounded
    seconds = _fastest(ways, device)
    switched = seconds["default"] > WORTH_SWITCHING * seconds.get("oneDNN", float("inf"))
    kernels = "oneDNN" if switched else "default"
    faster = seconds[kernels] > WORTH_ROUNDING * seconds.get("bfloat16", float("inf"))
    return Arithmetic(device=device.type, products="bfloat16" if faster else "float32", kernels=kernels)


def _by_onednn(x: Tensor, weight: Tensor) -> Tensor:
    with _permitted(True):
        return F.linear(x, weight)


def _rounded(x: Tensor, weight: Tensor) -> Callable[[], Tensor] | None:
    """Return the product in bfloat16, or None where the device has no such numbers."""
    try:
        low, low_weight = x.bfloat16(), weight.bfloat16()
        F.linear(low, low_weight)
    except (RuntimeError, TypeError):
        return None
    return lambda: F.linear(low, low_weight)


def _fastest(ways: dict[str, Callable[[], Tensor]], device: torch.device) -> dict[str, float]:
    """Return the least seconds of each way; they take turns, so that other load meets all alike."""
    seconds = dict.fromkeys(ways, float("inf"))
    for turn in range(ROUNDS + 1):
        for name, multiply in ways.items():
            started = time.perf_counter()
            multiply()
            if device.type != "cpu":
                torch.accelerator.synchronize(device)
            if turn:  # the first warms up
                seconds[name] = min(seconds[name], time.perf_counter() - started)
    return seconds


@contextmanager
def _permitted(yes: bool) -> Iterator[None]:
    """Let oneDNN take float32 products, or not; afterwards as before."""
    setting: Any = torch.backends.mkldnn.matmul  # type: ignore[attr-defined]
    before = setting.fp32_precision
    setting.fp32_precision = "bf16" if yes else "ieee"
    try:
        yield
    finally:
        setting.fp32_precision = before


def _unit(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else processor()


def _read(kept: Path) -> dict[str, Any]:
    """Return the answers in the file; none where it is missing or damaged."""
    try:
        answers = read_json(kept)
    except HeadwayError:
        return {}
    return answers if isinstance(answers, dict) else {}
