"""The embedding bag: its compiled steps against plain numpy, its seeds, and texts it knows nothing of."""

import numpy as np
import pytest

from headway.core.errors import TrainingError
from headway.core.progress import Silent
from headway.models.embedding_bag import EmbeddingBag, EmbeddingBagConfig
from headway.models.embedding_bag_steps import train_epoch

TEXTS = [
    "rain and wind",
    "wind and snow",
    "soup and bread",
    "cheese and bread",
    "train to Rome",
    "a taxi to go",
]
LABELS = ("food", "travel", "weather")
TARGETS = np.array([2, 2, 0, 0, 1, 1])


def _bag(seed: int = 0, **changes: object) -> EmbeddingBag:
    config = EmbeddingBagConfig(**({"d_model": 8, "epochs": 200} | changes))  # type: ignore[arg-type]
    return EmbeddingBag.fit(LABELS, TEXTS, TARGETS, config, seed, Silent())


def test_the_compiled_steps_are_the_formula() -> None:
    random = np.random.default_rng(0)
    rows, starts = np.array([0, 2, 3, 1, 2, 4]), np.array([0, 3, 3, 6])
    targets, order = np.array([1, 0, 2]), np.array([2, 0, 1])
    rates = np.array([0.5, 0.3, 0.2])
    start = [random.normal(size=shape).astype(np.float32) for shape in ((5, 4), (3, 4), (3,))]
    table, weights, bias = (array.copy() for array in start)
    loss = train_epoch(rows, starts, targets, order, (table, weights, bias), rates, 0.0, np.uint64(1))
    E, W, b = (array.astype(np.float64) for array in start)
    losses = []
    for step, text in enumerate(order):
        taken = rows[starts[text] : starts[text + 1]]
        if not len(taken):
            continue
        mean = E[taken].mean(axis=0)
        p = np.exp(W @ mean + b)
        p /= p.sum()
        losses.append(-np.log(p[targets[text]]))
        p[targets[text]] -= 1
        toward = p @ W
        W -= rates[step] * np.outer(p, mean)
        b -= rates[step] * p
        E[taken] -= rates[step] * toward / len(taken)
    np.testing.assert_allclose(table, E, atol=1e-6)
    np.testing.assert_allclose(weights, W, atol=1e-6)
    np.testing.assert_allclose(bias, b, atol=1e-6)
    assert loss == pytest.approx(sum(losses) / 3, rel=1e-5)


def test_it_learns_and_the_seed_decides() -> None:
    bag = _bag()
    assert (bag.predict(TEXTS).argmax(axis=1) == TARGETS).all()
    new = bag.predict(["cold wind", "BREAD!", "trains"])
    assert new.argmax(axis=1).tolist() == [2, 0, 1]
    assert (_bag().table == bag.table).all() and not (_bag(seed=1).table == bag.table).all()


def test_a_text_of_unknown_ngrams_gets_what_the_bias_says() -> None:
    bag = _bag()
    powers = np.exp(bag.bias - bag.bias.max())
    for text in ("", "  ", "ЖЖ", "\0"):
        np.testing.assert_allclose(bag.predict([text])[0], powers / powers.sum(), atol=1e-7)
    assert bag.predict([]).shape == (0, 3)


def test_the_rarest_buckets_go_first() -> None:
    bag = _bag(max_rows=2, epochs=1)
    assert len(bag.buckets) == 2 and len(bag.table) == 2
    held = [bool(bag.vectors([text]).any()) for text in TEXTS]
    assert sum(held) >= 4  # those of " and " stand in four texts, all others in fewer
    with pytest.raises(TrainingError, match="no n-gram stands in 7 texts"):
        _bag(min_rows=7)
