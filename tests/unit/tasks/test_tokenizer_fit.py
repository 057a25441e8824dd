"""A tokenizer made for other languages is found out; the languages that it was made for are let through."""

from pathlib import Path

import pytest

import headway
from headway.data.characters import CharacterTokenizer
from headway.data.tokenizers import Tokenizer
from headway.data.units import characters_of
from headway.tasks.tokenizer_fit import tokenizer_fit
from shared_files import DATA, FIXTURES

VOCABULARY = FIXTURES / "tokenizers/bert_base_uncased_vocab.txt"


@pytest.mark.skipif(not VOCABULARY.exists(), reason="the published vocabulary is not here")
@pytest.mark.parametrize(
    ("texts", "suits"),
    [
        (
            ["The quick brown fox jumps over the lazy dog.", "antidisestablishmentarianism, http://a.b/c?d"],
            True,
        ),
        (["그는 어제 학교에 갔다가 친구를 만났다", "이 영화 정말 재미있어요"], False),
        (["ក្មេងៗលេងបាល់", "សួស្តី"], False),
        (["", "   ", "!!!"], True),
        (["🌧️ 🌧️ 🌧️ ☔ 🍕 🍕"], False),
    ],
)
def test_english_is_known_and_korean_falls_to_pieces(texts: list[str], suits: bool) -> None:
    tokenizer = Tokenizer.from_wordpiece_vocabulary(VOCABULARY, lowercase=True)
    assert (tokenizer_fit(tokenizer, texts).problem is None) == suits
    assert tokenizer_fit(CharacterTokenizer(), texts).problem is None


def test_what_is_unknown_is_counted() -> None:
    found = tokenizer_fit(characters_of(["ab "]), ["ab", "abcb"])
    assert found.unknown == pytest.approx(1 / 6) and "17%" in str(found.problem)
    assert tokenizer_fit(characters_of(["ab"]), ["abababab"]).problem is not None  # eight pieces, one word


@pytest.mark.skipif(not VOCABULARY.exists(), reason="the published vocabulary is not here")
@pytest.mark.parametrize(
    ("name", "column", "suits"),
    [
        ("sst2/validation.tsv", "sentence", True),
        ("nsmc/train_official_5k.tsv", "document", False),
    ],
)
def test_real_sets(name: str, column: str, suits: bool) -> None:
    from headway.data.readers import read_table

    if not (DATA / name).is_file():
        pytest.skip(f"{DATA / name} is not here")
    texts = [text for text in read_table(DATA / name).texts(column) if text]
    tokenizer = Tokenizer.from_wordpiece_vocabulary(VOCABULARY, lowercase=True)
    assert (tokenizer_fit(tokenizer, texts).problem is None) == suits


def test_its_rungs_are_left_out_unless_they_are_named(
    tiny_zoo: Path, topics_csv: Path, tmp_path: Path
) -> None:
    lines = topics_csv.read_text().splitlines()
    korean = [
        line.replace("rain", "비가온다").replace("the", "그러나").replace("a ", "학교에 ")
        for line in lines[1:]
    ]
    (tmp_path / "korean.csv").write_text(
        "\n".join(["text,topic", *("학교에서 친구를 " + line for line in korean)])
    )
    options = {"fetch": True, "refit": False}
    run = headway.fit(tmp_path / "korean.csv", out=tmp_path / "usual", **options)
    reasons = {rung.name: str(rung.reason) for rung in run.record.rungs if rung.status == "not tried"}
    assert set(reasons) == {"frozen", "distilled", "finetuned"}
    assert all("its tokenizer does not know" in reason and "--rungs" in reason for reason in reasons.values())
    named = headway.fit(tmp_path / "korean.csv", rungs="frozen", out=tmp_path / "named", **options)
    assert named.record.rungs[0].status == "measured"
