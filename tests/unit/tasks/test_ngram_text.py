"""N-grams of texts: words, characters and a model's tokens; perplexity, folders, ARPA, and decoding."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from headway.blocks.ragged import Tokens
from headway.core.errors import HeadwayError
from headway.data.corpus import read_corpus
from headway.models.generate import sampling
from headway.models.ngram_decoder import NgramDecoder
from headway.tasks.decoder import TextDecoder
from headway.tasks.ngram_text import NgramText

LINES = ["the cat sat", "the dog sat", "", "a cat ran", "the cat ran off"] * 3


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    path = tmp_path / "corpus.txt"
    path.write_text("\n".join(LINES) + "\n", encoding="utf-8")
    return path


def test_words_and_the_ends_of_lines_are_predicted(corpus: Path) -> None:
    ngrams = NgramText.of_words(read_corpus(corpus), 3)
    found = ngrams.perplexity("the cat sat\n\nthe emu ran\n")
    assert (found.tokens, found.words, found.characters, found.unknown) == (8, 6, 25, 1)
    ids = ngrams.tokenizer.pieces(["the cat sat", "the emu ran"])
    sums = [ngrams.model.log_probabilities([*row, ngrams.tokenizer.end]).sum() for row in ids]
    assert found.nats == pytest.approx(-sum(sums), rel=1e-12)


def test_characters_are_all_predicted(corpus: Path) -> None:
    ngrams = NgramText.of_characters(read_corpus(corpus), 5)
    found = ngrams.perplexity("the cat sat\nö\n")
    assert (found.tokens, found.characters, found.unknown) == (14, 14, 1)
    assert ngrams.perplexity("the cat sat\n").bits_per_character < 1
    assert ngrams.tokenizer.decode(ngrams.tokenizer.pieces(["a cat\n ran"])[0]) == "a cat\n ran"


def test_a_folder_and_an_arpa_file_hold_the_same_model(corpus: Path, tmp_path: Path) -> None:
    ngrams = NgramText.of_words(read_corpus(corpus), 3)
    ngrams.save(tmp_path / "folder")
    ngrams.save_arpa(tmp_path / "words.arpa")
    text = "a dog ran off\nthe emu"
    wanted = ngrams.perplexity(text)
    assert NgramText.open(tmp_path / "folder").perplexity(text) == wanted
    assert NgramText.open(tmp_path / "words.arpa").perplexity(text).nats == pytest.approx(
        wanted.nats, rel=1e-8
    )
    for path in (tmp_path / "folder").iterdir():
        content = path.read_bytes()
        if path.name != "tokenizer_config.json":  # which transformers reads
            path.write_bytes(content[: len(content) // 2])
            with pytest.raises(HeadwayError):
                NgramText.open(tmp_path / "folder")
            path.write_bytes(content)


def test_the_decoder_takes_histories_step_by_step(corpus: Path) -> None:
    """Ragged prompts, rows chosen and repeated; what follows an end begins a sequence."""
    ngrams = NgramText.of_words(read_corpus(corpus), 3)
    end = ngrams.tokenizer.end
    assert end is not None
    decoder = NgramDecoder(ngrams.model, end)
    rows = ngrams.tokenizer.pieces(["the cat sat", "a"])
    logits, cache = decoder.step(Tokens.pack(rows), decoder.start(2))
    whole = torch.split(decoder.logits(Tokens.pack(rows)), [3, 1])
    assert torch.equal(logits, torch.stack([part[-1] for part in whole]))
    logits, _ = decoder.step(Tokens.pack([np.array([end]), rows[1]]), cache.select([1, 0]))
    np.testing.assert_allclose(logits[0].exp(), ngrams.model.distribution([]), rtol=1e-12)
    np.testing.assert_allclose(logits[1].exp(), ngrams.model.distribution([*rows[0], *rows[1]]), rtol=1e-12)


def test_sampled_words_follow_the_distribution(corpus: Path, tmp_path: Path) -> None:
    ngrams = NgramText.of_words(read_corpus(corpus), 2)
    ngrams.save(tmp_path / "folder")
    decoder = TextDecoder.open(tmp_path / "folder", torch.device("cpu"))
    texts = decoder.complete(["the"] * 2000, sampling(0), max_tokens=1)
    probability = ngrams.model.distribution(ngrams.tokenizer.pieces(["the"])[0])
    cat = probability[ngrams.tokenizer.pieces(["cat"])[0][0]]
    share = sum(text.strip() == "cat" for text in texts) / 2000
    assert abs(share - cat) < 4 * math.sqrt(cat * (1 - cat) / 2000)
    assert texts == decoder.complete(["the"] * 2000, sampling(0), max_tokens=1)
