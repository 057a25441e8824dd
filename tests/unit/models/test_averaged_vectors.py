"""Averaged word vectors: the weights and the removed direction by hand, and what is not known."""

from pathlib import Path

import numpy as np

from headway.models.averaged_vectors import AveragedConfig, AveragedVectors
from headway.models.pair_features import side_by_side
from headway.models.subwords import Subwords
from headway.models.word_vectors import WordVectors

WORDS = ["the", ",", "rain", "soup", "snow", "Bread"]
MATRIX = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
TEXTS = ["the rain, the snow", "soup the BREAD", "Bread soup", "rain snow zzz", "", "zzz"]
TARGETS = np.array([0, 1, 1, 0, 0, 1])


def _fit(counts: np.ndarray | None) -> AveragedVectors:
    vectors = WordVectors(WORDS, MATRIX, counts=counts)
    return AveragedVectors.fit(("a", "b"), TEXTS, TARGETS, vectors, AveragedConfig(a=0.1))


def test_the_mean_is_weighted_and_its_common_part_removed() -> None:
    counts = np.array([50, 20, 10, 10, 6, 4])
    fitted = _fit(counts)
    weights = 0.1 / (0.1 + counts / 100)
    v = weights[:, None] * MATRIX.astype(np.float16)
    expected = np.array(
        [(2 * v[0] + v[1] + v[2] + v[4]) / 5, (v[3] + v[0]) / 2, (v[5] + v[3]) / 2, (v[2] + v[4]) / 2]
        + [np.zeros(4)] * 2
    )
    found, known = fitted.mean.of(TEXTS)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert known == fitted.known_words == 11 / 14
    first = np.linalg.svd(expected)[2][0]
    np.testing.assert_allclose(
        fitted.mean.without_common(found), expected - np.outer(expected @ first, first), atol=1e-5
    )


def test_without_counts_the_rank_decides() -> None:
    shares = 1 / (np.arange(1, 7) + 2.7)
    np.testing.assert_allclose(_fit(None).mean.weights, 0.1 / (0.1 + shares / shares.sum()), rtol=1e-6)


def test_texts_without_known_words_all_get_the_same() -> None:
    fitted = _fit(None)
    found = fitted.predict(["", "zzz", "한국어", "🌧️"])
    assert (found == found[0]).all()
    np.testing.assert_allclose(found.sum(axis=1), 1)
    nothing = WordVectors(["other"], np.ones((1, 4), np.float32))
    fitted = AveragedVectors.fit(("a", "b"), TEXTS, TARGETS, nothing, AveragedConfig())
    assert fitted.known_words == 0 and np.isfinite(fitted.predict(TEXTS)).all()


def test_a_word_that_is_not_listed_has_the_mean_of_its_subwords(tmp_path: Path) -> None:
    subwords = Subwords(3, 4, np.random.default_rng(1).normal(size=(50, 4)).astype(np.float32))
    vectors = WordVectors(WORDS, MATRIX, subwords=subwords)
    fitted = AveragedVectors.fit(("a", "b"), TEXTS, TARGETS, vectors, AveragedConfig(a=0.1))
    found, known = fitted.mean.of(["zzz", "rain zzz unseen", "", "rain Rain"])
    halved = subwords.astype(np.float16)
    zzz, unseen = halved.vector("zzz"), halved.vector("unseen")
    rain = fitted.mean.weights[2] * MATRIX[2].astype(np.float16)
    expected = np.array([zzz, (rain + zzz + unseen) / 3, np.zeros(4), rain])
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert known == fitted.known_words == 1
    assert fitted.settings["subwords"] == 50
    fitted.save(tmp_path)
    again = AveragedVectors.load(tmp_path)
    assert again.parameters == fitted.parameters
    assert np.array_equal(again.predict([*TEXTS, "new wörds"]), fitted.predict([*TEXTS, "new wörds"]))


def test_of_a_pair_both_vectors_are_read_and_how_they_differ(tmp_path: Path) -> None:
    pairs = list(zip(TEXTS, TEXTS[::-1], strict=True))
    numbers = np.array([0.5, 2.0, 1.0, -3.0, 0.0, 1.5])
    vectors = WordVectors(WORDS, MATRIX)
    fitted = AveragedVectors.fit((), pairs, numbers, vectors, AveragedConfig(ridge=1e-6))
    u, v = (fitted.mean.without_common(fitted.mean.of(list(side))[0]) for side in zip(*pairs, strict=True))
    features = side_by_side([u, v])
    assert features.shape == (6, 4 * 4 + 1)
    np.testing.assert_allclose(features[:, 8:16], np.hstack([abs(u - v), u * v]))
    lengths = np.sqrt((u * u).sum(axis=1) * (v * v).sum(axis=1))
    known = lengths > 0
    np.testing.assert_allclose(features[known, 16], (u * v).sum(axis=1)[known] / lengths[known], rtol=1e-5)
    assert (features[~known, 16] == 0).all()
    said = fitted.predict(pairs)
    np.testing.assert_allclose(said, fitted.head.numbers(features), rtol=1e-6)
    np.testing.assert_allclose(
        said[[0, 1, 2, 3]], numbers[[0, 1, 2, 3]], atol=0.01
    )  # six rows, seventeen features
    assert "ridge" in fitted.settings and "inverse_regularisation" not in fitted.settings
    fitted.save(tmp_path)
    assert np.array_equal(AveragedVectors.load(tmp_path).predict(pairs), said)
    assert fitted.predict([]).shape == (0,)


def test_a_text_has_several_labels_or_none(tmp_path: Path) -> None:
    wanted = np.array([[1, 0], [0, 1], [0, 1], [1, 0], [1, 1], [0, 0]], dtype=bool)
    texts = ["rain", "soup", "Bread", "snow", "rain soup snow Bread", "the"]
    vectors = WordVectors(WORDS, MATRIX)
    fitted = AveragedVectors.fit(
        ("weather", "food"), texts, wanted, vectors, AveragedConfig(inverse_regularisation=1e3)
    )
    assert ((fitted.predict(texts) > 0.5) == wanted).all()
    fitted.save(tmp_path)
    assert np.array_equal(AveragedVectors.load(tmp_path).predict(texts), fitted.predict(texts))
    assert fitted.predict([]).shape == (0, 2)
