"""A mix of depths that is learned with a linear layer: Peters et al. 2018, equation 1, on kept features."""

from typing import Any

import numpy as np
import pytest
import torch

from headway.blocks.scalar_mix import ScalarMix
from headway.core.errors import RunError, UsageError
from headway.models.linear_head import LinearHead
from headway.tasks.layer_mix import (
    features_of,
    learn,
    mix_from,
    mixed,
    side_by_side,
    stored_mix,
)

LAYERS, D, B = 3, 7, 400
INFORMATIVE = 1  # the depth that holds the answer


def _mix(*weights: float, gamma: float = 1.0) -> ScalarMix:
    return mix_from({"weights": list(weights), "gamma": gamma}, "test")


def _kept(seed: int, rows: int = B) -> tuple[np.ndarray, np.ndarray]:
    """Depths side by side [B, L D], of which one holds three numbers [B, 3] among noise."""
    draw = np.random.default_rng(seed)
    depths = draw.normal(size=(rows, LAYERS, D)).astype(np.float32)
    hidden = draw.normal(size=(rows, 3))
    depths[:, INFORMATIVE, :3] = hidden + 0.1 * draw.normal(size=(rows, 3))
    return depths.reshape(rows, LAYERS * D), hidden


def test_equal_to_equation_1_in_numpy() -> None:
    kept, _ = _kept(0, 5)
    weights, gamma = np.array([0.3, -1.2, 0.7]), 1.7
    shares = np.exp(weights) / np.exp(weights).sum()
    depths = kept.astype(np.float64).reshape(5, LAYERS, D)
    expected = gamma * sum(share * depths[:, j] for j, share in enumerate(shares))
    mix = _mix(*weights, gamma=gamma)
    np.testing.assert_allclose(features_of([kept], mix), expected, rtol=1e-12)
    u, v = expected, expected[::-1]
    cosine = (u * v).sum(1) / np.linalg.norm(u, axis=1) / np.linalg.norm(v, axis=1)
    pair = np.concatenate([u, v, abs(u - v), u * v, cosine[:, None]], axis=1)
    np.testing.assert_allclose(features_of([kept, kept[::-1].copy()], mix), pair, rtol=1e-12)
    assert features_of([kept[:0]], mix).shape == (0, D)


@pytest.mark.parametrize("pairs", [False, True])
def test_gradients_reach_the_mix(pairs: bool) -> None:
    torch.manual_seed(0)
    sides = [torch.randn(4, LAYERS * D, dtype=torch.float64) for _ in range(1 + pairs)]

    def features(weights: torch.Tensor, gamma: torch.Tensor) -> Any:
        mix = ScalarMix(LAYERS).double()
        values = {"weights": weights, "gamma": gamma}
        return side_by_side(
            [torch.func.functional_call(_Mixing(mix), _named(values), side) for side in sides]
        )

    weights = torch.randn(LAYERS, dtype=torch.float64, requires_grad=True)
    gamma = torch.tensor([1.3], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(features, (weights, gamma))


class _Mixing(torch.nn.Module):
    def __init__(self, mix: ScalarMix) -> None:
        super().__init__()
        self.mix = mix

    def forward(self, kept: torch.Tensor) -> torch.Tensor:
        return mixed(self.mix, kept)


def _named(values: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {f"mix.{name}": value for name, value in values.items()}


def _classes(hidden: np.ndarray) -> np.ndarray:
    return hidden.argmax(axis=1)


def _two_classes(hidden: np.ndarray) -> np.ndarray:
    return (hidden[:, 0] > 0).astype(np.int64)


def _labels(hidden: np.ndarray) -> np.ndarray:
    return hidden > 0.3


def _numbers(hidden: np.ndarray) -> np.ndarray:
    return 40 + 5 * hidden[:, 0] - hidden[:, 1]


def _score(head: LinearHead, features: np.ndarray, targets: np.ndarray, classes: int) -> float:
    if not classes:
        return float(np.corrcoef(head.numbers(features), targets)[0, 1])
    if targets.ndim == 2:
        return float(((head.shares(features) > 0.5) == targets).mean())
    return float((head.probabilities(features).argmax(axis=1) == targets).mean())


def _equal_shares(kept: np.ndarray, targets: np.ndarray, classes: int) -> LinearHead:
    features = features_of([kept], _mix(0, 0, 0))
    if not classes:
        return LinearHead.fit_numbers(features, targets, 10.0)
    if targets.ndim == 2:
        return LinearHead.fit_labels(features, targets, 0.1)
    return LinearHead.fit(features, targets, classes, 0.1)


@pytest.mark.parametrize(
    ("targets_of", "classes"), [(_classes, 3), (_two_classes, 2), (_labels, 3), (_numbers, 0)]
)
def test_the_one_depth_that_tells_is_found(targets_of: Any, classes: int) -> None:
    kept, hidden = _kept(1)
    targets = targets_of(hidden)
    mix, head = learn([kept], LAYERS, targets, classes, 10.0)
    shares = mix.weights.softmax(0).numpy()
    assert shares[INFORMATIVE] > 0.8 and mix.gamma != 1
    others, answers = _kept(2, 1000)
    found = _score(head, features_of([others], mix), targets_of(answers), classes)
    equal = _equal_shares(kept, targets, classes)
    assert found > 0.85
    assert found > _score(equal, features_of([others], _mix(0, 0, 0)), targets_of(answers), classes) + 0.1


def test_of_pairs_it_is_found_too() -> None:
    (u, one), (v, other) = _kept(3), _kept(4)
    targets = (one[:, 0] * other[:, 0] > 0).astype(np.int64)
    mix, head = learn([u, v], LAYERS, targets, 2, 10.0)
    assert mix.weights.softmax(0)[INFORMATIVE] > 0.8
    (u, one), (v, other) = _kept(5), _kept(6)
    said = head.probabilities(features_of([u, v], mix)).argmax(axis=1)
    assert (said == (one[:, 0] * other[:, 0] > 0)).mean() > 0.85


def test_depths_that_are_the_same_keep_equal_shares() -> None:
    kept, hidden = _kept(7)
    same = np.tile(kept.reshape(B, LAYERS, D)[:, INFORMATIVE], (1, LAYERS))
    mix, head = learn([same], LAYERS, _classes(hidden), 3, 10.0)
    np.testing.assert_allclose(mix.weights.softmax(0), [1 / 3] * 3, atol=1e-6)
    again, other = learn([same], LAYERS, _classes(hidden), 3, 10.0)
    assert torch.equal(mix.gamma, again.gamma) and np.array_equal(head.weights, other.weights)


def test_it_is_a_minimum_of_what_its_module_says() -> None:
    """No neighbour of the solution has a lower value, written out in numpy."""
    kept, hidden = _kept(8, 120)
    targets, penalty = _numbers(hidden), 10.0
    mix, head = learn([kept], LAYERS, targets, 0, penalty)
    standard = (targets - targets.mean()) / targets.std()

    def value(weights: np.ndarray, gamma: float, linear: np.ndarray, bias: float) -> float:
        x = (features_of([kept], _mix(*weights, gamma=gamma)) - head.mean) / head.deviation
        loss = 0.5 * np.square(x @ linear + bias - standard).mean()
        counted = np.square(linear).sum() + (gamma - 1) ** 2
        return float(loss + 0.5 * penalty / len(targets) * counted + 1e-3 * np.square(weights).sum())

    weights, gamma = mix.weights.numpy(), float(mix.gamma)
    linear = head.weights[:, 0] / targets.std()
    bias = float((head.bias[0] - targets.mean()) / targets.std())
    lowest = value(weights, gamma, linear, bias)
    draw = np.random.default_rng(0)
    for _ in range(50):
        step = 0.03 * draw.normal(size=LAYERS + D + 2)
        moved = value(
            weights + step[:LAYERS],
            gamma + step[LAYERS],
            linear + step[LAYERS + 1 : -1],
            bias + step[-1],
        )
        assert moved > lowest


def test_classes_and_labels_that_no_row_has() -> None:
    kept, hidden = _kept(9)
    mix, head = learn([kept], LAYERS, 2 * _two_classes(hidden), 4, 10.0)  # of four classes 0 and 2 alone
    shares = head.probabilities(features_of([kept], mix))
    assert shares[:, [1, 3]].max() < 1e-9
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    labels = np.column_stack([hidden[:, 0] > 0, np.ones(B, bool), np.zeros(B, bool)])
    mix, head = learn([kept], LAYERS, labels, 3, 10.0)
    shares = head.shares(features_of([kept], mix))
    assert shares[:, 1].min() > 0.99 and shares[:, 2].max() < 0.01
    assert ((shares[:, 0] > 0.5) == labels[:, 0]).mean() > 0.9


def test_what_cannot_be_mixed_and_what_is_damaged() -> None:
    with pytest.raises(UsageError, match="10 numbers are not 3 depths of one size"):
        mixed(_mix(0, 0, 0), torch.zeros(2, 10))
    stored = stored_mix(_mix(0.1, 0.2, gamma=1.5))
    assert stored == {"weights": [0.1, 0.2], "gamma": 1.5}
    for wrong in ({"weights": [0.1]}, {"weights": 3, "gamma": 1}, {"weights": ["a"], "gamma": 1}):
        with pytest.raises(RunError, match=r"frozen\.json: its mix of depths is damaged"):
            mix_from(wrong, "frozen.json")
