"""Words as pieces: each word's first piece, windows over long sentences, for every kind of tokenizer."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from headway.data.bpe import gpt2_tokenizer, gpt_tokenizer
from headway.data.characters import CharacterTokenizer
from headway.data.inputs import Sentence
from headway.data.sentencepiece import SentencePieceTokenizer
from headway.data.tokenizers import Tokenizer
from headway.tasks.encoder import TextEncoder
from headway.tasks.word_encoder import WordEncoder, _stretches
from shared_files import FIXTURES


@settings(deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=80), st.integers(9, 30))
def test_windows_take_each_word_once_and_hold_what_is_read(sizes: list[int], room: int) -> None:
    taken = []
    for (start, end), (own, ends) in _stretches(sizes, room):
        assert start <= own < ends <= end and sum(sizes[start:end]) <= room
        taken += range(own, ends)
        if own > 0:  # a word that is not the window's first has others before it
            assert start < own or sizes[own] + sizes[own - 1] > room // 2
    assert taken == list(range(len(sizes)))


TOKENIZERS = FIXTURES / "tokenizers"
READERS = {
    "bert": lambda: Tokenizer.from_wordpiece_vocabulary(
        TOKENIZERS / "bert_base_uncased_vocab.txt", lowercase=True
    ),
    "gpt2": lambda: gpt2_tokenizer(TOKENIZERS / "gpt2_bpe_encoder.json", TOKENIZERS / "gpt2_bpe_vocab.bpe"),
    "gpt": lambda: gpt_tokenizer(TOKENIZERS / "openai-gpt-vocab.json"),
    "t5": lambda: SentencePieceTokenizer.from_model(TOKENIZERS / "t5_tokenizer_base.model"),
    "elmo": CharacterTokenizer,
}


def words_of(reader: str, max_tokens: int = 100) -> WordEncoder:
    if not TOKENIZERS.is_dir():
        pytest.skip("no tokenizers among the shared fixtures")
    encoder = TextEncoder(None, READERS[reader](), max_tokens, torch.device("cpu"))  # type: ignore[arg-type]
    return WordEncoder(encoder)


@pytest.mark.parametrize("reader", READERS)
def test_words_are_read_as_a_text_of_them_is(reader: str) -> None:
    words = words_of(reader)
    sentence = Sentence("Barack Obamacare went unhesitatingly to Rijeka , Croatia".split())
    (window,) = words.windows([sentence])
    (whole,) = words.encoder.tokenize([" ".join(sentence)])
    np.testing.assert_array_equal(window.ids, whole)
    assert len(window.places) == len(sentence) and (window.sentence, window.first) == (0, 0)
    for place, word in enumerate(sentence):
        spaced = f"{' ' * (place > 0)}{word}"
        first = words._pieces([Sentence([*sentence[:place], word])])[0][place][0]
        np.testing.assert_array_equal(window.ids[window.places[place]], first, spaced)


@pytest.mark.parametrize("reader", READERS)
def test_odd_words_have_a_piece_and_long_sentences_windows(reader: str) -> None:
    words = words_of(reader, max_tokens=24)
    odd = Sentence(["", " ", "\u200b", "\ufe0f", "\x00", "🌧️", "x" * 5_000])
    sentences = [odd, Sentence(), Sentence(["word"] * 200), Sentence(["in", "Busan"])]
    windows = words.windows(sentences)
    taken = [(w.sentence, w.first + i) for w in windows for i in range(len(w.places))]
    assert taken == [(row, i) for row, sentence in enumerate(sentences) for i in range(len(sentence))]
    assert all(len(window.ids) <= 24 and (window.places < len(window.ids)).all() for window in windows)
    assert words.cut(sentences) == (1 if reader == "bert" else 2)  # which has one piece for what is unknown
    tokens, places = words.pack(windows)
    assert len(places) == sum(map(len, sentences)) and tokens.lengths.total > int(places.max())


def test_each_word_has_its_own_vector_whatever_it_is_batched_with(tiny_zoo: Path) -> None:
    from headway.weights import cache, catalog

    cache.fetch(catalog.find_published("minilm"))
    words = WordEncoder(TextEncoder.open("minilm", torch.device("cpu")))
    sentences = [Sentence(["rain", "and", "sun"]), Sentence(), Sentence(["bread"] * 40), Sentence(["map"])]
    for depths in (1, 3):
        together = words.vectors(sentences, depths)
        for sentence, vectors in zip(sentences, together, strict=True):
            assert vectors.shape == (len(sentence), depths * 16)
            if not sentence:
                continue
            np.testing.assert_allclose(words.vectors([sentence], depths)[0], vectors, atol=1e-5)
    whole = words.encoder.backbone.features(words.encoder.pack(words.encoder.tokenize(["rain and sun"])))
    np.testing.assert_allclose(
        words.vectors(sentences, 1)[0][[0, 2]], whole.tokens.values[[1, -2]].detach().numpy(), atol=1e-5
    )
