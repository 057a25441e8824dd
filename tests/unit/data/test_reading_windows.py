"""Windows over long contexts: nothing of the context goes unread, and offsets are those of the text as it was given."""

import json
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headway.core.errors import DataError, UsageError
from headway.data.bpe import train_bytes
from headway.data.characters import CharacterTokenizer
from headway.data.reading_windows import LONGEST_QUESTION, ReadingWindows, passage, reading_windows
from headway.data.sentencepiece import Piece, SentencePieceTokenizer
from headway.data.tokenizers import SPECIAL, Tokenizer

LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789.,?!()'-한국어경주시에서"
PARTS = dict.fromkeys(
    LETTERS + unicodedata.normalize("NFD", LETTERS)
)  # syllables are taken apart with the accents
PIECES = [
    *SPECIAL.values(),
    *(p for letter in PARTS for p in (letter, f"##{letter}")),
    "the",
    "mill",
    "##ill",
]
WORDPIECE = Tokenizer.from_wordpieces({piece: index for index, piece in enumerate(PIECES)}, lowercase=True)
BYTES = train_bytes(["the mill is at the river, the river is at the mill"], 300)
UNIGRAM = SentencePieceTokenizer(
    [
        Piece(piece, -1.0 - place)
        for place, piece in enumerate(["<pad>", "</s>", "<unk>", "▁", *LETTERS, "▁the"])
    ],
    None,
)
READERS = [WORDPIECE, BYTES, UNIGRAM, CharacterTokenizer()]
NAMES = ["wordpiece", "bytes", "unigram", "characters"]

WORDS = st.one_of(
    st.text(st.sampled_from("abcmil the"), min_size=1, max_size=6),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=4),
    st.sampled_from(
        [
            "Café",
            "Cafe\u0301",
            "İstanbul",
            "ﬁne",
            "Straße",
            "한국어",
            "경주시에서",
            "👩‍👩‍👧",
            "🌾",
            "…",
            "x\u00a0y",
            "\u200b",
        ]
    ),
)
SPACES = st.sampled_from([" ", "  ", "\t", "\n\n", "\u3000", "\u00a0 "])
CONTEXTS = st.lists(st.tuples(WORDS, SPACES), min_size=1, max_size=40).map(
    lambda parts: "".join(word + space for word, space in parts)
)


def cut(reader: object, question: str, context: str, size: int = 24, stride: int = 7) -> ReadingWindows:
    return reading_windows(reader, [(question, context)], size, stride)  # type: ignore[arg-type]


@pytest.mark.parametrize("reader", READERS, ids=NAMES)
@settings(max_examples=60, deadline=None)
@given(context=CONTEXTS, question=WORDS, size=st.integers(8, 40), stride=st.integers(1, 40))
def test_every_token_is_read_where_it_has_most_around_it(
    reader: object, context: str, question: str, size: int, stride: int
) -> None:
    found = cut(reader, question, context, size, stride)
    whole = reader.located([context])[0]  # type: ignore[attr-defined]
    judged = np.zeros(len(whole.ids), int)
    for window in found.windows:
        count = len(window.fullest)
        assert len(window.ids) <= size and window.row == 0
        np.testing.assert_array_equal(
            window.ids[window.first : window.first + count], whole.ids[window.start : window.start + count]
        )
        judged[window.start : window.start + count] += window.fullest
        assert window.nothing in {0, len(window.ids) - 1}
        assert not window.first <= window.nothing < window.first + count
    assert (judged == 1).all()  # by exactly one window each, the last tokens too


@pytest.mark.parametrize("reader", READERS, ids=NAMES)
@settings(max_examples=60, deadline=None)
@given(context=CONTEXTS, data=st.data())
def test_offsets_point_into_the_text_as_it_was_given(
    reader: object, context: str, data: st.DataObject
) -> None:
    words = [m for m in context.split() if m]
    if not words:
        return
    answer = data.draw(st.sampled_from(words))
    start = context.index(answer)
    end = start + len(answer)
    found = cut(reader, "the mill?", context, 400, 100)
    (window,) = found.windows if len(found) == 1 else found.windows[:1]
    spans = window.spans
    assert (
        (spans[:, 0] >= 0).all()
        and (spans[:, 1] <= len(context)).all()
        and (spans[:, 0] <= spans[:, 1]).all()
    )
    assert (np.diff(spans[:, 0]) >= 0).all()
    place = window.answer(start, end)
    if place is None:  # nothing of it is a token: marks that stand for nothing visible
        assert all(not c.isalnum() for c in unicodedata.normalize("NFD", answer))
        return
    first, last = (spans[one - window.first] for one in place)
    # the tokens hold the answer, but for marks at its ends that no token holds; and no more than whole tokens of it
    assert not any(letter.isalnum() for letter in context[start : first[0]] + context[last[1] : end])
    assert first[1] > start and last[0] < end


def test_accents_emoji_korean_and_repeated_spaces() -> None:
    context = "Die  Mühle 🌾 steht   in Gyeongju (경주시에서), Cafe\u0301 İstanbul ﬁne."
    for answer in ("Mühle", "🌾", "steht   in", "Gyeongju", "경주시", "Cafe\u0301", "İstanbul", "ﬁne"):
        start = context.index(answer)
        for reader, name in zip(READERS[:2] + READERS[3:], ("wordpiece", "bytes", "characters"), strict=True):
            window = cut(reader, "the mill?", context, 400, 100).windows[0]
            place = window.answer(start, start + len(answer))
            assert place is not None, (name, answer)
            first, last = (window.spans[one - window.first] for one in place)
            told = context[slice(*passage(context, first[0], last[1]))]
            if answer == "경주시" and name == "characters":
                assert told == "경주시에서"  # its tokens are words
            elif not (answer == "Cafe\u0301" and name == "characters"):
                assert told == answer, (name, answer, told)


def test_the_last_window_holds_the_end() -> None:
    context = "mill " * 500 + "the 한국어"
    found = cut(WORDPIECE, "the mill?", context, 40, 9)
    assert len(found) > 50
    last = found.windows[-1]
    start = context.index("한국어")
    place = last.answer(start, start + 3)
    assert place is not None and place != (0, 0)
    assert context[last.spans[place[0] - last.first][0] : last.spans[place[1] - last.first][1]] == "한국어"
    assert found.windows[0].answer(start, start + 3) == (0, 0)  # there it is not to be found


def test_bert_reads_the_question_in_each_window_as_its_first_text() -> None:
    found = cut(WORDPIECE, "the mill?", "the mill is " * 30, 20, 8)
    special = WORDPIECE.special
    for window in found.windows:
        assert window.ids[0] == special["cls"] and window.ids[-1] == special["sep"]
        assert window.ids[window.first - 1] == special["sep"] and window.nothing == 0


def test_a_long_question_is_cut_and_counted_and_leaves_room() -> None:
    found = reading_windows(WORDPIECE, [("a " * 500, "the mill " * 100), ("a", "b")], 384, 128)
    assert found.cut == 1 and found.windows[0].first == LONGEST_QUESTION + 2
    narrow = reading_windows(WORDPIECE, [("a " * 500, "the mill " * 10)], 8, 3)
    assert narrow.cut == 1 and all(len(window.ids) <= 8 for window in narrow.windows) and len(narrow) > 3


def test_what_cannot_be_cut_is_refused() -> None:
    with pytest.raises(UsageError, match="at least 8 tokens and a stride of 1, found 7 and 3"):
        cut(WORDPIECE, "a", "b", 7, 3)
    with pytest.raises(UsageError, match="window, stride"):
        cut(WORDPIECE, "a", "b", 20, 0)
    with pytest.raises(DataError, match="not valid Unicode"):
        cut(WORDPIECE, "a", "half \ud83c")


def test_a_context_without_a_token_has_one_window() -> None:
    for reader in READERS:
        (window,) = cut(reader, "a", " \n ").windows
        assert len(window.fullest) <= 1 + (reader is BYTES) * 3 and window.nothing < len(window.ids)


def test_transformers_cuts_long_contexts_the_same_way(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    WORDPIECE.save(tmp_path)
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path)
    context = "The  Mill, Café (한국어) the mill is at 3.5! " * 20
    size, stride = 48, 16
    ours = cut(WORDPIECE, "the mill?", context, size, stride)
    room = size - ours.windows[0].first - 1
    told = theirs(
        "the mill?",
        context,
        truncation="only_second",
        max_length=size,
        stride=room - stride,  # theirs is how much windows share
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
    )
    assert json.dumps(told["input_ids"]) == json.dumps([window.ids.tolist() for window in ours.windows])
    for window, offsets in zip(ours.windows, told["offset_mapping"], strict=True):
        assert [list(pair) for pair in offsets[window.first : -1]] == window.spans.tolist()
