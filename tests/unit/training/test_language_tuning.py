"""Tuning a language model on a task's texts: its words, its rates, and what it follows from."""

from pathlib import Path
from typing import Any

import pytest
import torch

from headway.core.errors import UsageError
from headway.core.progress import Silent
from headway.data.backward import BackwardTokenizer
from headway.data.unigram import train_unigram
from headway.data.word_vocabulary import train_words, word_tokenizer
from headway.models.awd_lstm import AwdLstm, AwdLstmConfig, AwdLstmLanguageModel
from headway.models.gpt2 import Gpt2, Gpt2Config
from headway.tasks.decoder import TextDecoder
from headway.tasks.scoring import perplexity
from headway.tasks.tokenizer_files import AnyTokenizer
from headway.training.language_tuning import LanguageTuning, tune, tuning_settings

CPU = torch.device("cpu")
TEXTS = ["Fog and rain, fog and hail.", "The fog of today", "", "bread and soup, hail hail"]


def general(tokenizer: AnyTokenizer, **more: float) -> TextDecoder:
    torch.manual_seed(0)
    sizes: dict[str, Any] = {"d_model": 12, "d_cell": 16, "num_layers": 2, **more}
    config = AwdLstmConfig(vocab_size=tokenizer.vocab_size, **sizes)
    return TextDecoder(AwdLstmLanguageModel(AwdLstm(config)), tokenizer, CPU)


def words() -> AnyTokenizer:
    return train_words(["rain bread soup and the"], 50, lowercase=True, least=1)


def test_known_words_keep_their_rows_and_new_ones_begin_with_the_mean() -> None:
    before = general(words())
    rows = before.model.backbone.embeddings.word.weight  # type: ignore[attr-defined]
    work = LanguageTuning.of(before, TEXTS, 0)
    vocabulary = work.tokenizer.vocabulary
    assert vocabulary[: len(rows)] == before.tokenizer.vocabulary
    assert set(vocabulary[len(rows) :]) == {"fog", "hail", ","}  # those that are there twice
    assert work.unseen == 3
    moved = work.model.words.detach()
    assert torch.equal(moved[: len(rows)], rows)
    for row in moved[len(rows) :]:
        torch.testing.assert_close(row, rows.mean(dim=0))
    assert work.unknown == 3 / 22  # ".", "of" and "today" are there once; "Fog" and "The" are small letters


@pytest.mark.parametrize("kind", ["fastai's", "backward", "pieces"])
def test_other_vocabularies(kind: str, tmp_path: Path) -> None:
    tokenizer: AnyTokenizer
    if kind == "pieces":
        tokenizer = train_unigram(TEXTS, 40, sentinels=0)
    elif kind == "backward":
        tokenizer = BackwardTokenizer.of(words())  # type: ignore[arg-type]
    else:
        tokenizer = word_tokenizer(["xxunk", "xxpad", "xxbos", "rain", "and"], lowercase=True)
    before = general(tokenizer)
    weights = {name: tensor.clone() for name, tensor in before.model.state_dict().items()}  # type: ignore[attr-defined]
    tuned = tune(before, TEXTS, 0, Silent(), tmp_path)
    assert tuned.decoder.tokenizer.backward is (kind == "backward")
    assert (tuned.facts["new_words"] == 0) is (kind == "pieces")
    for name, tensor in before.model.state_dict().items():  # type: ignore[attr-defined]
        assert torch.equal(tensor, weights[name])  # the general one is tuned from again
    again = tuned.encoder
    assert len(again.tokenize([""])[0]) and again.cut(["rain " * 5000]) == 0


def test_it_follows_from_the_set_of_texts_and_the_seed(tmp_path: Path) -> None:
    found = [
        tune(general(words()), texts, seed, Silent(), tmp_path / f"{number}").decoder.model.state_dict()  # type: ignore[attr-defined]
        for number, (texts, seed) in enumerate(((TEXTS, 0), (TEXTS[::-1] + TEXTS[:1], 0), (TEXTS, 1)))
    ]
    first, same, other = ([tensor for _, tensor in sorted(state.items())] for state in found)
    assert all(torch.equal(a, b) for a, b in zip(first, same, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(first, other, strict=True))


def test_it_learns(tmp_path: Path) -> None:
    text = "rain and soup and the rain and soup and the"
    places = ("embedding", "input", "hidden", "output", "weight")
    before = general(words(), d_model=32, d_cell=48, **{f"{place}_dropout": 0.0 for place in places})
    untuned = perplexity(before, text).per_token
    tuned = tune(before, [text, *(f"{text} rain {number}" for number in range(60))], 0, Silent(), tmp_path)
    assert untuned > 5  # about as many as there are words
    assert perplexity(tuned.decoder, text).per_token < 0.6 * untuned


def test_each_layer_learns_slower_than_the_one_above_and_the_words_as_fast_as_the_top() -> None:
    work = LanguageTuning.of(general(words()), TEXTS, 0)
    rates = {id(p): group["lr"] for group in work.groups() for p in group["params"]}
    assert len(rates) == len(list(work.model.parameters()))
    backbone = work.model.backbone
    low, high = (rates[id(layer.weight_ih)] for layer in backbone.layers)
    assert high == pytest.approx(2.6 * low)
    assert rates[id(backbone.embeddings.word.weight)] == rates[id(work.model.bias)] == high


def test_short_texts_are_read_in_few_rows_and_often() -> None:
    assert tuning_settings(3_000).batch_size == 2 and tuning_settings(3_000).epochs == 15
    assert tuning_settings(2_000_000).batch_size == 32 and tuning_settings(2_000_000).epochs == 3


def test_another_model_is_refused(tmp_path: Path) -> None:
    sizes = {"d_model": 16, "d_ff": 24, "num_heads": 2, "num_layers": 1, "max_positions": 16}
    tokenizer = words()
    model = Gpt2(Gpt2Config(vocab_size=tokenizer.vocab_size, **sizes))  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="is a Gpt2; ULMFiT stands on an AWD-LSTM"):
        tune(TextDecoder(model, tokenizer, CPU), TEXTS, 0, Silent(), tmp_path)
