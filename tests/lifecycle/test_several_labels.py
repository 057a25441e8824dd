"""Several labels a row, from a file to a bundle that predicts."""

import csv
import io
import json
import random
from pathlib import Path

import numpy as np
import polars
import pytest

import headway
from command_line import headway as run_headway
from conftest import TOPICS
from headway.bundle.predictors import load_predictor
from headway.core.errors import DataError
from headway.data.checks import check_examples
from headway.data.columns import choose_columns
from headway.data.readers import read_table


def rows(count: int, seed: int = 1) -> list[tuple[str, list[str]]]:
    """Texts about none, one or two of the topics."""
    draw = random.Random(seed)
    found = []
    for number in range(count):
        topics = sorted(draw.sample(list(TOPICS), number % 3))
        words = [word for topic in topics for word in draw.sample(TOPICS[topic], 3)]
        words += draw.sample("the a with of today we think about some more".split(), 4)
        draw.shuffle(words)
        found.append((" ".join(words) + f" {number}", topics))
    return found


def write_labels(path: Path, count: int) -> Path:
    lines = [json.dumps({"text": text, "labels": topics}) for text, topics in rows(count)]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("labels")
    write_labels(folder / "topics.jsonl", 180)
    return folder


def test_every_way_to_write_them_is_read(folder: Path) -> None:
    expected = [topics for _, topics in rows(180)]
    frame = polars.DataFrame({"text": [text for text, _ in rows(180)], "labels": expected})
    frame.write_parquet(folder / "topics.parquet")
    bars = frame.with_columns(labels=polars.Series(["|".join(topics) or "|" for topics in expected]))
    for source, task in (
        (folder / "topics.jsonl", None),
        (folder / "topics.parquet", None),
        (frame, None),
        (bars, "labels"),
    ):
        table = read_table(source)
        checked = check_examples(table, choose_columns(table), task=task)  # type: ignore[arg-type]
        examples = checked.examples
        assert examples.task == "labels" and examples.names == ("food", "travel", "weather")
        assert [[examples.names[i] for i in np.flatnonzero(row)] for row in examples.targets] == expected
        assert any(
            "any number of 3 labels, 1.0 on average; 60 rows have none" in note for note in checked.notes
        )
    odd = [*expected[:-2], ["odd"], []]
    table = read_table(frame.with_columns(labels=polars.Series(odd)))
    with pytest.raises(DataError, match=r"row 179: the label 'odd' stands on one row only(.|\n)*--drop-rare"):
        check_examples(table, choose_columns(table))
    dropped = check_examples(table, choose_columns(table), drop_rare=True)
    assert dropped.examples.names == ("food", "travel", "weather")
    mixed = [json.dumps(topics) for topics in expected]
    table = read_table(frame.with_columns(labels=polars.Series([*mixed[:-1], "food"])))
    with pytest.raises(DataError, match=r"row 180: the label 'food' is no list of names"):
        check_examples(table, choose_columns(table))


def test_a_run_on_several_labels(folder: Path, tiny_zoo: Path, tmp_path: Path) -> None:
    recipe = {"epochs": 12, "learning_rate": 5e-3, "head_factor": 1.0, "batch_size": 16}
    rungs = ("shares", "ngrams", "frozen", "distilled", "finetuned")
    options = {"rungs": ",".join(rungs), "fetch": True, "recipe": recipe, "refit": False}
    unlabelled = tmp_path / "more.txt"
    unlabelled.write_text("rain and bread\na train\n")
    run = headway.fit(folder / "topics.jsonl", out=folder / "run", unlabelled=unlabelled, **options)
    scores = {rung.name: rung.scores["micro_f1"].value for rung in run.record.rungs if rung.scores}
    assert set(scores) == set(rungs)
    assert scores["shares"] == 0 and scores["ngrams"] > 0.7
    assert scores["distilled"] > 0.5 and scores["finetuned"] > 0.5
    assert run.record.data.task == "labels" and "micro-F1" in run.verdict
    texts = ["rain bread sun soup cheese storm", "today we think about", "", "한국어 🌧️"]
    for rung in scores:
        loaded = load_predictor(run.folder / "rungs" / rung)
        shares = loaded.predict(texts)
        assert shares.shape == (4, 3) and (shares >= 0).all() and (shares <= 1).all()
        np.testing.assert_allclose(
            np.concatenate([loaded.predict([one]) for one in texts]), shares, atol=1e-5
        )
    first, second, *_ = run.predict(texts, "ngrams")
    assert set(first.labels) == {"food", "weather"} and second.labels == ()
    assert set(first.probabilities) == {"food", "travel", "weather"}
    html = run.report.read_text()
    assert "3 labels" in html and "Each class" in html
    config = json.loads((run.folder / "rungs/finetuned/config.json").read_text())
    assert config["problem_type"] == "multi_label_classification"

    name = run.folder.name
    answer = run_headway("predict", name, texts[0], "--rung", "ngrams", cwd=folder).stdout
    assert set(answer.split()) == {"food", "weather"}
    assert "(no label)" in run_headway("predict", name, "today", "--rung", "shares", cwd=folder).stdout
    told = run_headway("predict", name, "topics.jsonl", "--rung", "ngrams", "--all", cwd=folder).stdout
    lines = list(csv.DictReader(io.StringIO(told)))
    assert list(lines[0]) == ["row", "predicted", "p(food)", "p(travel)", "p(weather)"]
    right = sum(
        json.loads(line["predicted"]) == topics for line, (_, topics) in zip(lines, rows(180), strict=True)
    )
    assert right > 120
    scored = run_headway("evaluate", name, "topics.jsonl", "--rung", "ngrams", cwd=folder).stdout
    assert scored.startswith("micro-F1") and "all labels right" in scored
    assert "Labels   food" in run_headway("show", name, cwd=folder).stdout
