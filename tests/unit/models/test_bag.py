"""The n-gram classifier against scikit-learn's vectorizer, which defines its features."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

from headway.core.progress import Silent
from headway.models.bag import Bag, BagConfig, character_ngrams, word_ngrams

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
    assert bag.blocks[0].vocabulary == list(reference.get_feature_names_out())
    for text, row in zip(TEXTS, expected, strict=True):
        positions, values = bag.blocks[0].vector(word_ngrams(text.lower(), 1, 2))
        dense = np.zeros(len(row))
        dense[positions] = values
        np.testing.assert_allclose(dense, row, atol=1e-6)


def test_the_rarest_ngrams_go_first_when_there_are_too_many() -> None:
    texts = ["aa bb", "aa cc", "aa bb", "aa dd"]
    config = BagConfig(min_rows=1, max_weights=6)
    bag = Bag.fit(("x", "y"), texts, np.array([0, 1, 0, 1]), config, 0, Silent())
    assert bag.weights.size <= 6
    assert "aa" in bag.blocks[0].vocabulary


def test_a_text_without_any_known_ngram_gets_probabilities() -> None:
    bag = Bag.fit(("a", "b", "c"), TEXTS, np.array([0, 1, 2] * 2), BagConfig(min_rows=1), 0, Silent())
    for text in ("", "ЖЖЖЖ", " "):
        np.testing.assert_allclose(bag.predict([text]).sum(), 1.0)
