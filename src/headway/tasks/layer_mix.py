"""A learned mix of a frozen encoder's depths, and a linear layer on it, fitted together (Peters et al. 2018, eq. 1).

    x = gamma sum_j s_j x_j,  s = softmax(w)

The x_j [D] are what was kept of each depth: of a word its vectors, of a text their means, which a mix of means equals.
Of a pair of texts both sides are mixed alike, then set beside each other. What is minimised, of B rows, is

    mean loss + (|V|^2 + (gamma - 1)^2) penalty / 2 B + 0.001 |w|^2

with the linear layer's weights V on numbers that the equal mix's means and deviations scale. The last term is the
paper's own lambda (section 5.1): small, so that the weights may leave the equal ones; gamma counts as one of V, which
it could else replace.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from headway.blocks.ragged import Lengths, Ragged
from headway.blocks.scalar_mix import ScalarMix
from headway.core.allocation import memory_kept
from headway.core.errors import RunError, UsageError
from headway.models import pair_features
from headway.models.linear_head import LinearHead, label_odds, of_every_class

WEIGHT_PENALTY = 1e-3  # of the mix's weights: the paper's lambda
MOST_STEPS = 300

Loss = Callable[[Tensor], Tensor]


def mixed(mix: ScalarMix, kept: Tensor) -> Tensor:
    """Mix the depths of rows of features, side by side [B, L D], into [B, D]. Raises UsageError where L does not
    divide them.
    """
    layers = len(mix.weights)
    if kept.shape[1] % layers:
        raise UsageError(f"{kept.shape[1]} numbers are not {layers} depths of one size", where="features")
    if not len(kept):
        return kept[:, : kept.shape[1] // layers]
    rows = Lengths((1,) * len(kept), kept.device)
    found: Ragged = mix([Ragged(depth, rows) for depth in kept.chunk(layers, dim=1)])
    return found.values


def side_by_side(sides: Sequence[Tensor]) -> Tensor:
    """Return what `pair_features.side_by_side` does, for gradients."""
    if len(sides) == 1:
        return sides[0]
    u, v = sides
    lengths = torch.linalg.vector_norm(u, dim=1) * torch.linalg.vector_norm(v, dim=1)
    cosine = (u * v).sum(dim=1) / lengths.clamp_min(1e-12)
    return torch.cat([u, v, (u - v).abs(), u * v, cosine[:, None]], dim=1)


def features_of(sides: Sequence[np.ndarray], mix: ScalarMix) -> np.ndarray:
    """Return what the linear layer reads of kept features: of single texts one array [B, L D], of pairs two."""
    with torch.no_grad():
        return pair_features.side_by_side(
            [mixed(mix, torch.from_numpy(side).double()).numpy() for side in sides]
        )


def learn(
    sides: Sequence[np.ndarray], layers: int, targets: np.ndarray, classes: int, penalty: float
) -> tuple[ScalarMix, LinearHead]:
    """Fit mix and head on kept features, one array [B, L D] or two of pairs; nothing is left to chance.

    ``targets`` [B] are indexes of classes, numbers where there are no classes, or [B, C] which row has which label;
    ``penalty`` is that of `LinearHead`: 1/C, or ridge regression's.
    """
    kept = [torch.from_numpy(np.ascontiguousarray(side)).double() for side in sides]
    mix = ScalarMix(layers).double()
    with torch.no_grad():
        equal = side_by_side([mixed(mix, side) for side in kept])
        mean, deviation = equal.mean(dim=0), equal.std(dim=0, correction=0)
    deviation[deviation == 0] = 1
    loss, outputs = _loss(targets, classes)
    linear = nn.Linear(len(mean), outputs, dtype=torch.float64)
    with torch.no_grad():
        linear.weight.zero_()
        linear.bias.zero_()

    def objective() -> Tensor:
        x = (side_by_side([mixed(mix, side) for side in kept]) - mean) / deviation
        counted = linear.weight.square().sum() + (mix.gamma - 1).square().sum()
        return (
            loss(linear(x))
            + 0.5 * penalty / len(targets) * counted
            + WEIGHT_PENALTY * mix.weights.square().sum()
        )

    with memory_kept():
        minimise(objective, [*mix.parameters(), *linear.parameters()])
    weights, bias = linear.weight.detach().numpy().T, linear.bias.detach().numpy()
    mix.requires_grad_(requires_grad=False)
    return mix, LinearHead(mean.numpy(), deviation.numpy(), *_told(weights, bias, targets, classes))


def minimise(objective: Callable[[], Tensor], parameters: Sequence[Tensor]) -> None:
    """Bring an objective to a minimum in place, by L-BFGS on all rows at once."""
    optimizer = torch.optim.LBFGS(
        parameters,
        max_iter=MOST_STEPS,
        tolerance_grad=1e-6,
        tolerance_change=1e-10,
        line_search_fn="strong_wolfe",
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        value = objective()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(closure)  # type: ignore[no-untyped-call]


def _loss(targets: np.ndarray, classes: int) -> tuple[Loss, int]:
    """Return the mean loss of scores [B, K], and K: the losses of `LinearHead`'s three ways to be fitted."""
    if targets.ndim == 2:
        wanted = torch.from_numpy(targets[:, _varied(targets)]).double()
        return (
            lambda scores: F.binary_cross_entropy_with_logits(scores, wanted, reduction="sum") / len(wanted)
        ), wanted.shape[1]
    if not classes:
        numbers = torch.from_numpy((targets - targets.mean()) / (targets.std() or 1.0)).double()
        return (lambda scores: 0.5 * (scores[:, 0] - numbers).square().mean()), 1
    present, places = np.unique(targets, return_inverse=True)
    found = torch.from_numpy(places)
    if len(present) == 2:  # one column: the second class against the first
        return (lambda scores: F.binary_cross_entropy_with_logits(scores[:, 0], found.double())), 1
    return (lambda scores: F.cross_entropy(scores, found)), len(present)


def _told(
    weights: np.ndarray, bias: np.ndarray, targets: np.ndarray, classes: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return weights [F, C] and bias [C] of all labels or classes, or in the numbers' own scale."""
    if targets.ndim == 2:
        varied = _varied(targets)
        all_weights = np.zeros((len(weights), targets.shape[1]), np.float32)
        all_bias = label_odds(targets)
        all_weights[:, varied], all_bias[varied] = weights, bias
        return all_weights, all_bias
    if not classes:
        spread = targets.std() or 1.0
        return (weights * spread).astype(np.float32), (bias * spread + targets.mean()).astype(np.float32)
    return of_every_class(weights, bias, np.unique(targets), classes)


def _varied(targets: np.ndarray) -> np.ndarray:
    """Return which labels some rows have and others have not, [C]: of the rest the bias says all."""
    varied: np.ndarray = targets.any(axis=0) != targets.all(axis=0)
    return varied


def mix_settings(mix: ScalarMix) -> dict[str, Any]:
    """Return what the mix has become, for showing."""
    shares = [round(share, 4) for share in mix.weights.softmax(0).tolist()]
    return {"shares": shares, "gamma": round(float(mix.gamma), 4)}


def stored_mix(mix: ScalarMix) -> dict[str, Any]:
    """Return a mix as plain values."""
    return {"weights": mix.weights.tolist(), "gamma": float(mix.gamma)}


def mix_from(stored: dict[str, Any], where: str) -> ScalarMix:
    """Return the mix that `stored_mix` gave; raises RunError on other values."""
    try:
        weights = torch.tensor([float(weight) for weight in stored["weights"]], dtype=torch.float64)
        gamma = float(stored["gamma"])
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(
            f"its mix of depths is damaged: {error}", where=where, remedy="Make the run again."
        ) from error
    mix = ScalarMix(len(weights)).double().requires_grad_(requires_grad=False)
    mix.weights.copy_(weights)
    mix.gamma.fill_(gamma)
    return mix
