"""From plain text, or line pairs, to a folder that `headway fit --model` takes: for each architecture."""

import csv
import json
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from typer.testing import CliRunner

import headway
from headway import api
from headway.cli.main import app
from headway.core.errors import DataError, HeadwayError, RunError, UsageError, WeightsError
from headway.core.progress import Silent
from headway.data.corpus import read_corpus
from headway.tasks.encoder import TextEncoder
from headway.tasks.tokenizer_files import tokenizer_in
from headway.training.pretrain_bert import WORDS_FACTOR, BertOnText
from headway.training.pretrain_gpt2 import Gpt2OnText
from headway.training.pretrain_t5 import T5OnText
from headway.training.pretrain_transformer import TransformerOnPairs
from headway.training.pretraining import ARCHITECTURES, Order, Size, arithmetic_on
from headway.weights.pretraining import load_pretraining
from shared_files import TOKENIZERS

SENTENCES = (
    "the rain needs a cloud.",
    "some bread likes our soup.",
    "every train shows its ticket.",
    "my hotel has two maps.",
)
WORDS = [word for sentence in SENTENCES for word in sentence.rstrip(".").split()]


class Case(NamedTuple):
    """A tiny size of an architecture, and what it must reach in how many epochs."""

    kind: Any
    size: tuple[float, ...]
    epochs: int
    described: str
    better: str  # a figure that is lower than the unigram model's
    margin: float


CASES = {
    "bert": Case(
        BertOnText, (1, 64, 200, 32, 5e-3), 30, "BERT of 1 layers of 64", "masked loss in nats", 0.8
    ),
    "gpt2": Case(Gpt2OnText, (1, 64, 320, 32, 1e-2), 4, "GPT-2 of 1 layers of 64", "bits per character", 1.0),
    "t5": Case(T5OnText, (1, 64, 180, 32, 1e-2), 25, "T5 of 1 + 1 layers of 64", "span loss in nats", 1.0),
    "transformer": Case(
        TransformerOnPairs,
        (1, 64, 320, 512, 8e-3),
        9,
        "Transformer of 1 + 1 layers of 64",
        "loss in nats",
        1.0,
    ),
}


@pytest.fixture(autouse=True, scope="module")
def small() -> Any:
    """Make the tiny size tiny."""
    with pytest.MonkeyPatch.context() as patch:
        for case in CASES.values():
            size = type(case.kind.sizes["tiny"])(*case.size)
            patch.setattr(case.kind, "sizes", {"tiny": size})
        yield


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two made-up documents of 300 lines."""
    draw = random.Random(0)
    folder = tmp_path_factory.mktemp("data") / "corpus"
    folder.mkdir()
    for name in ("one", "two"):
        lines = draw.choices(SENTENCES, k=300)
        (folder / f"{name}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Lines of two words and the same two the other way round."""
    path = tmp_path_factory.mktemp("data") / "pairs.tsv"
    draw = random.Random(0)
    drawn = [draw.choices(WORDS, k=2) for _ in range(700)]
    path.write_text("".join(f"{a} {b}\t{b} {a}\n" for a, b in drawn), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def few_rows(topics_csv: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of 60 rows: what is measured on it is nothing, but every rung runs."""
    path = tmp_path_factory.mktemp("data") / "few.csv"
    with topics_csv.open(encoding="utf-8", newline="") as file, path.open("w", newline="") as few:
        csv.writer(few).writerows(list(csv.reader(file))[:61])
    return path


@pytest.fixture
def corpus(request: pytest.FixtureRequest, texts: Path, pairs: Path) -> Path:
    """What the architecture of the test learns from."""
    return pairs if request.node.callspec.params["arch"] == "transformer" else texts


def _record(folder: Path) -> dict[str, Any]:
    stored: dict[str, Any] = json.loads((folder / "pretraining.json").read_text())
    return stored


def test_every_architecture_is_tried_here_or_among_the_recurrent_ones() -> None:
    assert set(CASES) | {"awd-lstm", "elmo"} == set(ARCHITECTURES)


@pytest.mark.parametrize("arch", CASES)
def test_from_text_to_a_backbone_that_fit_takes(
    arch: str, corpus: Path, few_rows: Path, tmp_path: Path
) -> None:
    said: list[str] = []

    class Listener(Silent):
        def say(self, text: str) -> None:
            said.append(text)

    case = CASES[arch]
    folder = api.pretrain(corpus, arch=arch, epochs=case.epochs, out=tmp_path / arch, progress=Listener())
    assert "documents" in said[0] and case.described in said[1]
    assert "steps" in said[2] and "about" in said[2]  # the estimate comes before the first step
    figures = _record(folder)["figures"]
    assert figures[case.better] < figures[f"{case.better}, unigram model"] - case.margin
    options: dict[str, Any] = {"rungs": "frozen,finetuned", "recipe": {"epochs": 1}, "refit": False}
    run = headway.fit(few_rows, model=folder, out=tmp_path / "run", **options)
    assert [rung.status for rung in run.record.rungs] == ["measured", "measured"]
    assert f"--model {folder}" in run.record.command
    loaded = headway.load(tmp_path / "run")
    for rung in ("frozen", "finetuned"):
        (answer,) = loaded.predict(["a train and a ticket"], rung=rung)
        assert answer.label in {"weather", "food", "travel"}
    _damage(folder)


def test_bert_reads_short_pairs_for_nine_tenths_of_its_epochs_in_as_many_steps(
    texts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BertOnText, "sizes", {"tiny": Size(1, 64, 200, 128, 5e-3)})
    order = Order(corpus=texts, architecture="bert", size="tiny", epochs=10)
    work = BertOnText.prepare(read_corpus(texts), order, torch.device("cpu"))
    longest, steps, tokens = [], set(), []
    for epoch in range(order.epochs):
        batches = [batch.masked.tokens for batch in work.epoch_batches(epoch)]
        longest.append(max(int(tokens.lengths.longest) for tokens in batches))
        steps.add(len(batches))
        tokens.append(sum(len(tokens.values) for tokens in batches))
    assert longest == [32] * 9 + [128]
    assert len(steps) == 1
    assert max(tokens) < 1.5 * min(tokens)  # the same texts, but for the frames and for what does not fit


def test_bert_begins_with_words_that_know_their_neighbours_and_drops_nothing_out(texts: Path) -> None:
    order = Order(corpus=texts, architecture="bert", size="tiny")
    work = BertOnText.prepare(read_corpus(texts), order, torch.device("cpu"))
    table = work.model.backbone.word_table.weight.detach()
    rain, cloud, bread = (table[work.tokenizer.pieces([word])[0][0]] for word in ("rain", "cloud", "bread"))
    assert rain @ cloud / cloud.norm() > rain @ bread / bread.norm()  # they stand in one sentence
    (batch,) = work.epoch_batches(0)[:1]
    work.model.train()
    assert work.loss(batch).item() == work.loss(batch).item()
    assert work.model.backbone.config.dropout > 0  # for what fine-tunes it
    rates = {id(parameter): group["lr"] for group in work.groups() for parameter in group["params"]}
    assert len(rates) == len(list(work.model.parameters()))
    words = id(work.model.backbone.word_table.weight)
    assert rates.pop(words) == pytest.approx(WORDS_FACTOR * 5e-3) and set(rates.values()) == {5e-3}


def _damage(folder: Path) -> None:
    """Break a good folder in one way after the other; each is told."""
    cpu = torch.device("cpu")
    config, words = (json.loads((folder / name).read_text()) for name in ("config.json", "tokenizer.json"))
    (folder / "config.json").write_text(json.dumps(config | {"rotary_base": 10000}))
    with pytest.raises(WeightsError, match="rotary_base"):
        TextEncoder.open(str(folder), cpu)
    (folder / "config.json").write_text(json.dumps(config))
    more = json.loads(json.dumps(words))
    if isinstance(more["model"]["vocab"], dict):
        more["model"]["vocab"]["one-piece-more"] = len(more["model"]["vocab"])
    else:
        more["model"]["vocab"].append(["one-piece-more", -9.0])
    (folder / "tokenizer.json").write_text(json.dumps(more))
    with pytest.raises(WeightsError, match="pieces, the model's embedding"):
        TextEncoder.open(str(folder), cpu)
    (folder / "tokenizer.json").unlink()
    with pytest.raises(DataError, match="has no tokenizer"):
        TextEncoder.open(str(folder), cpu)
    (folder / "tokenizer.json").write_text(json.dumps(words))
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    with pytest.raises(WeightsError, match=r"model\.safetensors"):
        TextEncoder.open(str(folder), cpu)


def test_the_same_seed_gives_the_same_bytes_in_another_process(
    texts: Path, pairs: Path, tmp_path: Path
) -> None:
    program = (
        "import importlib, json, sys\nfrom headway import api\n"
        "from headway.training.pretraining import pretraining_class\n"
        "for arch, size, corpus, out in json.loads(sys.argv[1]):\n"
        "    kind = pretraining_class(arch)\n"
        "    kind.sizes = {'tiny': type(kind.sizes['tiny'])(*size)}\n"
        "    api.pretrain(corpus, arch=arch, epochs=1, out=out)\n"
    )
    work = [
        (arch, case.size, str(pairs if arch == "transformer" else texts), str(tmp_path / f"{arch}-second"))
        for arch, case in CASES.items()
    ]
    arithmetic_on(torch.device("cpu"))  # decided once, for both processes
    arguments = [sys.executable, "-c", program, json.dumps(work)]
    with subprocess.Popen(arguments) as other:
        for arch, _, corpus, _ in work:
            for seed in (0, 1):
                api.pretrain(corpus, arch=arch, epochs=1, seed=seed, out=tmp_path / f"{arch}-{seed}")
        assert other.wait(timeout=120) == 0
    for arch in CASES:
        first, again, third = (tmp_path / f"{arch}-{name}" for name in ("0", "second", "1"))
        for name in ("model.safetensors", "tokenizer.json", "config.json"):
            assert (first / name).read_bytes() == (again / name).read_bytes(), (arch, name)
        weights = [(path / "model.safetensors").read_bytes() for path in (first, third)]
        assert weights[0] != weights[1], arch


def _vocabulary(arch: str, folder: Path) -> Path:
    """Return a published vocabulary of the architecture's kind."""
    if arch == "bert":
        pieces = (
            "[PAD] [UNK] [CLS] [SEP] [MASK] the a rain bread train needs shows likes cloud soup .".split()
        )
        (folder / "vocab.txt").write_text("\n".join(pieces) + "\n", encoding="utf-8")
        return folder / "vocab.txt"
    if arch == "t5":
        names = {"t5_tokenizer_base.model": "spiece.model"}
    else:
        names = {"gpt2_bpe_vocab.bpe": "merges.txt", "gpt2_bpe_encoder.json": "vocab.json"}
    for published, name in names.items():
        if not (TOKENIZERS / published).is_file():
            pytest.skip(f"{published} is not among the fixtures")
        shutil.copyfile(TOKENIZERS / published, folder / name)
    return folder / name


@pytest.mark.parametrize(("arch", "pieces"), [("bert", 16), ("gpt2", 50_257), ("t5", 32_100)])
def test_a_published_vocabulary(arch: str, pieces: int, texts: Path, tmp_path: Path) -> None:
    vocabulary = _vocabulary(arch, tmp_path)
    corpus = tmp_path / "few.txt"
    corpus.write_text("\n".join((texts / "one.txt").read_text().split("\n")[:60]))
    folder = api.pretrain(corpus, arch=arch, epochs=1, vocabulary=vocabulary, out=tmp_path / arch)
    tokenizer = tokenizer_in(folder)
    encoder = TextEncoder.open(str(folder), torch.device("cpu"))
    assert tokenizer.vocab_size == pieces == encoder.backbone.config.vocab_size  # type: ignore[attr-defined]
    again = api.pretrain(
        corpus, arch=arch, epochs=1, vocabulary=folder / "tokenizer.json", out=tmp_path / "again"
    )
    assert (again / "tokenizer.json").read_bytes() == (folder / "tokenizer.json").read_bytes()


@pytest.mark.parametrize("arch", CASES)
def test_a_vocabulary_of_another_kind_is_refused(arch: str, corpus: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "vocab.txt"
    wrong.write_text("the\na\nrain\n")
    with pytest.raises(DataError, match=r"vocab\.txt"):
        api.pretrain(corpus, arch=arch, vocabulary=wrong, out=tmp_path / "out")
    with pytest.raises(DataError, match="nowhere"):
        api.pretrain(corpus, arch=arch, vocabulary=tmp_path / "nowhere.json", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_bert_is_saved_with_both_of_its_heads(texts: Path, tmp_path: Path) -> None:
    folder = api.pretrain(texts, epochs=1, out=tmp_path / "bert")
    model, conversion = load_pretraining(folder)
    assert conversion.fresh == ()
    encoder = TextEncoder.open(str(folder), torch.device("cpu"))
    assert encoder.max_tokens == 32
    assert torch.equal(model.backbone.pooler.weight, encoder.backbone.state_dict()["pooler.weight"])  # type: ignore[attr-defined]


def test_the_command_and_what_writes(
    texts: Path, pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> str:
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code == 0, (done.output, done.exception)
        return done.stdout

    out = run("pretrain", str(texts), "--arch", "gpt2", "--epochs", "4", "-q")
    assert "bits per character, unigram model " in out and "bits per character, 5-grams " in out
    assert "headway fit DATA --model corpus-gpt2-tiny" in out
    assert run("generate", "corpus-gpt2-tiny", "the rain needs", "--max-tokens", "4").startswith(" a cloud.")
    scored = run("evaluate", "corpus-gpt2-tiny", str(texts / "one.txt"), "-q")
    assert "bits per character        0." in scored
    record = json.loads(run("pretrain", str(pairs), "--arch", "transformer", "--epochs", "12", "--json"))
    assert record["figures"]["wrong answers"] < 0.2 and record["order"]["architecture"] == "transformer"
    assert run("generate", "pairs-transformer-tiny", "bread cloud", "--beams", "4") == "cloud bread\n"
    run("pretrain", str(texts), "--arch", "t5", "--epochs", "1", "-q")
    assert run("generate", "corpus-t5-tiny", "the <extra_id_0> needs", "--max-tokens", "5")


def test_what_cannot_be_done_is_said_and_leaves_nothing(texts: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(UsageError, match=r"no way to pretrain 'gtp2'(?s:.)*gpt2, t5, transformer"):
        api.pretrain(texts, arch="gtp2", out=out)
    with pytest.raises(UsageError, match="unknown size 'huge'"):
        api.pretrain(texts, size="huge", out=out)
    with pytest.raises(UsageError, match="must be at least 1"):
        api.pretrain(texts, epochs=0, out=out)
    with pytest.raises(DataError, match="cannot be read"):
        api.pretrain(tmp_path / "nowhere.txt", out=out)
    (tmp_path / "short.txt").write_text("one line\n")
    for arch in ("bert", "gpt2", "t5"):
        with pytest.raises(DataError, match="too few to hold 5% of them out"):
            api.pretrain(tmp_path / "short.txt", arch=arch, out=out)
    (tmp_path / "latin.txt").write_bytes("ein\nStraße\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"latin\.txt, line 2: is no UTF-8 text"):
        api.pretrain(tmp_path / "latin.txt", out=out)
    assert not out.exists()
    out.mkdir()
    with pytest.raises(RunError, match="already exists"):
        api.pretrain(texts, out=out)


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (["one\teins", "two"], r"line 2: holds 0 tabs instead of one between source and target: 'two'"),
        (["one\teins", "", "two\tzwei\tdeux"], r"line 3: holds 2 tabs"),
        (["one\teins", "two\t "], r"line 2: has no target: 'two\\t '"),
        (["\teins"], r"line 1: has no source"),
        ([f"{n}\t{n}" for n in range(19)], r"19 different sources, too few to hold 5% of them out"),
        (
            [*(f"{n}\t{n}" for n in range(30)), "x\t" + "long " * 600],
            r"line 31: a text of [\d,]+ tokens; at most 512",
        ),
    ],
)
def test_pairs_that_are_none_are_told_by_their_line(lines: list[str], problem: str, tmp_path: Path) -> None:
    path = tmp_path / "pairs.tsv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(DataError, match=problem) as told:
        api.pretrain(path, arch="transformer", out=tmp_path / "out")
    assert "pairs.tsv" in str(told.value) and not (tmp_path / "out").exists()


def test_fit_refuses_a_model_that_is_none(few_rows: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"'minnilm' is neither a model of the zoo nor a folder"):
        headway.fit(few_rows, model="minnilm", out=tmp_path / "run")
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(HeadwayError, match=r"config\.json"):
        headway.fit(few_rows, model=empty, rungs="frozen", out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
