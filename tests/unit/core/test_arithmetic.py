from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from headway.core import arithmetic
from headway.core.arithmetic import Arithmetic, decide, probe

CPU = torch.device("cpu")


def _with_times(monkeypatch: pytest.MonkeyPatch, **seconds: float) -> list[set[str]]:
    """Let the probe find these times; return the ways that it was asked about."""
    asked: list[set[str]] = []

    def times(ways: dict[str, Callable[[], object]], device: torch.device) -> dict[str, float]:
        asked.append(set(ways))
        return {name: seconds.get(name, 1.0) for name in ways}

    monkeypatch.setattr(arithmetic, "_fastest", times)
    return asked


@pytest.mark.parametrize(
    ("seconds", "products", "kernels"),
    [
        ({"bfloat16": 0.4, "oneDNN": 0.95}, "bfloat16", "default"),
        ({"bfloat16": 0.9, "oneDNN": 0.95}, "float32", "default"),
        ({"bfloat16": 0.6, "oneDNN": 0.7}, "float32", "oneDNN"),  # no gain beside the better float32
    ],
)
def test_what_is_clearly_faster_is_chosen(
    monkeypatch: pytest.MonkeyPatch, seconds: dict[str, float], products: str, kernels: str
) -> None:
    _with_times(monkeypatch, **seconds)
    assert probe(CPU) == Arithmetic(device="cpu", products=products, kernels=kernels)


def test_kernels_that_round_are_not_asked_for_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = torch.nn.functional.linear

    def rounding(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        if torch.backends.mkldnn.matmul.fp32_precision == "bf16" and x.dtype == torch.float32:
            return honest(x.bfloat16(), weight.bfloat16()).float()
        return honest(x, weight)

    monkeypatch.setattr(arithmetic.F, "linear", rounding)
    asked = _with_times(monkeypatch, oneDNN=0.1, bfloat16=1.0)
    assert probe(CPU).kernels == "default"
    assert "oneDNN" not in asked[0]


def test_a_machine_is_asked_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked = _with_times(monkeypatch, bfloat16=0.1)
    kept = tmp_path / "cache" / "arithmetic.json"
    first = decide(CPU, kept)
    _with_times(monkeypatch, bfloat16=9.0)
    assert decide(CPU, kept) == first
    assert len(asked) == 1
    kept.write_text("{")
    assert decide(CPU, kept).products == "float32"  # a damaged file is asked for no answer


def test_weights_and_their_gradients_stay_float32() -> None:
    model, x = nn.Linear(8, 4), torch.randn(3, 8)
    with Arithmetic(device="cpu", products="bfloat16").forward():
        out = model(x)
    out.float().sum().backward()
    assert out.dtype == torch.bfloat16
    assert model.weight.dtype == torch.float32
    assert model.weight.grad is not None
    assert model.weight.grad.dtype == torch.float32


def test_the_switch_is_put_back() -> None:
    before = torch.backends.mkldnn.matmul.fp32_precision
    with pytest.raises(ZeroDivisionError), Arithmetic(device="cpu", kernels="oneDNN").training():
        assert torch.backends.mkldnn.matmul.fp32_precision == "bf16"
        raise ZeroDivisionError
    assert torch.backends.mkldnn.matmul.fp32_precision == before
