"""A corpus encoded once, in memory or through a folder."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from tests.shared_files import DATA

from headway.core.errors import DataError, UsageError
from headway.data.word_corpus import LONGEST_SENTENCE, encode, lowercase_words, read_sentences

AUSTEN = DATA / "lm_austen" / "persuasion.txt"


@pytest.mark.skipif(not AUSTEN.is_file(), reason="shared/data/lm_austen is not here")
def test_it_holds_the_frequent_words_in_their_order(tmp_path: Path) -> None:
    corpus = encode(read_sentences(AUSTEN), min_count=5)
    texts = [lowercase_words(line) for line in AUSTEN.read_text(encoding="utf-8-sig").split("\n")]
    counts = Counter(word for words in texts for word in words)
    expected = [(word, count) for word, count in counts.most_common() if count >= 5]
    assert list(zip(corpus.words, corpus.counts.tolist(), strict=True)) == expected
    known = set(corpus.words)
    told = [corpus.words[token] for token in corpus.tokens]
    assert told == [word for words in texts for word in words if word in known]
    lengths = [sum(word in known for word in words) for words in texts]
    assert np.diff(corpus.starts)[: len(lengths)].tolist() == lengths[: len(corpus.starts) - 1]
    assert corpus.total == sum(counts.values())
    streamed = encode(read_sentences(AUSTEN), min_count=5, folder=tmp_path)
    assert np.array_equal(streamed.tokens, corpus.tokens) and np.array_equal(streamed.starts, corpus.starts)
    assert [path.name for path in tmp_path.iterdir()] == ["tokens.int32"]


def test_long_sentences_are_cut_into_several_and_empty_ones_do_no_harm(tmp_path: Path) -> None:
    sentences = [[], ["a", "b"] * LONGEST_SENTENCE, ["rare"], ["b", "rare", "a"], []]
    for folder in (None, tmp_path):
        corpus = encode(sentences, min_count=2, folder=folder)
        assert corpus.words == ["a", "b", "rare"]
        assert np.diff(corpus.starts).tolist() == [0, LONGEST_SENTENCE, LONGEST_SENTENCE, 1, 3, 0]
        assert corpus.tokens[-4:].tolist() == [2, 1, 2, 0]
        bounds = corpus.jobs(LONGEST_SENTENCE // 2)
        assert bounds[0] == 0 and bounds[-1] == 6 and (np.diff(bounds) > 0).all()


def test_words_are_small_letters_without_punctuation() -> None:
    assert lowercase_words("Don’t stop: 3 naïve-ish 'quotes'!") == [
        "don’t",
        "stop",
        "3",
        "naïve",
        "ish",
        "quotes",
    ]


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has no \.txt file"):
        list(read_sentences(tmp_path))
    (tmp_path / "a.txt").write_bytes(b"good\n\xff\n")
    with pytest.raises(DataError, match=r"a\.txt, after line \d: is no UTF-8"):
        list(read_sentences(tmp_path))
    with pytest.raises(UsageError, match="'letters' is not known"):
        list(read_sentences(tmp_path, "letters"))
    with pytest.raises(DataError, match="holds no word 5 times"):
        encode([["a", "b"]])
