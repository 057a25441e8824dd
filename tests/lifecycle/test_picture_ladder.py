"""The picture ladder on a tiny network: folders, zips and tables; train, save, load, predict, go on after a kill."""

import csv
import io
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import headway
from headway.bundle.predictors import load_predictor
from headway.cli.main import app
from headway.core.errors import DataError, PictureError, UsageError
from headway.core.progress import Silent
from headway.data.pictures import Picture
from picture_files import coloured_folders, photo, saved
from tiny_pictures import tiny_network

RUNGS = ("majority", "pixels", "frozen", "scratch", "finetuned")


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny network with weights of its own, in a folder."""
    return tiny_network(tmp_path_factory.mktemp("network"))


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return coloured_folders(tmp_path_factory.mktemp("data") / "photos")


@pytest.fixture(scope="module")
def run(network: Path, photos: Path, tmp_path_factory: pytest.TempPathFactory) -> headway.Run:
    out = tmp_path_factory.mktemp("runs") / "run"
    return headway.fit(photos, model=network, rungs="all", out=out, recipe={"epochs": 2})


def test_every_rung_is_measured_on_the_same_pictures(run: headway.Run) -> None:
    record = run.record
    assert [(rung.name, rung.status) for rung in record.rungs] == [(name, "measured") for name in RUNGS]
    scores = {rung.name: rung.scores["accuracy"].value for rung in record.rungs if rung.scores}
    assert scores["majority"] == 0.5 and scores["pixels"] > 0.8 and scores["frozen"] > 0.8
    assert record.data.rows_read == record.data.rows_used == 60 and record.data.pictures is not None
    assert record.data.pictures.median == (60, 48)
    lines = list(csv.reader(io.StringIO((run.folder / "predictions.csv").read_text())))
    assert len(lines) == 61 and lines[0][:3] == ["line", "label", "majority"]


def test_the_report_shows_each_error_with_what_explains_it(run: headway.Run) -> None:
    page = run.report.read_text()
    errors, networks = run.record.errors, ("frozen", "scratch", "finetuned")
    assert errors and len(errors) <= 24
    drawn = 3 if run.record.verdict.ships in networks else 2
    assert page.count('<img src="data:image/jpeg;base64,') == drawn * len(errors)
    assert "img-src data:" in page and "http" not in page.split("</head>")[1]
    assert all(error.text in page for error in errors) and "Text length" not in page


@pytest.mark.parametrize("rung", RUNGS)
def test_each_predictor_says_the_same_when_it_is_loaded_again(
    rung: str, run: headway.Run, photos: Path
) -> None:
    pictures = [Picture.file(path) for path in sorted(photos.rglob("*.jpg"))[::7]]
    predictor = load_predictor(run.folder / "rungs" / rung)
    together = predictor.predict(pictures)
    np.testing.assert_allclose(together.sum(axis=1), 1, atol=1e-9)
    alone = np.concatenate([predictor.predict([picture]) for picture in pictures])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    assert predictor.predict([]).shape == (0, 2)


def test_paths_are_predicted_from_python_and_what_is_no_path_is_refused(
    run: headway.Run, photos: Path, tmp_path: Path
) -> None:
    first, second = run.predict([photos / "ants" / "00.jpg", str(photos / "bees" / "01.jpg")], "pixels")
    assert (first.label, second.label) == ("ants", "bees")
    assert run.predict(photos / "bees" / "02.jpg").label in ("ants", "bees")
    with pytest.raises(UsageError, match="expected a picture's path"):
        run.predict([3])  # type: ignore[list-item]
    (tmp_path / "words.jpg").write_text("no picture")
    with pytest.raises(PictureError, match=r"words\.jpg"):
        run.predict(tmp_path / "words.jpg")
    with pytest.raises(PictureError, match="no such file"):
        run.predict("some words")


def test_the_command_line_predicts_a_file_a_folder_and_a_table(
    run: headway.Run, photos: Path, tmp_path: Path
) -> None:
    def predict(*words: str) -> tuple[list[list[str]], str]:
        done = CliRunner().invoke(app, ["predict", str(run.folder), *words, "--rung", "pixels"])
        assert done.exit_code == 0, done.output
        return list(csv.reader(io.StringIO(done.stdout))), done.stderr

    assert predict(str(photos / "ants" / "03.jpg"))[0][0][0].startswith("ants")
    mixed = tmp_path / "new"
    shutil.copytree(photos / "bees", mixed)
    (mixed / "words.jpg").write_text("no picture")
    rows, told = predict(str(mixed), "--all")
    assert rows[0] == ["picture", "predicted", "probability", "p(ants)", "p(bees)"] and len(rows) == 31
    assert "1 picture left out, as each" in told and "words.jpg" in told
    table = tmp_path / "table.csv"
    table.write_text("number,path\n1,new/00.jpg\n2,\n3,new/words.jpg\n4,new/01.jpg\n")
    rows, told = predict(str(table), "--keep")
    assert [row[:3] for row in rows] == [
        ["number", "path", "picture"],
        ["1", "new/00.jpg", "new/00.jpg"],
        ["4", "new/01.jpg", "new/01.jpg"],
    ]
    assert told.count("1 picture left out") == 2


def test_evaluate_scores_labelled_pictures_and_refuses_unknown_classes(
    run: headway.Run, photos: Path, tmp_path: Path
) -> None:
    def evaluate(folder: Path) -> tuple[str, str]:
        done = CliRunner().invoke(app, ["evaluate", str(run.folder), str(folder), "--rung", "majority"])
        return done.stdout, done.stderr if not done.exception else str(done.exception)

    more = tmp_path / "more"
    shutil.copytree(photos, more)
    for number in range(10):
        (more / "bees" / f"{number:02}.jpg").unlink()
    (more / "bees" / "words.jpg").write_text("no picture")
    out, told = evaluate(more)
    assert (
        "60.0 %" in out or "40.0 %" in out
    )  # 30 ants of 50, and the majority is either of two equal classes
    assert ("majority on 50 rows" in out and "words.jpg" in told) or "majority on 51 rows" in out
    (more / "bees").rename(more / "wasps")
    assert "does not know the class 'wasps'" in evaluate(more)[1]


def test_a_zip_a_table_and_a_folder_give_the_same_scores(
    network: Path, photos: Path, run: headway.Run, tmp_path: Path
) -> None:
    paths = sorted(photos.rglob("*.jpg"))
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        for path in paths:
            archive.write(path, path.relative_to(photos.parent))
    table = photos.parent / "photos.csv"
    lines = [f"{path.relative_to(photos.parent)},{path.parent.name}" for path in paths]
    table.write_text("\n".join(["image,kind", *lines]) + "\n")
    expected = {rung.name: rung.scores for rung in run.record.rungs}
    for number, source in enumerate((tmp_path / "photos.zip", table)):
        found = headway.fit(source, model=network, rungs="pixels,frozen", out=tmp_path / f"run{number}")
        assert {rung.name: rung.scores for rung in found.record.rungs} == {
            name: expected[name] for name in ("pixels", "frozen")
        }


def test_a_test_part_of_its_own_or_beside_it_is_held_out(network: Path, tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    train, test = coloured_folders(whole / "train", 14), coloured_folders(whole / "test", 6, first=500)
    shutil.copy(test / "ants" / "00.jpg", train / "ants" / "leaked.jpg")
    runs = [
        headway.fit(whole, model=network, rungs="pixels", out=tmp_path / "a", refit=False),
        headway.fit(train, test=test, model=network, rungs="pixels", out=tmp_path / "b", refit=False),
    ]
    for run in runs:
        data = run.record.data
        assert (data.training_rows, data.held_out_rows) == (28, 12)
        assert data.dropped == {"also in the test part": 1}
    assert runs[0].record.rungs[0].scores == runs[1].record.rungs[0].scores
    coloured_folders(tmp_path / "other", 6)
    (tmp_path / "other" / "ants").rename(tmp_path / "other" / "wasps")
    with pytest.raises(DataError, match="'wasps' is not among the training classes"):
        headway.fit(train, test=tmp_path / "other", rungs="pixels", out=tmp_path / "c")
    with pytest.raises(UsageError, match="a test part of its own"):
        headway.fit(whole, test=test, rungs="pixels", out=tmp_path / "d")


class Killed(BaseException):
    pass


class KillsAt(Silent):
    """Ends the run, as a signal would, when a stretch has gone on for so long."""

    def __init__(self, name: str, steps: int) -> None:
        self.name, self.left, self.inside = name, steps, False

    def begin(self, name: str, total: int, unit: str) -> None:
        self.inside = self.name in name

    def advance(self, count: int = 1, note: str = "") -> None:
        self.left -= self.inside
        if self.inside and self.left < 0:
            raise Killed


def _bytes(folder: Path) -> dict[str, bytes]:
    kept = [path for path in folder.rglob("*") if path.is_file() and path.suffix == ".safetensors"]
    return {str(path.relative_to(folder)): path.read_bytes() for path in kept}


@pytest.mark.parametrize(
    "stretch", ["features", "decoding", "From scratch, 2 of 5: fine", "Fine-tuned network, 4"]
)
def test_a_killed_run_goes_on_to_the_same_bytes(
    stretch: str,
    network: Path,
    photos: Path,
    run: headway.Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / "run"
    with pytest.raises(Killed), monkeypatch.context() as patch:
        patch.setattr("headway.training.checkpoints.EVERY_SECONDS", 0.0 if "of" in stretch else 60.0)
        patch.setattr("headway.training.checkpoints.SAVING_SHARE", 1e9)
        headway.fit(
            photos,
            model=network,
            rungs="all",
            out=out,
            recipe={"epochs": 2},
            progress=KillsAt(stretch, 2 if "of" in stretch else 0),
        )
    said: list[str] = []
    monkeypatch.setattr(Silent, "say", lambda self, text: said.append(text))
    headway.fit(resume=out)
    assert any("goes on after step 2" in text for text in said) == ("of" in stretch)
    assert _bytes(out) == _bytes(run.folder)


def test_what_is_for_texts_is_refused(photos: Path, tmp_path: Path) -> None:
    for wrong, told in (
        ({"student": 2}, "is for texts"),
        ({"text": "path"}, "has no columns"),
        ({"task": "numbers"}, "pictures have classes, not numbers"),
        ({"model": "minilm"}, "neither a network for pictures"),
        ({"rungs": "ngrams"}, "unknown rung 'ngrams'"),
        ({"recipe": {"augmentation": "wild"}}, "unknown augmentation 'wild'"),
        ({"recipe": {"side": 8}, "rungs": "frozen"}, "at least 32 pixels"),
    ):
        with pytest.raises(UsageError, match=told):
            headway.fit(photos, **{"out": tmp_path / "run", "fetch": False, **wrong})  # type: ignore[arg-type]
        assert not (tmp_path / "run").exists()


def test_bad_pictures_are_counted_in_the_record_and_over_the_limit_it_stops(
    network: Path, tmp_path: Path
) -> None:
    folder = coloured_folders(tmp_path / "photos", 20)
    (folder / "ants" / "words.jpg").write_text("no picture")
    (folder / "ants" / "cut.jpg").write_bytes(saved(photo(1), "JPEG")[:300])
    run = headway.fit(folder, model=network, rungs="pixels", out=tmp_path / "run", refit=False)
    assert run.record.data.rows_read == 42 and run.record.data.rows_used == 40
    assert sum(run.record.data.dropped.values()) == 2
    with pytest.raises(DataError, match="2 of 42 pictures"):
        headway.fit(folder, model=network, rungs="pixels", drop_limit=1, out=tmp_path / "other")
