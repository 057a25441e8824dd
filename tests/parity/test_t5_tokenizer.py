"""Our reading of T5's vocabulary against SentencePiece itself and against transformers."""

import shutil
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from headway.data.sentencepiece import SentencePieceTokenizer
from headway.data.unigram import train_unigram
from shared_files import TOKENIZERS

transformers = pytest.importorskip("transformers", reason="the reference, transformers, is not installed")
sentencepiece = pytest.importorskip("sentencepiece", reason="the reference, sentencepiece, is not installed")

MODEL = TOKENIZERS / "t5_tokenizer_base.model"
if not MODEL.is_file():
    pytest.skip("T5's vocabulary is not among the fixtures", allow_module_level=True)

ours = SentencePieceTokenizer.from_model(MODEL)
library = sentencepiece.SentencePieceProcessor(model_file=str(MODEL))

TEXTS = [
    "The weather is lovely today.",
    "Er sagte: „Grüße aus Köln, Straße 5“ – l'été, où ça? Bucureşti",
    "UPPER Case, naïve café, Ångström, Ünïcödé İstanbul ǅ ﬁne ﬂat ½ ™ №",
    "e\u0301 combining, soft\u00adhyphen, zero\u200bwidth, nbsp\u00a0here, \u202eright to left",
    "tabs\tand\nnewlines\r\nand\x00control\x07characters\ufffd\x1f\x7f\x85",
    "Tiếng Việt có dấu, người Việt Nam yêu nước",
    "한국어 문장입니다. 띄어쓰기 中文没有空格，日本語も。カタカナ ｶﾞ",
    "emoji 😀👩‍👩‍👧‍👦🇰🇷 ✌🏽 1️⃣ and symbols ©™️§±≠→",
    "punctuation!!! ... --- 'quotes' “curly” (a[b]{c}) $5.99 100% a@b.c #tag_under_score",
    "العربية ﻻً עברית हिन्दी ไทย น้ำ ελληνικά русский",
    "Donaudampfschifffahrtsgesellschaftskapitänsmütze" * 5,
    "▁under▁score ▁ \u2581\u2581",
    "word " * 60,
    "",
    "   \n ",
]
TEXTS += [unicodedata.normalize(form, text) for text in TEXTS for form in ("NFD", "NFKD")]


def _random_texts(count: int) -> list[str]:
    """Texts of letters, accents, and characters from everywhere."""
    random = np.random.default_rng(0)
    ranges = [(32, 127)] * 7 + [(0x300, 0x370)] * 3 + [(1, 0x3000)] * 7 + [(1, 0x20000)] * 3

    def character() -> str:
        code = int(random.integers(*ranges[random.integers(len(ranges))]))
        return chr(code) if not 0xD800 <= code < 0xE000 else "x"

    return ["".join(character() for _ in range(random.integers(25))) for _ in range(count)]


def _score(ids: list[int]) -> float:
    return sum(library.get_score(index) for index in ids if index != ours.unknown)


def test_texts_become_sentencepieces_ids_and_its_texts_again() -> None:
    found, wanted = ours.pieces(TEXTS), library.encode(TEXTS)
    assert [row.tolist() for row in found] == wanted
    assert [ours.decode(row) for row in found] == [library.decode(row) for row in wanted]


def test_random_texts_too_but_for_cuts_that_are_equally_likely() -> None:
    texts = _random_texts(20_000)
    found, wanted = [row.tolist() for row in ours.pieces(texts)], library.encode(texts)
    other = [(mine, its) for mine, its in zip(found, wanted, strict=True) if mine != its]
    assert len(other) <= len(texts) / 2000
    for mine, its in other:
        assert _score(mine) == pytest.approx(_score(its), rel=1e-6)
    assert [ours.decode(row) for row in found] == [library.decode(row) for row in wanted]


def _published(folder: Path) -> Any:
    shutil.copy(MODEL, folder / "spiece.model")
    try:
        return transformers.T5Tokenizer.from_pretrained(folder)
    except ValueError:
        pytest.skip("transformers needs protobuf to read spiece.model, which is not installed")


PLAIN = [  # where the reference itself gives SentencePiece's ids
    "The <extra_id_0> walks in <extra_id_1> park",
    "x<extra_id_5>y</s> a <pad> b<unk>c",
    "hello , world ! it 's",
    "  two  spaces\tand a tab ",
    "Er sagte: „Grüße aus Köln, Straße 5“ – l'été, où ça? Bucureşti ﬁne",
    "☃ snow ☃☃ x",
    "word " * 60,
    "",
]


def test_special_tokens_and_the_end_are_as_transformers_has_them(tmp_path: Path) -> None:
    theirs = _published(tmp_path)
    assert len(theirs) == ours.vocab_size
    for limit in (100, 7):
        wanted = theirs(PLAIN, truncation=True, max_length=limit)["input_ids"]
        assert [row.tolist() for row in ours.encode(PLAIN, limit).ids] == wanted
    for row in ours.encode(PLAIN, 100).ids:
        assert ours.decode(row, special=True) == theirs.decode(row)
        if ours.unknown not in row:  # theirs leaves unknown pieces out
            assert ours.decode(row) == theirs.decode(row, skip_special_tokens=True)


def test_transformers_opens_ours(tmp_path: Path) -> None:
    ours.save(tmp_path, max_tokens=64)
    opened = transformers.AutoTokenizer.from_pretrained(tmp_path)
    assert isinstance(opened, transformers.T5Tokenizer)
    assert opened.model_max_length == 64
    assert (opened.pad_token_id, opened.eos_token_id, opened.unk_token_id) == (0, 1, 2)
    assert [row.tolist() for row in ours.encode(PLAIN, 100).ids] == opened(PLAIN)["input_ids"]
    again = SentencePieceTokenizer.load(tmp_path / "tokenizer.json")
    for mine, loaded in zip(ours.pieces(TEXTS), again.pieces(TEXTS), strict=True):
        assert np.array_equal(mine, loaded)


def test_transformers_opens_a_vocabulary_that_is_made_here(tmp_path: Path) -> None:
    made = train_unigram([text for text in TEXTS if text.strip()] * 2, 900)
    made.save(tmp_path, max_tokens=64)
    opened = transformers.AutoTokenizer.from_pretrained(tmp_path)
    assert (opened.pad_token_id, opened.eos_token_id, opened.unk_token_id) == (0, 1, 2)
    for text in TEXTS:
        assert made.encode([text], 500).ids[0].tolist() == opened(text)["input_ids"]
