"""Vocabularies of T5's kind that are made here."""

from pathlib import Path

import numpy as np
import pytest

from headway.core.errors import DataError
from headway.data.sentencepiece import SentencePieceTokenizer
from headway.data.unigram import read_unigram, train_unigram

LINES = ["the rain in Spain stays mainly in the plain", "a café, a naïve ﬁlm\tand 3 trains"] * 5


def test_a_vocabulary_has_t5s_special_tokens_and_the_texts_pieces(tmp_path: Path) -> None:
    tokenizer = train_unigram(LINES, 180)
    assert (tokenizer.pad, tokenizer.end, tokenizer.unknown) == (0, 1, 2) and tokenizer.vocab_size <= 180
    assert len(tokenizer.sentinels) == 100 and tokenizer.sentinels[0] == tokenizer.vocab_size - 1
    (ids,) = tokenizer.encode(["  the  trains\n stay <extra_id_1>"], 99).ids
    assert tokenizer.decode(ids) == "the trains stay" and ids[-1] == 1 and tokenizer.sentinels[1] in ids
    assert tokenizer.decode(tokenizer.pieces(["ﬁlm"])[0]) == "film"  # NFKC
    assert 2 in tokenizer.pieces(["Ω"])[0]
    assert len(tokenizer.pieces(["in the plain"])[0]) < 5  # words, not letters
    tokenizer.save(tmp_path, max_tokens=64)
    again = read_unigram(tmp_path / "tokenizer.json")
    assert isinstance(again, SentencePieceTokenizer)
    for line in LINES[:2]:
        assert np.array_equal(again.pieces([line])[0], tokenizer.pieces([line])[0])


def test_the_likeliest_cut_of_the_commonest_words_is_whole() -> None:
    tokenizer = train_unigram(LINES, 180)
    scores = {piece.text: piece.score for piece in tokenizer._pieces}
    assert scores["▁in"] > scores["f"] and len(tokenizer.pieces(["in"])[0]) == 1
    learned = [score for text, score in scores.items() if not text.startswith("<")]
    assert np.exp(learned).sum() == pytest.approx(1)


def test_texts_without_words_are_refused() -> None:
    with pytest.raises(DataError, match="holds no words"):
        train_unigram([" ", "\t"], 180)
