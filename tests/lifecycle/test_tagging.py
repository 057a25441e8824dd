"""Tagging, from a CoNLL file to a run that tags a sentence, as a person runs it."""

import csv
import io
import json
from pathlib import Path

import pytest
from test_command_line import headway as run_headway

import headway
from headway.data.readers import read_table
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
