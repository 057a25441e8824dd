"""Questions that a passage answers: from SQuAD's JSON to a run, its answers and the official figures, as a person
runs them.
"""

import copy
import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headway
from asked_questions import squad, write
from command_line import headway as run_headway
from headway.bundle.predictors import load_predictor
from headway.bundle.run import Answer
from headway.core.answers import MOST, NOTHING
from headway.data.inputs import TextPair
from headway.models.lexical_reader import LexicalReader
from headway.tasks.reader import ExtractiveReader

RECIPE = {"epochs": 6, "learning_rate": 5e-3, "window": 16, "stride": 4}
HARD = [
    "",
    "   ",
    "🌧️  and\n☀️ 7",
    "한국어 7",
    "a\u0000b 7",
    "x" * 10_000,
    "rain  " * 500 + "7",
    "Caf\u00e9 İ ﬁ 7",
]


@pytest.fixture
def folder(tmp_path: Path, tiny_zoo: Path) -> Path:
    """Training and test questions, and a tiny model beside them."""
    write(tmp_path / "train.json", squad(300, 1))
    write(tmp_path / "test.json", squad(80, 2))
    (tmp_path / "model").symlink_to(tiny_zoo)
    return tmp_path


def fit(folder: Path, out: str, **more: Any) -> headway.Run:
    options = {"recipe": RECIPE, "refit": False, "model": folder / "model"} | more
    return headway.fit(folder / "train.json", test=folder / "test.json", out=folder / out, **options)


def test_a_reader_learns_and_knows_where_there_is_no_answer(folder: Path) -> None:
    run = fit(folder, "run")
    scores = {rung.name: rung.scores for rung in run.record.rungs}
    assert scores["unanswered"] is not None and scores["finetuned"] is not None
    none = sum(q["is_impossible"] for a in squad(80, 2)["data"] for q in a["paragraphs"][0]["qas"])
    assert scores["unanswered"]["exact_match"].value == pytest.approx(none / 80)
    assert (
        scores["lexical"] is not None and scores["lexical"]["answer_f1"].value > 0.9
    )  # it sees a digit's look
    assert scores["finetuned"]["answer_f1"].value > 0.9 and run.record.verdict.ships != "unanswered"
    facts = run.record.data
    assert (facts.task, facts.text_columns) == ("answers", ("question", "context"))
    assert [label.name for label in facts.labels] == ["with an answer", "without an answer"]

    context = "rain  bread " * 40 + "train 7  hotel"
    found = run.predict(("sun?", context), "finetuned")
    assert isinstance(found, Answer) and found.text == "7" and context[found.start : found.end] == "7"
    assert found.likeliest[0][:2] == found[:2] and 1 < len(found.likeliest) <= MOST
    assert sum(one.probability for one in found.likeliest) == pytest.approx(1)
    nothing = run.predict(("sun?", "rain  bread"), "finetuned")
    assert nothing.text == "" and nothing.start is None
    with pytest.raises(headway.HeadwayError, match="expected a pair of texts"):
        run.predict(["sun?"])

    reader = load_predictor(run.folder / "rungs" / "finetuned").predictor
    assert isinstance(reader, ExtractiveReader) and reader.threshold is not None
    assert reader.settings["threshold"] == reader.threshold
    together = reader.predict([TextPair("sun?", text) for text in HARD])
    assert together.shape == (len(HARD), MOST, 3)
    for text, answers in zip(HARD, together, strict=True):
        np.testing.assert_allclose(reader.predict([TextPair("sun?", text)])[0, 0], answers[0], atol=1e-5)
        for start, end, share in answers[answers[:, 2] > 0]:
            assert start == end == NOTHING or (0 <= start < end <= len(text) and share <= 1)
    assert reader.predict([]).shape == (0, MOST, 3) and reader.cut([TextPair("rain " * 90, "sun")]) == 1

    rows = list(csv.DictReader(io.StringIO((run.folder / "predictions.csv").read_text())))
    rungs = ("unanswered", "lexical", "finetuned")
    columns = [column for rung in rungs for column in (rung, f"{rung}_probability")]
    assert list(rows[0]) == ["line", "label", *columns]
    right = [row["finetuned"] in (json.loads(row["label"]) or [""]) for row in rows]
    assert np.mean(right) == pytest.approx(scores["finetuned"]["exact_match"].value)
    page = run.report.read_text()
    assert "<code>question</code>" in page and "exact match" in page.lower()


def test_the_threshold_is_chosen_on_training_rows_and_the_same_seed_gives_the_same_bytes(
    folder: Path,
) -> None:
    options = {"recipe": RECIPE | {"epochs": 1}, "rungs": "finetuned"}
    first, second = fit(folder, "one", **options), fit(folder, "two", **options)
    write(folder / "test.json", squad(60, 3))  # other held-out questions
    third = fit(folder, "three", **options)
    for name in ("model.safetensors", "reader.json", "tokenizer.json"):
        files = [(run.folder / "rungs" / "finetuned" / name).read_bytes() for run in (first, second, third)]
        assert files[0] == files[1] == files[2], name
    assert (first.folder / "predictions.csv").read_bytes() == (second.folder / "predictions.csv").read_bytes()


def test_the_lexical_rung_keeps_its_contract(folder: Path) -> None:
    run = fit(folder, "run", rungs="lexical", recipe=None)
    calibrated = load_predictor(run.folder / "rungs" / "lexical")
    reader = calibrated.predictor
    assert isinstance(reader, LexicalReader) and reader.threshold is not None
    pairs = [TextPair(question, text) for text in HARD for question in ("sun?", "", "한국 ?")]
    answers = reader.predict(pairs)
    assert answers.shape == (len(pairs), MOST, 3) and calibrated.labels == () and reader.cut(pairs) == 0
    for pair, own in zip(pairs, answers, strict=True):
        assert own[:, 2].sum() == pytest.approx(1)
        assert all(s == e == NOTHING or 0 <= s < e <= len(pair.second) for s, e, share in own if share)
    again = fit(folder, "again", rungs="lexical", recipe=None)
    for name in ("lexical_reader.json", "lexical_reader.safetensors"):
        first, second = ((one.folder / "rungs" / "lexical" / name).read_bytes() for one in (run, again))
        assert first == second
    (run.folder / "rungs" / "lexical" / "lexical_reader.json").write_text("{")
    with pytest.raises(headway.HeadwayError):
        load_predictor(run.folder / "rungs" / "lexical")


def test_where_every_question_has_an_answer_one_is_given(folder: Path) -> None:
    write(folder / "train.json", squad(120, 4, unanswerable=False))
    write(folder / "test.json", squad(40, 5, unanswerable=False))
    more = {"epochs": 2, "patience": 1, "seeds": 2}
    run = fit(folder, "run", rungs="finetuned", recipe=RECIPE | more)
    reader = load_predictor(run.folder / "rungs" / "finetuned").predictor
    assert (
        isinstance(reader, ExtractiveReader)
        and reader.threshold is None
        and "threshold" not in reader.settings
    )
    assert all(answer.text for answer in run.predict([("sun?", "rain bread"), ("sun?", "hail")]))
    assert not run.predict(("sun?", " ")).text  # there is nothing to give


def test_the_commands(folder: Path) -> None:
    options = ("--model", "model", "--no-refit", "--set", "epochs=1", "--set", "window=16", "--out", "run")
    done = run_headway("fit", "train.json", "--test", "test.json", *options, cwd=folder)
    assert "train.json: SQuAD's JSON, 300 questions on 300 paragraphs" in done.stderr
    assert "taken for questions that a passage answers (--task overrides)" in done.stderr
    assert "F1 decides, because questions are answered" in done.stderr
    assert 'headway predict run "a question" "its context"' in done.stdout
    assert "one question" in done.stdout
    assert "Labels   with an answer" in run_headway("show", "run", cwd=folder).stdout

    rung = ("--rung", "finetuned")
    told = run_headway(
        "predict", "run", "sun?", "rain bread  7", *rung, "--all", cwd=folder
    ).stdout.splitlines()
    assert len(told) > 2 and all(line.endswith(")") or line.startswith("(no answer)") for line in told)
    missing = run_headway("predict", "run", "sun?", cwd=folder, status=1)
    assert "('question' and 'context'): give two" in missing.stderr
    rows = list(
        csv.DictReader(io.StringIO(run_headway("predict", "run", "test.json", *rung, cwd=folder).stdout))
    )
    assert list(rows[0]) == ["id", "row", "predicted", "probability", "start", "end"] and len(rows) == 80
    (folder / "table.csv").write_text("question,context\nsun?,rain bread 7\n")
    table = run_headway("predict", "run", "table.csv", *rung, "--keep", cwd=folder).stdout
    assert table.startswith("question,context,row,predicted,probability,start,end\nsun?,rain bread 7,1,")

    scored = run_headway("evaluate", "run", "--squad", "test.json", "--out", "official", *rung, cwd=folder)
    lines = scored.stdout.splitlines()
    assert (
        lines[1].startswith("SQuAD test.json") and "exact match" in lines[1] and lines[1].endswith("80 rows")
    )
    assert [line.split()[0] for line in lines[3:7]] == ["with", "with", "without", "without"]
    answers = json.loads((folder / "official" / "predictions.json").read_text())
    assert answers == {row["id"]: row["predicted"] for row in rows}
    again = run_headway("evaluate", "run", "test.json", *rung, cwd=folder)
    assert "the run was trained on these rows, or chosen by them" in again.stderr
    first = again.stdout.splitlines()[0]
    assert first.startswith("F1") and first.split("  ")[-1].strip() in lines[2]
    taken = run_headway("evaluate", "run", "--squad", "test.json", "--out", "official", cwd=folder, status=1)
    assert "predictions.json: already exists" in taken.stderr


def test_hidden_and_missing_answers(folder: Path) -> None:
    run_headway("fit", "train.json", "--rungs", "unanswered", "--out", "run", cwd=folder)
    hidden = squad(20, 6)
    for article in hidden["data"]:
        for question in article["paragraphs"][0]["qas"]:
            del question["answers"], question["is_impossible"]
    write(folder / "hidden.json", hidden)
    done = run_headway("evaluate", "run", "--squad", "hidden.json", cwd=folder)
    assert "Not scored: the answers are hidden" in done.stdout
    assert len(json.loads((folder / "submission" / "predictions.json").read_text())) == 20
    refused = run_headway("evaluate", "run", "hidden.json", cwd=folder, status=1)
    assert "no question has answers: they are hidden" in refused.stderr
    refused = run_headway("fit", "hidden.json", cwd=folder, status=1)
    assert "no question has answers: they are hidden" in refused.stderr
    missing = copy.deepcopy(hidden)
    missing["data"][3]["paragraphs"][0]["qas"][0]["answers"] = [{"text": "rain", "answer_start": 0}]
    write(folder / "missing.json", missing)
    refused = run_headway("evaluate", "run", "--squad", "missing.json", "--out", "x", cwd=folder, status=1)
    assert "question '6-0': has no answers" in refused.stderr and not (folder / "x").exists()


def test_a_stranger_mistakes(folder: Path, topics_csv: Path) -> None:
    whole = (folder / "train.json").read_text()
    (folder / "broken.json").write_text(whole[: len(whole) // 2])

    def failed(*arguments: str | Path) -> str:
        return run_headway(*arguments, cwd=folder, status=1).stderr

    assert "is not whole JSON" in failed("fit", "broken.json")
    assert "Did you mean train.json" in failed("fit", "trian.json")
    assert "Known: unanswered, lexical, finetuned, all" in failed("fit", "train.json", "--rungs", "ngrams")
    assert "there is no metric 'accuracy'" in failed("fit", "train.json", "--metric", "accuracy", "--offline")
    assert "has no columns to choose" in failed("fit", "train.json", "--label", "answers")
    assert "is for texts, and these are questions" in failed(
        "fit", "train.json", "--student", "2", "--offline"
    )
    assert "unknown key 'widow'" in failed("fit", "train.json", "--set", "widow=9", "--offline")
    assert "window: must be at least 8, found 3" in failed(
        "fit", "train.json", "--set", "window=3", "--offline"
    )
    assert "--task answers" not in failed(
        "fit", "train.json", "--task", "classes"
    )  # read as a table, as told
    assert "is not whole JSON" in failed("fit", topics_csv, "--task", "answers")
    assert "these are questions" in failed("rates", "train.json")
    write(folder / "one.json", squad(1, 7))
    assert "too few to hold some of them out" in failed("fit", "one.json")
    run_headway("fit", topics_csv, "--rungs", "majority", "--out", "texts", cwd=folder)
    assert "the run learned classes, SQuAD wants answers" in failed(
        "evaluate", "texts", "--squad", "test.json"
    )
    run_headway("fit", "train.json", "--rungs", "unanswered", "--out", "run", cwd=folder)
    glue = folder / "RTE"
    glue.mkdir()
    (glue / "dev.tsv").write_text("index\tsentence1\tsentence2\tlabel\n0\ta\tb\tentailment\n")
    assert "the run answers with passages" in failed("evaluate", "run", "--glue", "RTE")
    assert "there is no such file" in failed("evaluate", "run", "--squad", "tset.json")


def test_a_paragraph_of_the_test_file_is_not_trained_on(folder: Path) -> None:
    both = squad(300, 1)
    both["data"] += copy.deepcopy(squad(80, 2)["data"][:7])
    write(folder / "train.json", both)
    run = headway.fit(
        folder / "train.json", test=folder / "test.json", rungs="unanswered", refit=False, out=folder / "run"
    )
    assert run.record.data.dropped == {"on a paragraph of the test file": 7}
    assert run.record.data.training_rows == 300
