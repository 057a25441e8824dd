"""Pairs of texts as one sequence of ids, whatever the tokenizer."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.core.errors import DataError, UsageError
from headway.data.characters import CharacterTokenizer
from headway.data.pair_encoding import _longest_first, encode_pairs
from headway.data.tokenizers import Tokenizer
from headway.data.units import words_of

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


@pytest.fixture
def wordpieces(tmp_path: Path) -> Tokenizer:
    (tmp_path / "vocab.txt").write_text("\n".join([*SPECIAL, "a", "b", "c", "d"]) + "\n")
    return Tokenizer.from_wordpiece_vocabulary(tmp_path / "vocab.txt", lowercase=True)


def test_berts_form(wordpieces: Tokenizer) -> None:
    found = encode_pairs(wordpieces, [("a b", "c"), ("", ""), ("a a a a a", "b b b")], 9)
    assert [ids.tolist() for ids in found.ids] == [
        [2, 5, 6, 3, 7, 3],
        [2, 3, 3],
        [2, 5, 5, 5, 3, 6, 6, 6, 3],
    ]
    assert found.cut == 1
    assert encode_pairs(wordpieces, [], 9).ids == []
    with pytest.raises(UsageError, match="at least 5"):
        encode_pairs(wordpieces, [("a", "b")], 4)
    with pytest.raises(DataError, match="number 1 is not valid Unicode"):
        encode_pairs(wordpieces, [("a", "\ud800")], 9)


def test_a_delimiter_where_there_is_no_form() -> None:
    tokenizer = words_of(["a b c d"])
    ids = {word: tokenizer.vocabulary.index(word) for word in "abcd"}
    found = encode_pairs(tokenizer, [("a b", "c"), ("a a a", "b")], 4)
    assert found.ids[0].tolist() == [ids["a"], ids["b"], tokenizer.end, ids["c"]]
    assert found.ids[1].tolist() == [ids["a"], ids["a"], tokenizer.end, ids["b"]] and found.cut == 1
    with pytest.raises(UsageError, match="at least 3"):
        encode_pairs(tokenizer, [("a", "b")], 2)
    words = encode_pairs(CharacterTokenizer(), [("one two", "three")], 10).ids[0]
    assert words.shape[0] == 4 and np.array_equal(words[2:3], CharacterTokenizer().nothing)


@given(st.integers(0, 30), st.integers(0, 30), st.integers(2, 40))
def test_the_longer_text_loses_its_end_first(first: int, second: int, room: int) -> None:
    expected = [first, second]
    while sum(expected) > room:
        expected[
            0 if expected[0] > expected[1] or (expected[0] == expected[1] and first < second) else 1
        ] -= 1
    found = _longest_first(first, second, room)
    assert sum(found) == sum(expected) and abs(found[0] - expected[0]) <= 1
    assert found[0] <= first and found[1] <= second
