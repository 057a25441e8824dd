"""Words as character ids, in ELMo's way."""

from pathlib import Path

import numpy as np
import pytest

from headway.core import characters
from headway.core.errors import DataError
from headway.core.files import write_json
from headway.data.characters import FILE, CharacterTokenizer
from headway.data.words import split_words


def test_words_and_marks() -> None:
    assert split_words("It's 3.5, isn't it?\n\u2019s end") == [
        *["It's", "3", ".", "5", ",", "isn't", "it", "?", "\u2019s", "end"],
    ]
    assert split_words(" \t\n") == []


def test_a_word_is_its_bytes_between_marks() -> None:
    (row,) = CharacterTokenizer().words(["né"])
    assert row.tolist() == [258, ord("n"), 0xC3, 0xA9, 259, *[260] * 45]
    assert characters.frame([characters.SENTENCE_BEGIN])[:4] == [258, 256, 259, 260]
    assert CharacterTokenizer().words([]).shape == (0, 50)


def test_what_is_cut_is_counted() -> None:
    tokenizer = CharacterTokenizer()
    texts = ["a b c", "a b", "x" * 48, "x" * 49, "ß" * 25, ""]
    encoded = tokenizer.encode(texts, 2)
    assert [len(row) for row in encoded.ids] == [2, 2, 1, 1, 1, 0]
    assert encoded.cut == 3  # too many words; 49 bytes; 25 letters of two bytes
    assert encoded.ids[3][0].tolist() == [258, *[ord("x")] * 48, 259]
    assert tokenizer.nothing.tolist() == [characters.frame([])]


def test_what_is_no_unicode_is_refused() -> None:
    with pytest.raises(DataError, match="not valid Unicode"):
        CharacterTokenizer().encode(["a\ud800"], 5)


def test_the_file_says_how_words_are_cut(tmp_path: Path) -> None:
    CharacterTokenizer(20).save(tmp_path, max_tokens=7)
    again = CharacterTokenizer.load(tmp_path / FILE)
    assert np.array_equal(again.words(["word"]), CharacterTokenizer(20).words(["word"]))
    write_json(tmp_path / FILE, {"format": 1, "words": "spaCy", "width": 50})
    with pytest.raises(DataError, match="cuts words in a way that this version does not know"):
        CharacterTokenizer.load(tmp_path / FILE)
