"""ELMo and AWD-LSTM from plain text to a backbone that `fit` takes; AWD-LSTM writes, too."""

import random
from pathlib import Path

import pytest
import torch

import headway
from headway import api
from headway.core.errors import UsageError
from headway.core.files import read_json
from headway.tasks.encoder import TextEncoder
from headway.training import pretrain_awd_lstm, pretrain_elmo
from headway.weights.pretrained import load_language_model

SENTENCES = (
    "The rain needs a cloud.",
    "Some bread likes our soup.",
    "Every train shows its ticket.",
    "My hotel has two maps.",
)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """A made-up document of 200 lines."""
    path = tmp_path / "corpus.txt"
    path.write_text("\n".join(random.Random(0).choices(SENTENCES, k=200)) + "\n", encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the tiny sizes tiny."""
    awd = {"tiny": pretrain_awd_lstm.Size(24, 48, 2, 200, 1e-2)}
    elmo = {"tiny": pretrain_elmo.Size(((1, 8), (2, 16), (3, 16)), 32, 16, 200, 20, 1e-2)}
    monkeypatch.setattr(pretrain_awd_lstm.AwdLstmOnText, "sizes", awd)
    monkeypatch.setattr(pretrain_elmo.ElmoOnText, "sizes", elmo)


@pytest.mark.parametrize("arch", ["awd-lstm", "elmo"])
def test_from_text_to_a_backbone_that_fit_takes(
    arch: str, corpus: Path, topics_csv: Path, tmp_path: Path
) -> None:
    epochs = {"awd-lstm": 60, "elmo": 15}[arch]
    folder = api.pretrain(corpus, arch=arch, epochs=epochs, out=tmp_path / "model")
    figures = read_json(folder / "pretraining.json")["figures"]
    (name,) = (name for name in figures if name.endswith(", unigram model"))
    learned, unigram = figures[name.removesuffix(", unigram model")], figures[name]
    assert learned < 0.6 * unigram  # in a sentence that is known, most words are certain
    counted = figures[name.replace("unigram model", "5-grams")]
    assert 1 <= counted < 0.6 * unigram
    encoder = TextEncoder.open(str(folder), torch.device("cpu"))
    assert encoder.cut(["rain " * 100_000]) == {"awd-lstm": 0, "elmo": 1}[arch]
    header, *rows = topics_csv.read_text().splitlines()
    for name, part in (("train", rows[:100]), ("test", rows[100:160])):
        (tmp_path / f"{name}.csv").write_text("\n".join([header, *part]))
    run = headway.fit(
        tmp_path / "train.csv",
        test=tmp_path / "test.csv",
        model=folder,
        rungs="frozen,finetuned",
        recipe={"epochs": 1},
        refit=False,
        out=tmp_path / "run",
    )
    assert [rung.status for rung in run.record.rungs] == ["measured", "measured"]
    again = headway.load(run.folder)
    for rung in ("frozen", "finetuned"):
        found = again.predictor(rung).predict(["rain and wind", ""])
        assert found.shape[0] == 2 and abs(found.sum() - 2) < 1e-6


def test_the_same_seed_gives_the_same_bytes(corpus: Path, tmp_path: Path) -> None:
    for arch in ("awd-lstm", "elmo"):
        folders = [
            api.pretrain(corpus, arch=arch, epochs=1, seed=seed, out=tmp_path / f"{arch}{at}")
            for at, seed in enumerate((0, 0, 1))
        ]
        first, second, other = ((folder / "model.safetensors").read_bytes() for folder in folders)
        assert first == second != other


def test_an_awd_lstm_writes_and_is_scored(corpus: Path, tmp_path: Path) -> None:
    folder = api.pretrain(corpus, arch="awd-lstm", epochs=100, out=tmp_path / "model")
    written = api.generate(folder, "every train", max_tokens=4)
    assert written.split() == ["shows", "its", "ticket", "."]
    found = api.perplexity(folder, corpus)
    model, conversion = load_language_model(folder)
    assert not conversion.fresh and model.context is None
    assert 1 < found.per_token < 4


def test_what_cannot_be_used_is_said(corpus: Path, tmp_path: Path) -> None:
    for arch, options, where in (
        ("elmo", {"cased": True}, r"--cased: the vocabulary of elmo is not changed by it"),
        ("gpt2", {"cased": True}, r"--cased: the vocabulary of gpt2 is not changed by it"),
        ("t5", {"cased": True}, r"--cased"),
        (
            "bert",
            {"cased": True, "vocabulary": corpus},
            r"--cased: a published vocabulary is not changed by it",
        ),
        ("elmo", {"vocabulary": corpus}, "--vocabulary"),
        ("awd-lstm", {"vocabulary": corpus}, "--vocabulary"),
    ):
        with pytest.raises(UsageError, match=where):
            api.pretrain(corpus, arch=arch, out=tmp_path / "out", **options)  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


def test_trained_backward_it_is_scored_and_writes_nothing(corpus: Path, tmp_path: Path) -> None:
    folder = api.pretrain(corpus, arch="awd-lstm", epochs=40, backward=True, out=tmp_path / "model")
    assert read_json(folder / "pretraining.json")["described"].endswith("read backward")
    assert api.perplexity(folder, corpus).per_token < 6
    encoder = TextEncoder.open(str(folder), torch.device("cpu"))
    assert encoder.tokenizer.decode(encoder.tokenize(["my hotel has"])[0]) == "my hotel has"
    with pytest.raises(UsageError, match=r"reads texts from their end.*\n.*forward"):
        api.generate(folder, "every train", max_tokens=4)
    with pytest.raises(UsageError, match=r"--backward: bert is not trained backward"):
        api.pretrain(corpus, arch="bert", backward=True, out=tmp_path / "other")


def test_korean_is_read_in_pieces_of_words(tmp_path: Path) -> None:
    path = tmp_path / "reviews.txt"
    sentences = ("이 영화는 정말 좋았다", "배우들의 연기가 아쉬웠어요", "다시 보고 싶은 작품입니다")
    path.write_text("\n".join(random.Random(0).choices(sentences, k=200)) + "\n", encoding="utf-8")
    folder = api.pretrain(path, arch="awd-lstm", epochs=2, out=tmp_path / "model")
    described = read_json(folder / "pretraining.json")["described"]
    assert "pieces of words of running text (0.0% unknown)" in described
    encoder = TextEncoder.open(str(folder), torch.device("cpu"))
    assert encoder.tokenizer.decode(encoder.tokenize(["다시 보고 싶은 영화는"])[0]) == "다시 보고 싶은 영화는"
    with pytest.raises(UsageError, match="--backward: of texts in syllables"):
        api.pretrain(path, arch="awd-lstm", backward=True, out=tmp_path / "other")
