"""Vocabularies of whole words: the pieces are `split_words`', and fastai's lists are read without being run."""

import os
import pickle
from pathlib import Path

import pytest

from headway.core.errors import DataError
from headway.data.pickled_words import read_pickled_words
from headway.data.tokenizers import Tokenizer
from headway.data.word_vocabulary import train_words, word_tokenizer
from headway.data.words import split_words

LINES = ["The cat's mat, the mat!", "the dog -- can't 's", "café CAFÉ café Straße 3.5", "아버지가 방에 방에"]


def test_its_pieces_are_the_words(tmp_path: Path) -> None:
    tokenizer = train_words(LINES, 100, lowercase=True, least=1)
    for line in LINES:
        pieces = [tokenizer.vocabulary[index] for index in tokenizer.pieces([line])[0]]
        assert pieces == [word.lower() for word in split_words(line)]
    tokenizer.save(tmp_path, max_tokens=50)
    again = Tokenizer.load(tmp_path / "tokenizer.json")
    assert again.vocabulary == tokenizer.vocabulary
    assert [row.tolist() for row in again.pieces(LINES)] == [row.tolist() for row in tokenizer.pieces(LINES)]


def test_the_commonest_words_are_kept_and_the_others_are_unknown() -> None:
    tokenizer = train_words(LINES, 5, lowercase=True)
    assert tokenizer.vocabulary == ["[UNK]", "<|endoftext|>", "café", "the", "-"]
    assert tokenizer.end == 1 and tokenizer.unknown == 0
    assert tokenizer.pieces(["The dog, the mat"])[0].tolist() == [3, 0, 0, 3, 0]
    assert tokenizer.decode([3, 2]) == "the café"
    cased = train_words(LINES, 100, lowercase=False)
    assert "CAFÉ" not in cased.vocabulary and "the" in cased.vocabulary  # CAFÉ is there once


def test_fastais_list_of_words(tmp_path: Path) -> None:
    words = ["xxunk", "xxpad", "xxbos", "the", "cat", "été"]
    for protocol in range(2, 6):
        path = tmp_path / f"itos_{protocol}.pkl"
        path.write_bytes(pickle.dumps(words, protocol))
        assert read_pickled_words(path) == words
    tokenizer = word_tokenizer(read_pickled_words(path), lowercase=True)
    assert tokenizer.pieces(["The dog"])[0].tolist() == [3, 0]
    assert tokenizer.end == 2  # xxbos begins each text
    with pytest.raises(DataError, match="no word stands for the unknown ones"):
        word_tokenizer(["a", "b"], lowercase=True)


_REFUSED = r"holds more than a list of words|is no list of different words"


class _Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("made-by-a-pickle",)


def test_a_pickle_with_anything_else_is_refused_and_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "itos.pkl"
    for content in (pickle.dumps(["a", _Evil()]), pickle.dumps({"a": 1}), pickle.dumps(["a", "a b", ["c"]])):
        path.write_bytes(content)
        with pytest.raises(DataError, match=_REFUSED):
            read_pickled_words(path)
    path.write_bytes(pickle.dumps(["word"] * 3))
    with pytest.raises(DataError, match=_REFUSED):
        read_pickled_words(path)
    path.write_bytes(pickle.dumps(["a", "b"])[:-5])
    with pytest.raises(DataError, match="cannot be read"):
        read_pickled_words(path)
    assert not (tmp_path / "made-by-a-pickle").exists()
