"""ELMo as a backbone: the folder it was published in, given to `fit`; saved, loaded in a fresh process, the same."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from test_pairs_and_numbers import write_pairs
from test_several_labels import write_labels

import headway
from headway.bundle.predictors import load_predictor
from headway.core.errors import RunError
from headway.core.files import read_json, write_json
from headway.core.progress import Silent
from headway.data.examples import Examples
from headway.data.inputs import Sentence, TextPair
from headway.data.word_vocabulary import train_words
from headway.ladder.mixed_training import MixedTraining
from headway.models.awd_lstm import AwdLstm, AwdLstmConfig
from headway.models.elmo import Elmo, ElmoConfig
from headway.tasks.encoder import TextEncoder
from headway.tasks.frozen import FrozenClassifier
from headway.tasks.tagging import EncoderTagger
from headway.weights.pretrained import save_encoder
from headway.weights.published_elmo import save_published
from tagged_sentences import sentences, write_conll

pytest.importorskip("h5py")
TEXTS = ["rain and wind", "a cheese soup", "the train station", ""]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    config = ElmoConfig(
        d_character=4, filters=((1, 8), (2, 16), (3, 16)), num_highways=1, d_cell=32, d_projection=16
    )
    folder = tmp_path_factory.mktemp("published") / "elmo"
    folder.mkdir()
    save_published(Elmo(config).eval(), folder)
    return folder


def _fit(data: Path, published: Path, **options: Any) -> headway.Run:
    return headway.fit(
        data, model=published, rungs="mixed", refit=False, out=data.with_name("run"), **options
    )


def test_from_the_published_files_to_a_prediction(topics_csv: Path, tmp_path: Path, published: Path) -> None:
    header, *rows = topics_csv.read_text().splitlines()
    for name, part in (("train", rows[:100]), ("test", rows[100:160])):
        (tmp_path / f"{name}.csv").write_text("\n".join([header, *part]))
    run = headway.fit(
        tmp_path / "train.csv",
        test=tmp_path / "test.csv",
        model=published,
        rungs="frozen,mixed,finetuned",
        recipe={"epochs": 2},
        refit=False,
        out=tmp_path / "run",
    )
    assert [rung.status for rung in run.record.rungs] == ["measured"] * 3
    for rung in run.record.rungs:
        assert rung.settings is not None
        assert rung.settings["reads"] == "words and marks (apostrophes stay in words), 48 bytes of each"
        assert rung.opens_with is None
    for name in ("frozen", "mixed", "finetuned"):
        folder = run.folder / "rungs" / name
        program = (
            "import json, sys; from pathlib import Path; from headway.bundle.predictors import load_predictor\n"
            f"print(json.dumps(load_predictor(Path(sys.argv[1])).predict({TEXTS!r}).tolist()))"
        )
        command = [sys.executable, "-c", program, str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
        ours = load_predictor(folder).predict(TEXTS)
        np.testing.assert_allclose(json.loads(done.stdout), ours, atol=1e-6)
    tuned = load_predictor(run.folder / "rungs" / "finetuned").predictor
    mix = tuned.model.backbone.mix  # type: ignore[attr-defined]
    assert mix.weights.abs().sum() > 0 and mix.gamma != 1  # the mix was learned with the rest
    mixed = run.record.rungs[1]
    assert mixed.settings is not None and mixed.settings["depths"] == 3 and mixed.settings["gamma"] != 1
    assert len(mixed.settings["shares"]) == 3 and abs(sum(mixed.settings["shares"]) - 1) < 1e-3
    assert mixed.parameters < run.record.rungs[0].parameters  # a head on one depth's numbers, not on three's


def test_each_text_is_read_once(topics_csv: Path, published: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    training = MixedTraining(str(published), torch.device("cpu"))
    read: list[str] = []
    compute = TextEncoder.layer_means

    def counted(self: TextEncoder, texts: Sequence[str], depths: int) -> np.ndarray:
        read.extend(texts)
        return compute(self, texts, depths)

    monkeypatch.setattr(TextEncoder, "layer_means", counted)
    texts, topics = zip(
        *(line.rsplit(",", 1) for line in topics_csv.read_text().splitlines()[1:]), strict=True
    )
    for rows in (slice(0, 60), slice(30, 90)):  # two parts of a run
        training.fit(Examples.of_texts(texts[rows], topics[rows], "test"), 0, Silent())
    assert sorted(read) == sorted(texts[:90])


def _again(run: headway.Run, inputs: Sequence[Any]) -> Any:
    """Return what the saved predictor says of the inputs; another mix would say something else."""
    folder = run.folder / "rungs" / "mixed"
    loaded = load_predictor(folder).predictor
    assert isinstance(loaded, FrozenClassifier) and loaded.mix is not None
    said = loaded.predict(inputs)
    stored = read_json(folder / "frozen.json")
    assert stored["mix"]["weights"] == loaded.mix.weights.tolist()
    write_json(folder / "frozen.json", stored | {"mix": {"weights": [5.0, 0.0, -5.0], "gamma": 1.0}})
    assert not np.allclose(load_predictor(folder).predictor.predict(inputs), said)
    write_json(folder / "frozen.json", stored | {"mix": {"weights": [0.0]}})
    with pytest.raises(RunError, match="its mix of depths is damaged"):
        load_predictor(folder)
    return said


@pytest.mark.parametrize("label", ["label", "score"])
def test_pairs_and_numbers(published: Path, tmp_path: Path, label: str) -> None:
    run = _fit(write_pairs(tmp_path / "pairs.tsv", label, rows=80), published)
    (rung,) = run.record.rungs
    assert rung.status == "measured" and rung.scores
    pairs = [TextPair("rain sun hail", "rain sun snow"), TextPair("bread", ""), TextPair("", "")]
    said = _again(run, pairs)
    assert said.shape == ((3, 2) if label == "label" else (3,)) and np.isfinite(said).all()


def test_several_labels(published: Path, tmp_path: Path) -> None:
    run = _fit(write_labels(tmp_path / "topics.jsonl", 80), published)
    assert run.record.rungs[0].scores is not None and "micro_f1" in run.record.rungs[0].scores
    said = _again(run, TEXTS)
    assert said.shape == (4, 3) and ((said > 0) & (said < 1)).all()


def test_tags(published: Path, tmp_path: Path) -> None:
    run = _fit(write_conll(tmp_path / "train.conll", sentences(80)), published)
    (rung,) = run.record.rungs
    assert rung.settings is not None and rung.settings["depths"] == 3 and len(rung.settings["shares"]) == 3
    assert rung.scores and rung.scores["span_f1"].value > 0.3
    tagger = load_predictor(run.folder / "rungs" / "mixed").predictor
    assert isinstance(tagger, EncoderTagger) and tagger.mix is not None
    assert run.predict("", rung="mixed").tags == ()
    long = ["we", "met", "in", "New", "York"] * 20_000  # read in windows: no word goes without a tag
    (shares,) = tagger.predict([Sentence(long)])
    assert shares.shape == (100_000, len(tagger.labels)) and np.isfinite(shares).all()
    assert tagger.cut([Sentence(long)]) == 1


def test_depths_of_several_sizes_are_refused(topics_csv: Path, tmp_path: Path) -> None:
    folder = tmp_path / "awd"
    folder.mkdir()
    tokenizer = train_words(["rain and sun"] * 9, 50, lowercase=True, least=1)
    config = AwdLstmConfig(vocab_size=tokenizer.vocab_size, d_model=12, d_cell=16, num_layers=2)
    save_encoder(AwdLstm(config), folder)
    tokenizer.save(folder)
    run = headway.fit(topics_csv, model=folder, rungs="majority,mixed", refit=False, out=tmp_path / "run")
    refused = run.record.rungs[1]
    assert refused.status == "failed" and refused.reason is not None
    assert "depths have 12, 16, 12 numbers: only depths of one size can be mixed" in refused.reason
