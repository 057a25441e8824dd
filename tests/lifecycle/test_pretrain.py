"""From plain text to a folder that `headway fit --model` takes, and that `transformers` would open."""

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

import headway
from headway import api
from headway.cli.main import app
from headway.core.errors import DataError, RunError, UsageError, WeightsError
from headway.data.tokenizers import Tokenizer
from headway.tasks.encoder import TextEncoder
from headway.training import pretrain_bert
from headway.training.pretrain_bert import Size
from headway.weights.pretraining import load_pretraining

SENTENCES = (
    "the rain needs a cloud.",
    "some bread likes our soup.",
    "every train shows its ticket.",
    "my hotel has two maps.",
)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Two made-up documents of 400 lines."""
    draw = random.Random(0)
    folder = tmp_path / "corpus"
    folder.mkdir()
    for name in ("one", "two"):
        lines = draw.choices(SENTENCES, k=400)
        (folder / f"{name}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the tiny size tiny."""
    sizes = {"tiny": Size(1, 64, 200, 32, 3e-3)}
    monkeypatch.setattr(pretrain_bert.BertOnText, "sizes", sizes)


def _record(folder: Path) -> dict:  # type: ignore[type-arg]
    stored: dict = json.loads((folder / "pretraining.json").read_text())  # type: ignore[type-arg]
    return stored


def test_from_text_to_a_backbone_that_fit_takes(corpus: Path, topics_csv: Path, tmp_path: Path) -> None:
    said: list[str] = []

    class Listener(headway.core.progress.Silent):
        def say(self, text: str) -> None:
            said.append(text)

    folder = api.pretrain(corpus, epochs=80, out=tmp_path / "bert", progress=Listener())
    assert "2 documents" in said[0]
    assert "BERT of 1 layers of 64" in said[1]
    assert "steps" in said[2] and "about" in said[2]  # the estimate comes before the first step
    figures = _record(folder)["figures"]
    assert figures["masked accuracy"] > figures["masked accuracy, unigram model"] + 0.2
    assert figures["masked loss in nats"] < figures["masked loss in nats, unigram model"]
    model, conversion = load_pretraining(folder)
    assert conversion.fresh == ()
    encoder = TextEncoder.open(str(folder), torch.device("cpu"))
    assert encoder.max_tokens == 32
    assert torch.equal(model.backbone.pooler.weight, encoder.backbone.state_dict()["pooler.weight"])  # type: ignore[attr-defined]
    run = headway.fit(topics_csv, model=folder, rungs="frozen,finetuned", out=tmp_path / "run")
    assert [rung.status for rung in run.record.rungs] == ["measured", "measured"]
    assert f"--model {folder}" in run.record.command


def test_the_same_seed_gives_the_same_bytes_in_another_process(corpus: Path, tmp_path: Path) -> None:
    first = api.pretrain(corpus, epochs=1, out=tmp_path / "first")
    program = (
        "import sys\nfrom headway import api\nfrom headway.training import pretrain_bert as p\n"
        "p.BertOnText.sizes = {'tiny': p.Size(1, 64, 200, 32, 3e-3)}\n"
        "api.pretrain(sys.argv[1], epochs=1, out=sys.argv[2])"
    )
    arguments = [sys.executable, "-c", program, str(corpus), str(tmp_path / "second")]
    subprocess.run(arguments, check=True, timeout=120)
    for name in ("model.safetensors", "tokenizer.json", "config.json"):
        assert (first / name).read_bytes() == (tmp_path / "second" / name).read_bytes(), name
    other = api.pretrain(corpus, epochs=1, seed=1, out=tmp_path / "other")
    assert (first / "model.safetensors").read_bytes() != (other / "model.safetensors").read_bytes()


def test_a_published_vocabulary(corpus: Path, tmp_path: Path) -> None:
    vocabulary = tmp_path / "vocab.txt"
    pieces = "[PAD] [UNK] [CLS] [SEP] [MASK] the a rain bread train needs shows likes cloud soup .".split()
    vocabulary.write_text("\n".join(pieces) + "\n", encoding="utf-8")
    folder = api.pretrain(corpus, epochs=1, vocabulary=vocabulary, out=tmp_path / "bert")
    tokenizer = Tokenizer.load(folder / "tokenizer.json")
    assert tokenizer.vocab_size == len(pieces) and tokenizer.lowercase
    assert load_pretraining(folder)[0].backbone.config.vocab_size == len(pieces)


def test_the_command(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["pretrain", str(corpus), "--epochs", "1"])
    assert done.exit_code == 0, done.output
    assert "masked accuracy, unigram model 0." in done.output
    assert "headway fit DATA --model corpus-bert-tiny" in done.output
    assert (tmp_path / "corpus-bert-tiny" / "model.safetensors").is_file()


def test_what_cannot_be_done_is_said_and_leaves_nothing(corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(UsageError, match="no way to pretrain 'elmo2'"):
        api.pretrain(corpus, arch="elmo2", out=out)
    with pytest.raises(UsageError, match="unknown size 'huge'"):
        api.pretrain(corpus, size="huge", out=out)
    with pytest.raises(UsageError, match="must be at least 1"):
        api.pretrain(corpus, epochs=0, out=out)
    with pytest.raises(DataError, match="cannot be read"):
        api.pretrain(tmp_path / "nowhere.txt", out=out)
    (tmp_path / "short.txt").write_text("one line\n")
    with pytest.raises(DataError, match="too few to hold 5% of them out"):
        api.pretrain(tmp_path / "short.txt", out=out)
    (tmp_path / "latin.txt").write_bytes("ein\nStraße\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"latin\.txt, line 2: is no UTF-8 text"):
        api.pretrain(tmp_path / "latin.txt", out=out)
    assert not out.exists()
    out.mkdir()
    with pytest.raises(RunError, match="already exists"):
        api.pretrain(corpus, out=out)


def test_fit_refuses_a_model_that_is_none(corpus: Path, topics_csv: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"'minnilm' is neither a model of the zoo nor a folder"):
        headway.fit(topics_csv, model="minnilm", out=tmp_path / "run")
    folder = api.pretrain(corpus, epochs=1, out=tmp_path / "bert")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"rotary_base": 10000}))
    with pytest.raises(WeightsError, match="unknown key 'rotary_base'"):
        TextEncoder.open(str(folder), torch.device("cpu"))
    (folder / "config.json").write_text(json.dumps(config))
    words = json.loads((folder / "tokenizer.json").read_text())
    words["model"]["vocab"]["one-piece-more"] = len(words["model"]["vocab"])
    (folder / "tokenizer.json").write_text(json.dumps(words))
    with pytest.raises(WeightsError, match="pieces, the model's embedding"):
        TextEncoder.open(str(folder), torch.device("cpu"))
    (folder / "tokenizer.json").unlink()
    with pytest.raises(DataError, match="has no tokenizer"):
        TextEncoder.open(str(folder), torch.device("cpu"))
