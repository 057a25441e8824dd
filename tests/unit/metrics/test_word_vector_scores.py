"""Scores of word vectors against scipy and a loop."""

import numpy as np
import pytest

from headway.metrics.word_vectors import analogies, negative_sampling_loss, similarity, window_pairs


def test_similarity_rests_on_the_pairs_that_are_known() -> None:
    found = similarity([1, 2, 3, 9], [0.1, None, 0.3, 0.2])
    assert (found.value, found.used, found.total) == (pytest.approx(0.5), 3, 4)
    assert similarity([1, 2], [None, 0.3]) == (None, 1, 2)


def test_analogies_are_counted_by_section_and_together() -> None:
    found = analogies({"capitals": [True, False, None], "plurals": [True]})
    assert found["capitals"] == (1, 2, 3) and found["all"] == (2, 3, 4)
    assert found["capitals"].accuracy == 0.5


def test_the_exact_loss_is_the_one_that_is_drawn_in_the_mean() -> None:
    rng = np.random.default_rng(0)
    V, D, K = 30, 6, 4
    inputs, outputs = rng.normal(size=(V, D)), rng.normal(size=(V, D))
    noise = rng.dirichlet(np.ones(V))
    pairs, weights = rng.integers(0, V, (50, 2)), rng.random(50)
    exact = negative_sampling_loss(inputs, outputs, pairs, weights, noise, K)

    def softplus(x: np.ndarray) -> np.ndarray:
        return np.log1p(np.exp(x))

    by_hand = [
        softplus(-inputs[i] @ outputs[o])
        + K * sum(noise[w] * softplus(inputs[i] @ outputs[w]) for w in range(V))
        for i, o in pairs
    ]
    assert exact == pytest.approx(np.average(by_hand, weights=weights), rel=1e-9)
    drawn = [
        softplus(-inputs[i] @ outputs[o])
        + softplus(outputs[rng.choice(V, (2000, K), p=noise)] @ inputs[i]).sum(axis=1).mean()
        for i, o in pairs
    ]
    assert exact == pytest.approx(np.average(drawn, weights=weights), rel=0.01)


def test_pairs_are_weighted_as_the_dynamic_window_uses_them() -> None:
    tokens, starts = np.array([0, 1, 2, 3, 1]), np.array([0, 4, 5])
    keep = np.array([1.0, 0.5, 1.0, 1.0])
    pairs, weights = window_pairs(tokens, starts, 2, keep)
    found = dict(zip(map(tuple, pairs.tolist()), weights.tolist(), strict=True))
    assert found == {
        (0, 1): 0.5, (1, 2): 0.5, (2, 3): 1.0, (1, 0): 0.5, (2, 1): 0.5, (3, 2): 1.0,
        (0, 2): 0.5, (1, 3): 0.25, (2, 0): 0.5, (3, 1): 0.25,
    }  # fmt: skip
