"""The n-gram classifier against scikit-learn's vectorizer, which defines its features."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import Ridge
from sklearn.pipeline import FeatureUnion

from headway.core.progress import Silent
from headway.models.bag import Bag, BagConfig
from headway.models.ngrams import OVERLAPS, character_ngrams, overlap, word_ngrams

TEXTS = [
    "What is an atom ?",
    "Who was Galileo Galilei, and who was not?",
    "ÉTÉ à la plage; l'été!",
    "한국어 문장도 있습니다",
    "what an x was",
    "the cat sat on the mat, the mat sat still",
]


@given(st.text(max_size=60))
def test_ngrams_are_those_of_scikit_learn(text: str) -> None:
    lowered = text.lower()
    words = TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"(?u)\w+").build_analyzer()
    characters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5)).build_analyzer()
    assert sorted(word_ngrams(lowered, 1, 2)) == sorted(words(text))
    assert sorted(character_ngrams(lowered, 2, 5)) == sorted(characters(text))


@pytest.mark.parametrize("min_rows", [1, 2])
def test_weights_are_those_of_scikit_learn(min_rows: int) -> None:
    bag = Bag.fit(("a", "b"), TEXTS, np.array([0, 1] * 3), BagConfig(min_rows=min_rows), 0, Silent())
    reference = TfidfVectorizer(
        ngram_range=(1, 2), token_pattern=r"(?u)\w+", min_df=min_rows, sublinear_tf=True
    ).fit(TEXTS)
    expected = reference.transform(TEXTS).toarray()
    assert bag.ngrams.words.vocabulary == list(reference.get_feature_names_out())
    for text, row in zip(TEXTS, expected, strict=True):
        positions, values = bag.ngrams.words.vector(word_ngrams(text.lower(), 1, 2))
        dense = np.zeros(len(row))
        dense[positions] = values
        np.testing.assert_allclose(dense, row, atol=1e-6)


def test_the_rarest_ngrams_go_first_when_there_are_too_many() -> None:
    texts = ["aa bb", "aa cc", "aa bb", "aa dd"]
    config = BagConfig(min_rows=1, max_weights=6)
    bag = Bag.fit(("x", "y"), texts, np.array([0, 1, 0, 1]), config, 0, Silent())
    assert bag.weights.size <= 6
    assert "aa" in bag.ngrams.words.vocabulary


def test_a_text_without_any_known_ngram_gets_probabilities() -> None:
    bag = Bag.fit(("a", "b", "c"), TEXTS, np.array([0, 1, 2] * 2), BagConfig(min_rows=1), 0, Silent())
    for text in ("", "ЖЖЖЖ", " "):
        np.testing.assert_allclose(bag.predict([text]).sum(), 1.0)


PAIRS = [
    (f"the cat {i} sat", f"{word} {i} sat on it") for i, word in enumerate(["a cat", "dogs", "the cat"] * 10)
]


def test_ngrams_of_pairs_know_their_side_and_what_is_shared(tmp_path: Path) -> None:
    targets = np.array([float(first.split()[1] in second) for first, second in PAIRS])
    bag = Bag.fit(("no", "yes"), PAIRS, targets.astype(int), BagConfig(min_rows=2), 0, Silent())
    kept = set(bag.ngrams.words.vocabulary)
    assert {"<the cat", ">a cat", "=cat", "=sat"} <= kept and "cat" not in kept
    assert (bag.predict(PAIRS).argmax(axis=1) == targets).all()
    bag.save(tmp_path)
    np.testing.assert_array_equal(Bag.load(tmp_path).predict(PAIRS), bag.predict(PAIRS))
    assert bag.predict([("", "")]).shape == (1, 2) and bag.predict([]).shape == (0, 2)


def test_numbers_are_ridge_regression(tmp_path: Path) -> None:
    numbers = 100 + 20 * np.array([len(text) for text in TEXTS * 4], np.float64)
    bag = Bag.fit((), TEXTS * 4, numbers, BagConfig(ridge=0.1), 0, Silent())
    reference = FeatureUnion(
        [
            (
                "words",
                TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"(?u)\w+", min_df=2, sublinear_tf=True),
            ),
            ("letters", TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), min_df=2, sublinear_tf=True)),
        ]
    )
    theirs = Ridge(alpha=0.1).fit(reference.fit_transform(TEXTS * 4).toarray(), numbers)
    expected = theirs.predict(reference.transform(TEXTS).toarray())
    np.testing.assert_allclose(bag.predict(TEXTS), expected, rtol=1e-3)
    bag.save(tmp_path)
    np.testing.assert_array_equal(Bag.load(tmp_path).predict(TEXTS), bag.predict(TEXTS))
    assert bag.settings["ridge"] == 0.1 and "inverse_regularisation" not in bag.settings


def test_what_two_texts_share() -> None:
    rows = overlap([("A b c", "a B c"), ("a b 3", "x y 4"), ("", "")])
    np.testing.assert_allclose(rows[0], 1)
    assert rows[1][0] == 0 and rows[1][-1] == 0 and rows[1][-2] == 1
    assert np.isfinite(rows).all() and overlap([]).shape == (0, OVERLAPS)
