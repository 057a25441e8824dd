import json
from pathlib import Path

import numpy as np
import pytest

from headway.core.errors import DataError, UsageError
from headway.data.sentencepiece import SentencePieceTokenizer
from shared_files import TOKENIZERS

MODEL = TOKENIZERS / "t5_tokenizer_base.model"


@pytest.fixture(scope="module")
def tokenizer() -> SentencePieceTokenizer:
    if not MODEL.is_file():
        pytest.skip("T5's vocabulary is not among the fixtures")
    return SentencePieceTokenizer.from_model(MODEL)


def test_the_published_vocabulary(tokenizer: SentencePieceTokenizer) -> None:
    assert tokenizer.vocab_size == 32_100
    assert (tokenizer.pad, tokenizer.end, tokenizer.unknown) == (0, 1, 2)
    assert tokenizer.sentinels.tolist() == list(range(32_099, 31_999, -1))
    assert tokenizer.encode(["Hello world"], 10).ids[0].tolist() == [8774, 296, 1]
    assert tokenizer.pieces(["Hello world", ""])[0].tolist() == [8774, 296]


def test_a_long_text_loses_its_end_and_is_counted(tokenizer: SentencePieceTokenizer) -> None:
    encoded = tokenizer.encode(["Hello world", "Hello", ""], 2)
    assert [row.tolist() for row in encoded.ids] == [[8774, 1], [8774, 1], [1]]
    assert encoded.cut == 1
    with pytest.raises(UsageError, match="max_tokens must be at least 2, found 1"):
        tokenizer.encode(["Hello"], 1)


def test_ids_become_text_again(tokenizer: SentencePieceTokenizer) -> None:
    text = "The <extra_id_0> walks in <extra_id_1> park"
    (ids,) = tokenizer.encode([text], 100).ids
    assert ids[1] == 32_099
    assert tokenizer.decode(ids) == "The walks in park"
    assert tokenizer.decode(ids, special=True) == "The<extra_id_0> walks in<extra_id_1> park</s>"
    assert tokenizer.decode(tokenizer.pieces(["snow: ☃"])[0]) == "snow:  ⁇ "
    assert tokenizer.decode([]) == ""
    for text in ("It's 3.50 $, isn't it?", "Grüße aus Köln", "l'e\u0301te\u0301"):
        (ids,) = tokenizer.pieces([f"  {text}\n"])
        assert tokenizer.decode(ids) == text.replace("e\u0301", "é")
    with pytest.raises(UsageError, match="no piece has the id 32100; there are 32100"):
        tokenizer.decode([5, 32_100])


def test_special_tokens_are_those_written_in_plain_letters(tokenizer: SentencePieceTokenizer) -> None:
    """What only becomes their letters when characters are replaced is ordinary text."""
    (found, wide) = tokenizer.pieces(["a</s>b", "a＜/s＞b"])
    assert found.tolist().count(1) == 1
    assert 1 not in wide
    assert tokenizer.decode(wide) == "a ⁇ /s>b"  # no piece holds <, in T5


def test_saved_and_loaded_it_is_the_same(tokenizer: SentencePieceTokenizer, tmp_path: Path) -> None:
    tokenizer.save(tmp_path, max_tokens=512)
    again = SentencePieceTokenizer.load(tmp_path / "tokenizer.json")
    texts = [
        "Tie\u0302\u0301ng Vie\u0323\u0302t",
        "½ ﬁne <extra_id_3>",
        "tabs\tand\u3000spaces ",
        "",
        "</s><pad>",
    ]
    for ours, theirs in zip(again.pieces(texts), tokenizer.pieces(texts), strict=True):
        assert np.array_equal(ours, theirs)
    assert json.loads((tmp_path / "tokenizer_config.json").read_text())["model_max_length"] == 512


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda data: b"", "no text are not <pad>, </s> and <unk>"),
        (lambda data: data[:1003], "ends within a field"),
        (lambda data: b"\x1b" + data, "field 3 is of kind 3"),
        (lambda data: data.replace(b"nmt_nfkc", b"nmt_nfk1"), "normalizer is b'nmt_nfk1' instead of"),
        (lambda data: data.replace(b"</s>", b"<s/>"), "no text are not <pad>, </s> and <unk>"),
        (lambda data: b"\xff" * 50, "is no SentencePiece vocabulary"),
    ],
)
def test_what_is_no_such_vocabulary_is_refused(tmp_path: Path, damage: object, problem: str) -> None:
    if not MODEL.is_file():
        pytest.skip("T5's vocabulary is not among the fixtures")
    assert callable(damage)
    path = tmp_path / "spiece.model"
    path.write_bytes(damage(MODEL.read_bytes()))
    with pytest.raises(DataError, match=problem):
        SentencePieceTokenizer.from_model(path)


def test_a_file_that_is_missing_or_no_tokenizer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read: No such file"):
        SentencePieceTokenizer.from_model(tmp_path / "spiece.model")
    (tmp_path / "tokenizer.json").write_text('{"model": {"vocab": []}}')
    with pytest.raises(DataError, match="no tokenizer file of T5"):
        SentencePieceTokenizer.load(tmp_path / "tokenizer.json")


def test_a_text_that_is_no_unicode_is_refused(tokenizer: SentencePieceTokenizer) -> None:
    with pytest.raises(DataError, match="number 1 is not valid Unicode at character 1"):
        tokenizer.pieces(["fine", "b\ud800d"])
    with pytest.raises(DataError, match="number 0 is not a text but NoneType"):
        tokenizer.encode([None], 5)  # type: ignore[list-item]
