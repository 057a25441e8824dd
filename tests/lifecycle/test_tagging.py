"""Tagging, from a CoNLL file to a run that tags a sentence, as a person runs it."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import headway
from command_line import headway as run_headway
from headway.core.progress import Silent
from headway.data.readers import read_table
from headway.weights.pretrained import load_encoder
from shared_files import FIXTURES
from tagged_sentences import sentences, write_conll


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tagging")
    write_conll(folder / "train.conll", sentences(150))
    write_conll(folder / "test.conll", sentences(40, seed=1), between=" ", end="\r\n")
    run_headway("fit", "train.conll", "--rungs", "lexicon,ngrams", "--no-refit", "--out", "run", cwd=folder)
    return folder


def test_a_run_on_words(folder: Path) -> None:
    run = headway.load(folder / "run")
    record = run.record
    assert record.data.task == "tags" and record.verdict.metric == "span_f1" and "span F1" in run.verdict
    scores = {rung.name: rung.scores["span_f1"].value for rung in record.rungs if rung.scores}
    assert scores["ngrams"] > 0.95 and set(scores) == {"lexicon", "ngrams"}
    assert record.data.split == "5 folds, each row held out once"
    assert {facts.name for facts in record.data.labels} == {"person", "place"}
    found = run.predict("Grace Hopper went to Rio de Janeiro .")
    assert found.tags == ("B-person", "I-person", "O", "O", "B-place", "I-place", "I-place", "O")
    assert found.spans == (("person", "Grace Hopper"), ("place", "Rio de Janeiro"))
    several = run.predict([["in", "Lima", "it", "rains"], "no one"], rung="ngrams")
    assert several[0].spans == (("place", "Lima"),) and several[1].spans == ()
    assert run.predict("").tags == ()
    with pytest.raises(headway.HeadwayError, match=r"inputs\[0\]: expected a sentence's words, found int"):
        run.predict([3])
    rows = list(csv.DictReader(io.StringIO((run.folder / "predictions.csv").read_text())))
    assert len(rows) == 150 and all(len(row["label"].split()) == len(row["ngrams"].split()) for row in rows)
    html = run.report.read_text()
    assert "span F1" in html and "2 types of spans" in html


def test_the_commands(folder: Path) -> None:
    done = run_headway("fit", "train.conll", "--test", "test.conll", "--rungs", "lexicon", cwd=folder)
    assert "taken for tagging: 150 sentences of" in done.stderr and "tags are written in BIO" in done.stderr
    assert "test.conll: read as CoNLL: a word a line, 2 columns between white space" in done.stderr
    assert 'headway predict train-run "a sentence"' in done.stdout
    assert "one sentence" in done.stdout
    told = run_headway("predict", "run", "in New York it rains", cwd=folder).stdout
    assert told == "in\tO\nNew\tB-place\nYork\tI-place\nit\tO\nrains\tO\n"
    written = run_headway("predict", "run", "test.conll", "--keep", cwd=folder).stdout
    (folder / "tagged.conll").write_text(written)
    table = read_table(folder / "tagged.conll")
    assert len(table) == 40
    right = [
        json.loads(gold) == json.loads(said)
        for gold, said in zip(table.texts("column 2"), table.texts("tags"), strict=True)  # type: ignore[arg-type]
    ]
    assert sum(right) > 36
    scored = run_headway("evaluate", "run", "test.conll", cwd=folder).stdout
    assert scored.startswith("span F1       ") and "tag accuracy" in scored and "on 40 rows" in scored
    shown = run_headway("show", "run", cwd=folder).stdout
    assert "Labels   person" in shown


def test_mistakes_in_typing_are_told(folder: Path) -> None:
    lines = (folder / "train.conll").read_text().split("\n")
    first = next(number for number, line in enumerate(lines) if line.endswith("B-place"))
    for wrong, expected in (
        (lines[first].replace("B-place", "B-palce"), "did you mean 'place'?"),
        (lines[first].replace("B-place", "b-place"), "did you mean 'B-place'?"),
        (lines[first].replace("\t", " "), "spaces where the others have a tab"),
    ):
        (folder / "typed.conll").write_text("\n".join([*lines[:first], wrong, *lines[first + 1 :]]))
        failed = run_headway("fit", "typed.conll", "--offline", cwd=folder, status=1)
        assert f"typed.conll, line {first + 1}: " in failed.stderr and expected in failed.stderr
        failed = run_headway("evaluate", "run", "typed.conll", cwd=folder, status=1)
        assert "typed.conll, line" in failed.stderr
    failed = run_headway("fit", "train.conll", "--rungs", "majority", cwd=folder, status=1)
    assert "Known: lexicon, ngrams" in failed.stderr
    failed = run_headway("fit", "train.conll", "--metric", "accuracy", cwd=folder, status=1)
    assert "span_f1, tag_accuracy" in failed.stderr


def test_the_encoder_rungs(folder: Path, tiny_zoo: Path, tmp_path: Path) -> None:
    recipe = {"epochs": 2, "learning_rate": 3e-3, "tokens_at_once": 256}
    runs = [
        headway.fit(
            folder / "train.conll",
            test=folder / "test.conll",
            rungs="all",
            fetch=True,
            recipe=recipe,
            refit=False,
            out=tmp_path / name,
        )
        for name in ("one", "again")
    ]
    record = runs[0].record
    assert [rung.name for rung in record.rungs] == [
        "lexicon",
        "ngrams",
        "vectors",
        "frozen",
        "mixed",
        "finetuned",
    ]
    assert [rung.status for rung in record.rungs] == ["measured"] * 6
    assert all("span_f1" in (rung.scores or {}) for rung in record.rungs)
    assert [bool(rung.opens_with) for rung in record.rungs] == [False, False, False, True, True, True]
    files = sorted(
        path.relative_to(runs[0].folder) for path in (runs[0].folder / "rungs").rglob("*") if path.is_file()
    )
    for name in [*files, Path("predictions.csv")]:
        assert (runs[0].folder / name).read_bytes() == (runs[1].folder / name).read_bytes(), name
    tagged = runs[0].predict("we met Grace Hopper in Lima 7", rung="finetuned")
    program = (
        "import sys, headway; print(' '.join(headway.load(sys.argv[1]).predict("
        "'we met Grace Hopper in Lima 7', rung='finetuned').tags))"
    )
    command = [sys.executable, "-c", program, str(runs[0].folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert tuple(done.stdout.split()) == tagged.tags


def test_choosing_among_trainings_and_what_cannot_be_shared_out(
    folder: Path, tiny_zoo: Path, tmp_path: Path
) -> None:
    from headway.weights import cache, catalog

    cache.fetch(catalog.find_published("minilm"))
    options = {"test": folder / "test.conll", "rungs": "finetuned", "refit": False}
    recipe = {"epochs": 2, "learning_rate": 3e-3, "seeds": 2, "patience": 1}
    run = headway.fit(folder / "train.conll", out=tmp_path / "chosen", recipe=recipe, **options)
    assert run.record.rungs[0].settings and run.record.rungs[0].settings["seeds"] == 2
    assert len(run.record.rungs[0].seed_scores or ()) == 2
    with pytest.raises(headway.HeadwayError, match="tagging is trained in one process"):
        headway.fit(folder / "train.conll", out=tmp_path / "shared", recipe={"shard": 1}, **options)


class Said(Silent):
    """Keeps what is said aloud."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)


def test_long_sentences_are_read_in_windows_and_said(tiny_zoo: Path, tmp_path: Path) -> None:
    rows = sentences(60)
    rows[3] = [pair for row in rows[:12] for pair in row]
    path, said = write_conll(tmp_path / "long.conll", rows), Said()
    options = {"rungs": "frozen,finetuned", "recipe": {"epochs": 1}, "refit": False, "fetch": True}
    run = headway.fit(path, out=tmp_path / "run", progress=said, **options)
    assert any("are read in windows that overlap" in line for line in said.lines)
    assert all(rung.texts_cut for rung in run.record.rungs)
    (tagged,) = run.predict([[word for word, _ in rows[3]]], rung="frozen")
    assert len(tagged.tags) == len(rows[3])


def test_elmo_tags_with_a_learned_mix(folder: Path, tmp_path: Path) -> None:
    """The published fixture's weights, as they are; the frozen layers' mix is learned with the head."""
    pytest.importorskip("h5py")
    published = FIXTURES / "elmo_allennlp"
    if not published.is_dir():
        pytest.skip("no elmo_allennlp among the shared fixtures")
    recipe = {"epochs": 4, "learning_rate": 0.02, "frozen_groups": 3}
    options = {"test": folder / "test.conll", "rungs": "frozen,finetuned", "refit": False, "recipe": recipe}
    run = headway.fit(folder / "train.conll", model=published, out=tmp_path / "run", **options)
    assert [rung.status for rung in run.record.rungs] == ["measured", "measured"]
    scores = [rung.scores["span_f1"].value for rung in run.record.rungs if rung.scores]
    assert scores[0] > 0.5 and scores[1] > 0.1, scores
    mine = run.predictor("finetuned").predictor.words.encoder.backbone  # type: ignore[attr-defined]
    theirs, _ = load_encoder(published)
    before = theirs.state_dict()  # type: ignore[attr-defined]
    moved = {name for name, tensor in mine.state_dict().items() if not torch.equal(tensor, before[name])}
    assert moved and all(name.startswith("mix.") for name in moved)
    assert run.predict("Ada Lovelace went to Lima .", rung="frozen").spans
