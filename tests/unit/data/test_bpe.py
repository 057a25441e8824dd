"""Byte-pair encoding: merges recovered from a vocabulary alone, and files that do not fit."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from headway.core.errors import DataError, UsageError
from headway.data import bpe
from headway.data.bpe import (
    gpt2_tokenizer,
    gpt_tokenizer,
    read_bytes,
    read_merges,
    read_vocabulary,
    recover_merges,
    text_parts,
    train_bytes,
    write_merges,
)
from headway.data.tokenizers import Tokenizer
from shared_files import TOKENIZERS

# Of the file that the weights of 2018 were published with, as nixpkgs pins it.
OPENAI_GPT_MERGES = "0ea9b51ae695073cd871e0358f7016311d671a7ff3963e367d5236522f294725"


def _fixture(name: str) -> Path:
    if not (TOKENIZERS / name).is_file():
        pytest.skip(f"{name} is not among the fixtures")
    return TOKENIZERS / name


@pytest.fixture
def toy(tmp_path: Path) -> tuple[Path, Path]:
    """The files of a vocabulary of a few pieces, as GPT-2's are."""
    merges = [("h", "e"), ("l", "l"), ("he", "ll"), ("hell", "o"), ("Ġ", "hello")]
    pieces = [*"helo", "Ġ", *(first + second for first, second in merges), "<|endoftext|>"]
    vocabulary = tmp_path / "vocab.json"
    vocabulary.write_text(json.dumps({piece: index for index, piece in enumerate(pieces)}))
    write_merges(tmp_path / "merges.txt", merges)
    return vocabulary, tmp_path / "merges.txt"


def test_a_toy_there_and_back(toy: tuple[Path, Path], tmp_path: Path) -> None:
    tokenizer = gpt2_tokenizer(*toy)
    assert tokenizer.vocab_size == 11 and tokenizer.end == 10 and not tokenizer.lowercase
    encoded = tokenizer.encode(["hello hello", "", "hole<|endoftext|>"], 9)
    assert [row.tolist() for row in encoded.ids] == [[8, 9], [], [0, 3, 2, 1, 10]]
    assert tokenizer.encode(["hello hello"], 1).cut == 1
    assert [tokenizer.decode(row) for row in encoded.ids] == ["hello hello", "", "hole"]
    assert tokenizer.decode([10, 8], special=True) == "<|endoftext|>hello"
    tokenizer.save(tmp_path, max_tokens=12)
    again = Tokenizer.load(tmp_path / "tokenizer.json")
    assert again.end == 10 and again.encode(["hello"], 9).ids[0].tolist() == [8]
    with pytest.raises(UsageError, match="no piece has the id 11; there are 11"):
        tokenizer.decode([8, 11])
    with pytest.raises(UsageError, match="max_tokens must be at least 1"):
        tokenizer.encode(["hello"], 0)


def test_merges_of_a_toy_are_recovered(toy: tuple[Path, Path]) -> None:
    pieces = read_vocabulary(toy[0])
    assert recover_merges(pieces, special=("<|endoftext|>",)) == read_merges(toy[1])
    with pytest.raises(DataError, match=r"'hello' falls into 4 pieces[^G]*Give the file of merges"):
        recover_merges({piece: at for at, piece in enumerate(["h", "e", "l", "o", "he", "hello"])})


def test_gpt2s_merges_are_recovered_from_its_vocabulary_alone() -> None:
    pieces = read_vocabulary(_fixture("gpt2_bpe_encoder.json"))
    assert recover_merges(pieces, special=("<|endoftext|>",)) == read_merges(_fixture("gpt2_bpe_vocab.bpe"))


def test_gpts_merges_are_recovered_byte_for_byte(tmp_path: Path) -> None:
    pieces = read_vocabulary(_fixture("openai-gpt-vocab.json"))
    merges = recover_merges(pieces, suffix="</w>", special=("<unk>",))
    assert len(merges) == 40_000
    write_merges(tmp_path / "merges.txt", merges)
    assert hashlib.sha256((tmp_path / "merges.txt").read_bytes()).hexdigest() == OPENAI_GPT_MERGES
    recovered = gpt_tokenizer(_fixture("openai-gpt-vocab.json"))
    given = gpt_tokenizer(_fixture("openai-gpt-vocab.json"), tmp_path / "merges.txt")
    texts = ["It's a Truth universally acknowledged,", "naïve 😀"]
    rows = recovered.encode(texts, 99).ids
    assert [row.tolist() for row in rows] == [row.tolist() for row in given.encode(texts, 99).ids]
    assert recovered.decode(rows[0]) == "it ' s a truth universally acknowledged ,"
    assert recovered.end is None and recovered.lowercase
    assert recovered.decode(rows[1], special=True) == "naive <unk>"


def test_files_that_do_not_belong_together_are_refused(toy: tuple[Path, Path], tmp_path: Path) -> None:
    vocabulary, merges = toy
    merges.write_text("#version: 0.2\nh e\nhe o\n")
    with pytest.raises(DataError, match=r"merges 'he' and 'o', but vocab\.json has no piece 'heo'"):
        gpt2_tokenizer(vocabulary, merges)
    merges.write_text("h e\nhello\n")
    with pytest.raises(DataError, match=r"merges\.txt, line 2: holds no two pieces"):
        gpt2_tokenizer(vocabulary, merges)
    with pytest.raises(DataError, match="lacks <unk>"):
        gpt_tokenizer(vocabulary, merges)
    merges.write_text("h e\n")
    vocabulary.write_text(json.dumps({"h": 0, "e": 1, "he": 2}))
    with pytest.raises(DataError, match=r"lacks <\|endoftext\|>"):
        gpt2_tokenizer(vocabulary, merges)
    for damaged in ("[]", '{"h": 0, "e": 2}', "{"):
        vocabulary.write_text(damaged)
        with pytest.raises(DataError, match="vocab"):
            gpt2_tokenizer(vocabulary, merges)
    with pytest.raises(DataError, match="cannot be read"):
        gpt2_tokenizer(tmp_path / "nowhere.json", merges)


def test_gpt2s_merges_are_recovered_from_its_table_alone() -> None:
    vocabulary, merges = _fixture("gpt2_bpe_encoder.json"), _fixture("gpt2_bpe_vocab.bpe")
    texts = [
        "It's a truth universally acknowledged,\n\n  that 1,999 naïve cafés 😀",
        "𝕳 def f(x):\n\treturn x",
    ]
    published = gpt2_tokenizer(vocabulary, merges).pieces(texts)
    for mine, theirs in zip(read_bytes(vocabulary).pieces(texts), published, strict=True):
        assert mine.tolist() == theirs.tolist()


def test_a_vocabulary_of_bytes_is_made_from_texts_and_knows_every_text(tmp_path: Path) -> None:
    texts = ["the rain in Spain stays mainly in the plain\n"] * 9
    tokenizer = train_bytes(texts, 278)
    assert tokenizer.vocab_size == 278 and tokenizer.end == 0
    strange = "Ünknown 😀\x00\n\n  the plain "
    (ids,) = tokenizer.pieces([strange])
    assert tokenizer.decode(ids) == strange
    assert len(tokenizer.pieces([" the rain"])[0]) < 4
    ended = tokenizer.ending()
    assert ended.encode(["the"], 9).ids[0].tolist() == [*tokenizer.pieces(["the"])[0], 0]
    tokenizer.save(tmp_path, max_tokens=12)
    assert read_bytes(tmp_path / "tokenizer.json").pieces([strange])[0].tolist() == ids.tolist()
    with pytest.raises(DataError, match="holds no text"):
        train_bytes(["", ""], 290)


@pytest.mark.parametrize("most", [0, 3, 20])
def test_a_document_in_parts_has_the_ids_of_the_whole(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bpe, "CHARACTERS_AT_ONCE", most)
    lines = ["one two", "", "", "  three", "four ", " ", "five", "", "six\tseven", "", "", "", "eight", ""]
    whole = "\n".join(lines)
    parts = text_parts(lines)
    assert "".join(parts) == whole and len(parts) > 1
    tokenizer = train_bytes([whole] * 3, 300)
    assert np.concatenate(tokenizer.pieces(parts)).tolist() == tokenizer.pieces([whole])[0].tolist()
