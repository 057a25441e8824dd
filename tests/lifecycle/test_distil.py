"""The distilled rung and `headway distill`, on a tiny encoder."""

import csv
from pathlib import Path

import pytest
from typer.testing import CliRunner

import headway
from conftest import Parted
from headway import api
from headway.cli.main import app
from headway.core.errors import UsageError
from headway.core.progress import Silent


class Listener(Silent):
    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)


def test_a_student_is_taught_by_the_rung_of_the_same_rows_and_stands_before_it(
    tiny_zoo: Path, parted_topics: Parted, tmp_path: Path
) -> None:
    data, test = parted_topics
    extra = tmp_path / "more.txt"
    first = next(csv.DictReader(data.read_text().splitlines()))["text"]
    extra.write_text(f"{first.upper()}\nsnow and hail\nsnow and hail\na cheese soup\n\n")
    listener = Listener()
    run = headway.fit(
        data,
        test=test,
        rungs="distilled,finetuned",
        student=2,
        unlabelled=extra,
        recipe={"epochs": 2, "layer_decay": 0.9},
        fetch=True,
        refit=False,
        out=tmp_path / "run",
        progress=listener,
    )
    assert "  more.txt: 2 texts without labels; 2 left out that stand in the data or twice" in listener.said
    student, teacher = run.record.rungs
    assert (student.name, teacher.name) == ("distilled", "finetuned")
    assert student.parameters < teacher.parameters  # type: ignore[operator]
    assert teacher.settings["layer_decay"] == 0.9 and teacher.settings["epochs"] == 2  # type: ignore[index]
    assert student.settings["unlabelled"] == 2 and student.settings["epochs"] == 4  # type: ignore[index]
    assert "--student 2" in run.record.command and "--set layer_decay=0.9" in run.record.command
    titles = [line.split(":")[0] for line in listener.said]
    assert titles.index("Fine-tuned encoder") < titles.index("Distilled encoder")
    agree = sum(
        row["distilled"] == row["finetuned"]
        for row in csv.DictReader((run.folder / "predictions.csv").read_text().splitlines())
    )
    assert agree >= 0.8 * run.record.data.held_out_rows

    again = api.distill(run.folder, layers=1, out=tmp_path / "small", progress=listener)
    small, teacher_again = again.record.rungs
    assert small.parameters < student.parameters  # type: ignore[operator]
    weights = "rungs/finetuned/model.safetensors"
    assert (run.folder / weights).read_bytes() == (again.folder / weights).read_bytes()  # the same teacher
    assert teacher_again.scores == teacher.scores


def test_what_no_student_can_be_is_said(tiny_zoo: Path, parted_topics: Parted, tmp_path: Path) -> None:
    data, test = parted_topics
    run = headway.fit(data, test=test, rungs="majority", out=tmp_path / "run")
    with pytest.raises(UsageError, match="--layers, --student: give one"):
        api.distill(run.folder, layers=2, student="minilm")
    with pytest.raises(UsageError, match="'minilmm' is neither a model of the zoo nor a folder"):
        api.distill(run.folder, student="minilmm")
    done = CliRunner().invoke(app, ["distill", str(tmp_path / "nowhere")])
    assert "no such folder" in str(done.exception)
