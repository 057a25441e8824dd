"""Pairs of texts and numbers as labels, from a file to a bundle that predicts, as a person runs them."""

import csv
import io
import json
import random
from pathlib import Path

import numpy as np
import pytest

import headway
from command_line import headway as run_headway
from conftest import TOPICS
from headway.bundle.predictors import load_predictor
from headway.data.inputs import TextPair
from headway.tasks.finetuned import FineTunedClassifier


def write_pairs(path: Path, label: str, rows: int = 160, seed: int = 3, flip: bool = False) -> Path:
    """Pairs of which half are on the same topic: labelled same or other, or by how many words they share."""
    draw = random.Random(seed)
    lines = []
    for number in range(rows):
        first, second = draw.sample(list(TOPICS), 2)
        words = draw.sample(TOPICS[first], 5)
        shared = draw.randrange(5) if number % 2 else 0
        others = draw.sample(TOPICS[second], 5 - shared)
        pair = [" ".join(words) + f" {number}", " ".join(words[:shared] + others)]
        told = (
            round(shared + draw.uniform(0, 0.4), 2)
            if label == "score"
            else ["other", "same"][(shared > 1) != (draw.random() < 0.1)]
        )
        lines.append((*pair, told))
    if flip:
        lines.sort(key=lambda line: line[2], reverse=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter="\t")
        writer.writerow(["premise", "hypothesis", label])
        writer.writerows(lines)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pairs")


def test_pairs_of_classes(folder: Path) -> None:
    train = write_pairs(folder / "nli.tsv", "label")
    test = write_pairs(folder / "test.tsv", "label", rows=60, seed=4)
    done = run_headway("fit", train, "--test", test, "--rungs", "majority,ngrams", "--out", "nli", cwd=folder)
    assert "pairs of texts: 'premise' and 'hypothesis', label: 'label'" in done.stderr.replace(
        " (by name; to learn from one of them: --text premise)", ""
    ).replace(" (by name)", "")
    assert 'headway predict nli "one text" "another"' in done.stdout
    answer = run_headway("predict", "nli", "rain sun hail", "rain sun snow", cwd=folder).stdout
    assert answer.split()[0] in {"same", "other"}
    failed = run_headway("predict", "nli", "rain sun hail", cwd=folder, status=1)
    assert "the run reads pairs of texts ('premise' and 'hypothesis'): give two" in failed.stderr
    rows = list(csv.DictReader(io.StringIO(run_headway("predict", "nli", test, cwd=folder).stdout)))
    assert len(rows) == 60 and list(rows[0]) == ["row", "predicted", "probability"]
    shown = run_headway("show", "nli", cwd=folder).stdout
    assert "Labels   other" in shown
    done = run_headway("evaluate", "nli", test, cwd=folder)
    assert "the run was trained on these rows" in done.stderr
    scored = done.stdout
    assert "accuracy" in scored and "macro-F1" in scored and "ngrams on 60 rows" in scored
    html = (folder / "nli" / "report.html").read_text()
    assert "<code>premise</code>" in html and "<code>hypothesis</code>" in html and "‖" in html


def test_the_order_of_labels_in_a_file_changes_nothing(folder: Path) -> None:
    found = []
    for flip in (False, True):
        train = write_pairs(folder / f"train-{flip}.tsv", "label")
        test = write_pairs(folder / f"test-{flip}.tsv", "label", rows=60, seed=4, flip=flip)
        run = headway.fit(
            train, test=test, rungs="majority,ngrams", out=folder / f"order-{flip}", refit=False
        )
        rows = csv.DictReader(io.StringIO((run.folder / "predictions.csv").read_text()))
        found.append(sorted((row["label"], row["ngrams"], row["ngrams_probability"]) for row in rows))
        assert run.predict(("rain sun", "bread soup")).label in {"same", "other"}
    assert [row[:2] for row in found[0]] == [row[:2] for row in found[1]]


def test_numbers(folder: Path, tiny_zoo: Path) -> None:
    from headway.weights import cache, catalog

    cache.fetch(catalog.find_published("minilm"))
    train = write_pairs(folder / "sts.tsv", "score")
    run = headway.fit(train, rungs="mean,ngrams,frozen", out=folder / "sts")
    assert run.record.data.task == "numbers" and run.record.data.numbers is not None
    assert run.record.data.text_columns == ("premise", "hypothesis")
    scores = {rung.name: rung.scores for rung in run.record.rungs}
    assert scores["mean"] is not None and abs(scores["mean"]["pearson"].value) < 0.5
    assert scores["ngrams"] is not None and scores["ngrams"]["pearson"].value > 0.6
    assert scores["frozen"] is not None and set(scores["frozen"]) == {"pearson", "spearman"}
    assert "Pearson correlation" in run.verdict and "%" not in run.verdict
    one = run.predict(("rain sun hail", "rain sun snow"))
    two = run.predict([("rain sun hail", "rain sun snow"), ("bread", "map")], rung="frozen")
    assert isinstance(one, float) and len(two) == 2
    with pytest.raises(headway.HeadwayError, match=r"inputs\[0\]: expected a pair of texts, found str"):
        run.predict(["rain"])
    html = run.report.read_text()
    assert "mean absolute error" in html and "The largest errors" in html and "Confusion" not in html

    answer = run_headway("predict", "sts", "rain sun hail", "rain sun snow", cwd=folder).stdout
    assert float(answer) == pytest.approx(one, rel=1e-5)
    table = run_headway("predict", "sts", train, "--keep", cwd=folder).stdout
    assert list(next(csv.DictReader(io.StringIO(table)))) == [
        *("premise", "hypothesis", "score"),
        *("row", "predicted"),
    ]
    assert "numbers from 0" in run_headway("show", "sts", cwd=folder).stdout
    scored = run_headway("evaluate", "sts", train, "--rung", "mean", cwd=folder).stdout
    assert scored.startswith("Pearson correlation   0.0 (0.0–0.0)\nSpearman correlation  0.0")
    refused = run_headway("fit", train, "--metric", "accuracy", "--offline", cwd=folder, status=1)
    assert "there is no metric 'accuracy'" in refused.stderr and "pearson, spearman" in refused.stderr
    refused = run_headway("fit", train, "--rungs", "majority", "--offline", cwd=folder, status=1)
    assert "Known: mean, ngrams, vectors, frozen, mixed, distilled, finetuned" in refused.stderr


@pytest.mark.parametrize("label", ["score", "label"])
def test_the_encoder_reads_both_texts_together(
    label: str, folder: Path, tiny_zoo: Path, tmp_path: Path
) -> None:
    train = write_pairs(folder / f"encoder-{label}.tsv", label, rows=120)
    recipe = {"epochs": 2, "learning_rate": 1e-3}
    options = {"rungs": "distilled,finetuned", "fetch": True, "recipe": recipe}
    run = headway.fit(train, out=tmp_path / "run", **options)
    assert [rung.status for rung in run.record.rungs] == ["measured", "measured"]
    pair = ("rain sun hail", "rain sun snow")
    inputs = [
        TextPair(*pair),
        TextPair(*reversed(pair)),
        TextPair("bread", ""),
        TextPair("x " * 100, "y " * 90),
    ]
    for rung in ("distilled", "finetuned"):
        kept = run.folder / "rungs" / rung
        loaded = load_predictor(kept).predictor
        assert isinstance(loaded, FineTunedClassifier) and loaded.encoder.pairs
        together = loaded.predict(inputs)
        assert together.shape == ((4,) if label == "score" else (4, 2))
        alone = np.concatenate([loaded.predict([one]) for one in inputs])
        np.testing.assert_allclose(alone, together, atol=1e-5)
        assert abs(together[0] - together[1]).max() > 1e-7  # which text is the first plays a part
        assert loaded.cut(inputs) == 1
        batch = loaded.encoder.pack(loaded.encoder.tokenize(inputs[:1]))
        assert batch.segments is not None and batch.segments.tolist() == [0] * 5 + [1] * 4
    if label == "score":
        numbers = [float(one) for one in run.predict([pair] * 3, "finetuned")]
        assert 0 < numbers[0] < 5 and len(set(numbers)) == 1  # in the labels' own units
        assert (
            json.loads((run.folder / "rungs/finetuned/config.json").read_text())["problem_type"]
            == "regression"
        )


def test_numbers_of_any_size_are_learned_alike(folder: Path, tiny_zoo: Path, tmp_path: Path) -> None:
    lines = [line.split("\t") for line in write_pairs(folder / "unit.tsv", "score").read_text().splitlines()]
    found = []
    for factor, shift in ((1, 0), (1e5, 3e7)):
        told = [[first, second, str(factor * float(number) + shift)] for first, second, number in lines[1:]]
        path = tmp_path / f"{factor:g}.tsv"
        path.write_text("\n".join("\t".join(line) for line in [["premise", "hypothesis", "score"], *told]))
        recipe = {"epochs": 2, "learning_rate": 1e-3}
        options = {"fetch": True, "recipe": recipe, "refit": False}
        run = headway.fit(path, rungs="mean,ngrams,frozen,finetuned", out=tmp_path / f"{factor:g}", **options)
        found.append({rung.name: rung.scores["pearson"].value for rung in run.record.rungs if rung.scores})
    for rung, score in found[0].items():
        assert found[1][rung] == pytest.approx(score, abs=0.02), rung


def test_told_columns_and_task(folder: Path) -> None:
    train = write_pairs(folder / "told.tsv", "score")
    options = ("--rungs", "mean,ngrams", "--text", "hypothesis", "--task", "numbers", "--no-refit")
    done = run_headway("fit", train, *options, "--out", "told", cwd=folder)
    assert "text: 'hypothesis' (as told), label: 'score' (by name)" in done.stderr
    assert float(run_headway("predict", "told", "rain sun", cwd=folder).stdout) < 10
    wrong = run_headway("fit", train, "--text", "premise", "--text", "hypotesis", cwd=folder, status=1)
    assert "no column 'hypotesis'; did you mean 'hypothesis'?" in wrong.stderr
