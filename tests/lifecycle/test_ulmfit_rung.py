"""ULMFiT as a rung: what its language model is tuned on, what is said, the ensemble, long and empty texts."""

import pickle
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import headway
from headway import api
from headway.cli import display
from headway.core.device import available_memory
from headway.core.errors import UsageError
from headway.core.progress import Silent
from headway.data.checks import check_examples
from headway.data.columns import choose_columns
from headway.data.examples import Examples
from headway.data.readers import read_table
from headway.ladder import ulmfit_training
from headway.ladder.encoder_training import training_need
from headway.ladder.plan import Plan
from headway.ladder.preparation import Options
from headway.ladder.ulmfit_training import TunedFineTuning, Ulmfit
from headway.models.awd_lstm import AwdLstm, AwdLstmConfig, AwdLstmLanguageModel
from headway.tasks import classification
from headway.tasks.decoder import TextDecoder
from headway.training import language_tuning, pretrain_awd_lstm
from headway.weights.cache import fetch
from headway.weights.catalog import find
from headway.weights.convert import to_theirs
from headway.weights.formats import awd_lstm as layout

CPU = torch.device("cpu")


class Listening(Silent):
    """Notes what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)


@pytest.fixture
def examples(topics_csv: Path) -> Examples:
    table = read_table(topics_csv)
    return check_examples(table, choose_columns(table)).examples


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The texts of each tuning, as they come in."""
    seen: list[list[str]] = []
    tune = language_tuning.tune

    def noted(general: TextDecoder, texts: Sequence[str], *rest: Any) -> Any:
        seen.append(list(texts))
        return tune(general, texts, *rest)

    monkeypatch.setattr(ulmfit_training, "tune", noted)
    return seen


def test_the_language_model_reads_training_texts_and_those_without_labels_and_no_others(
    tiny_zoo: Path,
    topics_csv: Path,
    tmp_path: Path,
    read: list[list[str]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    header, *rows = topics_csv.read_text().splitlines()
    train, test = rows[:60], rows[60:90]
    for name, part in (("train", train), ("test", test)):
        (tmp_path / f"{name}.csv").write_text("\n".join([header, *part]))
    others = [f"fog and hail number {number}" for number in range(20)]
    tested = [row.rsplit(",", 1)[0].strip('"') for row in test]
    (tmp_path / "others.txt").write_text("\n".join([*others, *tested]))
    progress = Listening()
    run = headway.fit(
        tmp_path / "train.csv",
        test=tmp_path / "test.csv",
        rungs="ulmfit",
        unlabelled=tmp_path / "others.txt",
        recipe={"epochs": 2},
        refit=False,
        fetch=True,
        out=tmp_path / "run",
        progress=progress,
    )
    (texts,) = read
    assert set(others) <= set(texts) and not set(tested) & set(texts)
    assert len(set(texts)) == len({row.rsplit(",", 1)[0] for row in train}) + len(others)
    (rung,) = run.record.rungs
    assert rung.status == "measured" and rung.title == "ULMFiT on awd-tiny" and rung.settings is not None
    assert rung.settings["weights"] == "fresh weights of this test"
    assert rung.settings["tuned_texts"] == len(set(texts))
    said = "\n".join(progress.said)
    assert "awd-tiny: fresh weights of this test" in said
    assert f"tuned on {len(set(texts))} texts, {rung.settings['tuned_words']:,} words" in said
    assert "training texts and 20 without labels" in said
    assert "fresh weights of this test" in run.report.read_text()
    display.print_ladder(run.record)
    assert "ULMFiT on awd-tiny: fresh weights of this test" in capsys.readouterr().out
    found = headway.load(run.folder).predictor("ulmfit").predict(["rain and wind", "", "word " * 3000])
    assert found.shape == (3, 3) and np.isfinite(found).all()


def test_a_stand_in_is_told_as_that_as_a_frozen_encoder_too(
    tiny_zoo: Path, topics_csv: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of published weights nothing is said."""
    for model, told in (("awd-tiny", "fresh weights of this test"), ("minilm", None)):
        run = headway.fit(
            topics_csv, rungs=["frozen"], model=model, refit=False, fetch=True, out=tmp_path / model
        )
        (rung,) = run.record.rungs
        assert rung.settings is not None and rung.settings.get("weights") == told
        display.print_ladder(run.record)
        assert ("Frozen encoder: fresh weights" in capsys.readouterr().out) is (told is not None)
        assert ("fresh weights of this test" in run.report.read_text()) is (told is not None)


def test_held_out_folds_are_not_read(
    tiny_zoo: Path, topics_csv: Path, tmp_path: Path, read: list[list[str]]
) -> None:
    header, *rows = topics_csv.read_text().splitlines()
    (tmp_path / "few.csv").write_text("\n".join([header, *rows[:60]]))
    options: dict[str, Any] = {"rungs": "ulmfit", "recipe": {"epochs": 1}, "refit": False, "fetch": True}
    headway.fit(tmp_path / "few.csv", out=tmp_path / "run", **options)
    assert len(read) == 5
    sizes = {len(set(texts)) for texts in read}
    every = set().union(*read)
    assert max(sizes) < len(every)
    held_out = [every - set(texts) for texts in read]
    assert sum(map(len, held_out)) == len(set().union(*held_out)) == len(every)  # each text is held out once


def test_one_tuning_serves_every_number_of_labels(
    tiny_zoo: Path, examples: Examples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch(find("awd-tiny"))
    learned: list[str] = []
    learn = language_tuning.learn
    monkeypatch.setattr(language_tuning, "learn", lambda *args: learned.append(args[-1]) or learn(*args))
    texts = list(examples.inputs)
    found = []
    for rows in (30, 60):
        ulmfit = Ulmfit(["awd-tiny"], CPU, texts, {"epochs": 1}, tmp_path / "tuned")
        found.append(ulmfit.fit(examples.take(np.arange(rows)), 3, Silent()))
    assert len(learned) == 1  # the same texts and seed
    assert found[0].settings["tuned_words"] == found[1].settings["tuned_words"]
    Ulmfit(["awd-tiny"], CPU, texts, {"epochs": 1}, tmp_path / "tuned").fit(examples, 4, Silent())
    assert len(learned) == 2  # another seed


def test_the_ensemble_of_both_directions(
    topics_csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = {"tiny": pretrain_awd_lstm.Size(12, 16, 2, 100, 1e-2)}
    monkeypatch.setattr(pretrain_awd_lstm.AwdLstmOnText, "sizes", size)
    corpus = tmp_path / "corpus.txt"
    draw = random.Random(0)
    corpus.write_text(
        "\n".join(" ".join(draw.choices("rain sun bread soup train".split(), k=5)) for _ in range(60))
    )
    models = [
        api.pretrain(corpus, arch="awd-lstm", epochs=1, backward=backward, out=tmp_path / f"lm-{backward}")
        for backward in (False, True)
    ]
    header, *rows = topics_csv.read_text().splitlines()
    for name, part in (("train", rows[:60]), ("test", rows[60:90])):
        (tmp_path / f"{name}.csv").write_text("\n".join([header, *part]))
    monkeypatch.chdir(tmp_path)
    run = headway.fit(
        tmp_path / "train.csv",
        test=tmp_path / "test.csv",
        rungs="ulmfit",
        language_model=[model.name for model in models],
        recipe={"epochs": 2},
        refit=False,
        out=tmp_path / "run",
    )
    (rung,) = run.record.rungs
    assert rung.title == "ULMFiT on lm-False and lm-True" and rung.status == "measured", rung.reason
    assert rung.settings is not None
    assert rung.settings["weights"].startswith("pretrained here: AWD-LSTM")
    assert rung.settings["weights of model 2"].endswith("read backward")
    ensemble: Any = headway.load(run.folder).predictor("ulmfit")
    texts = ["rain and wind", "", "soup"]
    forward, backward = (member.predict(texts) for member in ensemble.predictor.members)
    assert not np.allclose(forward, backward)
    np.testing.assert_allclose(ensemble.predictor.predict(texts), (forward + backward) / 2)
    assert "--language-model" in run.record.command and run.record.command.count("--language-model") == 2
    plan = Plan.load(run.folder)
    monkeypatch.chdir("/")
    plan.require_same_data(Options.restored(plan, None, None).hashes(), run.folder)
    assert {"language model 1", "language model 2"} <= plan.hashes.keys()
    moved = run.folder / "rungs" / "ulmfit" / "model-2" / "tokenizer_config.json"
    moved.write_text("{}")  # the direction is lost
    with pytest.raises(headway.HeadwayError, match="reads texts in another direction"):
        headway.load(run.folder).predictor("ulmfit")


def test_a_text_of_100_000_words_is_trained_on_in_constant_memory(tiny_zoo: Path, examples: Examples) -> None:
    fetch(find("awd-tiny"))
    training = TunedFineTuning("awd-tiny", CPU)
    encoder = training.open(["rain"])
    model = classification.build(encoder, 3, 0)
    short, long = "rain bread train " * 700, "rain bread train " * 33_334
    needs = [training_need(model, encoder, [text], 4) for text in (short, long)]
    assert needs[0] == needs[1]  # what is planned with
    needs[1].require(needs[1].tokens_at_once(available_memory()), available_memory())
    some = examples.take(np.arange(12))
    texts = [long, "", *some.inputs[2:]]
    with_long = Examples(**{**vars(some), "inputs": tuple(texts)})
    fitted = TunedFineTuning("awd-tiny", CPU, recipe={"epochs": 2}).fit(with_long, 0, Silent())
    assert fitted.cut([long]) == 0
    assert np.isfinite(fitted.predict([long, "", "rain"])).all()


def test_what_does_not_fit_is_said(tiny_zoo: Path, topics_csv: Path, tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"--language-model: 'nothing' is neither a model of the zoo nor a folder"
    ):
        headway.fit(topics_csv, rungs="ulmfit", language_model="nothing", out=tmp_path / "run")
    with pytest.raises(UsageError, match=r"ULMFiT stands on an AWD-LSTM|reads texts and writes none"):
        headway.fit(topics_csv, rungs="ulmfit", language_model="minilm", fetch=True, out=tmp_path / "run")


def test_numbers_and_several_labels(tiny_zoo: Path, examples: Examples, tmp_path: Path) -> None:
    fetch(find("awd-tiny"))
    texts = list(examples.inputs[:40])
    for name, targets in (
        ("numbers", [str(0.25 + number % 7) for number in range(40)]),
        ("labels", ['["wet"]' if "rain" in text else '["dry", "fine"]' for text in texts]),
    ):
        path = tmp_path / f"{name}.jsonl"
        rows = (
            f'{{"text": "{text}", "label": {target}}}' for text, target in zip(texts, targets, strict=True)
        )
        path.write_text("\n".join(rows))
        table = read_table(path)
        some = check_examples(table, choose_columns(table), task=name).examples  # type: ignore[arg-type]
        assert some.task == name
        found = Ulmfit(["awd-tiny"], CPU, (), {"epochs": 2}).fit(some, 0, Silent()).predict(["rain", ""])
        assert found.shape == ((2,) if name == "numbers" else (2, 3)) and np.isfinite(found).all()


@pytest.mark.parametrize(("weights", "backward"), [("lstm_fwd.pth", False), ("lstm_bwd.pth", True)])
def test_the_published_layout_by_its_path(
    weights: str, backward: bool, examples: Examples, tmp_path: Path
) -> None:
    """fastai's folder: a pickled list of words, and a state dict with its copies; the sizes follow from the shapes."""
    words = ["xxunk", "xxpad", "xxbos", "rain", "sun", "bread", "soup", "train", "the", "and"]
    torch.manual_seed(0)
    config = AwdLstmConfig(vocab_size=len(words), d_model=12, d_cell=16, num_layers=3)
    published = to_theirs(AwdLstmLanguageModel(AwdLstm(config)).state_dict(), layout.PUBLISHED)
    torch.save(published, tmp_path / weights)
    (tmp_path / "itos_wt103.pkl").write_bytes(pickle.dumps(words))
    progress = Listening()
    some = examples.take(np.arange(24))
    fitted: Any = Ulmfit([str(tmp_path)], CPU, (), {"epochs": 2}).fit(some, 0, progress)
    assert fitted.encoder.tokenizer.backward is backward
    vocabulary = fitted.encoder.tokenizer.vocabulary
    assert (
        vocabulary[: len(words)] == words and len(vocabulary) - len(words) == fitted.settings["new_words"] > 0
    )
    assert "weights as they lie in its folder" in progress.said[0]
    assert np.isfinite(fitted.predict(["rain", ""])).all()
