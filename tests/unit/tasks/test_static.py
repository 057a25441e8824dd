"""Distilled vectors: a token's row is what the encoder makes of it alone; the mean, by hand; the cache."""

from pathlib import Path

import numpy as np
import pytest
import torch

from headway.core.progress import Silent
from headway.tasks import static_table as module
from headway.tasks.encoder import TextEncoder
from headway.tasks.static import StaticMean
from headway.tasks.static_table import distil, is_distilled, reduced, static_table, token_vectors
from headway.weights import cache, catalog


@pytest.fixture
def encoder(tiny_zoo: Path) -> TextEncoder:
    cache.fetch(catalog.find("minilm"))
    return TextEncoder.open("minilm", torch.device("cpu"))


def test_a_token_goes_through_the_encoder_alone(encoder: TextEncoder) -> None:
    words = ["rain", "cheese", "train"]
    rows = [encoder.tokenizer.pieces([word])[0][0] for word in words]  # type: ignore[union-attr]
    found = token_vectors(encoder, range(encoder.tokenizer.vocab_size))  # type: ignore[union-attr]
    np.testing.assert_allclose(found[rows], encoder.layer_means(words, 1), atol=1e-5)


def test_components_keep_distances_and_have_fixed_signs() -> None:
    vectors = np.random.default_rng(0).normal(size=(40, 6)) * [9, 5, 3, 1, 0, 0]
    whole, few = reduced(vectors, 6), reduced(vectors, 4)
    np.testing.assert_allclose(whole[:, :4], few, atol=1e-9)
    between = np.linalg.norm(vectors[:, None] - vectors, axis=-1)
    np.testing.assert_allclose(np.linalg.norm(few[:, None] - few, axis=-1), between, atol=1e-9)
    assert (np.diff(few.var(axis=0)) < 0).all()
    turned = vectors @ np.linalg.qr(np.random.default_rng(1).normal(size=(6, 6)))[0]
    np.testing.assert_allclose(np.abs(reduced(turned, 4)), np.abs(few), atol=1e-9)


def test_tokens_are_weighted_by_their_share_and_means_scaled() -> None:
    table = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float16)
    ids = [np.array([0, 0, 1], np.int32), np.array([0, 2], np.int32), np.array([], np.int32)]
    mean = StaticMean.fit(table, ids, 0.1)
    weighted = table * (0.1 / (0.1 + np.array([3, 1, 1, 0, 0]) / 5))[:, None]
    plain = np.stack([(2 * weighted[0] + weighted[1]) / 3, (weighted[0] + weighted[2]) / 2, np.zeros(3)])
    scaled = (plain - plain.mean(axis=0)) / plain.std(axis=0) / np.sqrt(3)
    np.testing.assert_allclose(mean.of(ids), scaled, atol=1e-3)
    assert np.isfinite(StaticMean.fit(table, [ids[2]], 0.1).of([ids[2]])).all()


def test_a_table_is_distilled_once(encoder: TextEncoder, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_distilled(encoder)
    first = static_table(encoder, Silent())
    assert is_distilled(encoder) and first.dtype == np.float16
    np.testing.assert_array_equal(first, distil(encoder, Silent()))

    def never(*_: object) -> np.ndarray:
        raise AssertionError("distilled again")

    monkeypatch.setattr(module, "distil", never)
    np.testing.assert_array_equal(static_table(encoder, Silent()), first)
    with torch.no_grad():
        next(iter(encoder.backbone.parameters())).add_(1)  # type: ignore[attr-defined]
    assert not is_distilled(encoder)
