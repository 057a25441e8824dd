"""What goes wrong around a run: folders, disk, interruptions, arguments. Nothing half-written stays."""

import errno
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import headway
from headway.core.errors import DataError, DiskError, RunError, UsageError
from headway.ladder.kept import Kept


def test_an_output_folder_that_exists_is_left_alone(topics_csv: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with pytest.raises(RunError, match=r"mine: already exists\n.*another --out"):
        headway.fit(topics_csv, rungs="majority", out=tmp_path / "mine")
    assert list((tmp_path / "mine").iterdir()) == []


def test_a_default_folder_is_numbered(
    topics_csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names = [headway.fit(topics_csv, rungs="majority").folder.name for _ in range(2)]
    assert names == ["topics-run", "topics-run-2"]


def test_a_full_disk_is_said_and_nothing_stays(
    topics_csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from headway.models.bag import Bag

    def full(self: Bag, folder: Path) -> None:
        (folder / "half").write_text("x")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Bag, "save", full)
    with pytest.raises(DiskError, match="no space left on the disk"):
        headway.fit(topics_csv, rungs="ngrams", out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_full_disk_at_the_last_file_loses_nothing(topics_csv: Path, tmp_path: Path) -> None:
    def full(*_: object) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("headway.ladder.summary.predictions_csv", full)
        with pytest.raises(DiskError, match="no space left") as caught:
            headway.fit(topics_csv, rungs="majority", out=tmp_path / "run")
        assert f"headway fit --resume {tmp_path / 'run'}" in caught.value.__notes__[0]
    with pytest.raises(RunError, match=r"did not finish\n.*headway fit --resume"):
        headway.load(tmp_path / "run")
    run = headway.fit(resume=tmp_path / "run")
    assert run.record.rungs[0].status == "measured" and not (run.folder / "unfinished").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rungs": "ngram"}, "unknown rung 'ngram'\n.*Did you mean ngrams"),
        ({"budget": "soon"}, "cannot read 'soon'"),
        ({"metric": "f1"}, "unknown metric 'f1'"),
        ({"tolerance": -1}, "--tolerance"),
        ({"text": "txet"}, "(?s)'txet'.*text"),
        ({"device": "tpu"}, "unknown device 'tpu'"),
    ],
)
def test_an_argument_that_cannot_be_used_is_named(
    topics_csv: Path, tmp_path: Path, arguments: dict[str, object], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        headway.fit(topics_csv, out=tmp_path / "run", **{"rungs": "majority", **arguments})  # type: ignore[arg-type]
    assert not (tmp_path / "run").exists()


def test_an_interruption_keeps_what_was_finished(
    topics_csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from headway.models.bag import Bag

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Bag, "fit", interrupted)
    run = headway.fit(topics_csv, rungs="majority,ngrams", out=tmp_path / "run")
    assert [rung.status for rung in run.record.rungs] == ["measured", "interrupted"]
    assert not run.record.refitted
    assert headway.load(tmp_path / "run").predict("rain").label in {"food", "travel", "weather"}


def test_control_c_before_anything_is_finished_leaves_nothing(topics_csv: Path, tmp_path: Path) -> None:
    big = tmp_path / "big.csv"
    lines = topics_csv.read_text().splitlines()
    big.write_text("\n".join([lines[0], *(f"{n} {line}" for n in range(400) for line in lines[1:])]))
    command = [
        sys.executable,
        "-c",
        "from headway.cli.main import main; main()",
        "fit",
        "big.csv",
        "--rungs",
        "ngrams",
    ]
    process = subprocess.Popen(
        command, cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    while not (tmp_path / "big-run").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "interrupted" in err and "Traceback" not in err
    assert out == "" and not (tmp_path / "big-run").exists()


def test_control_c_while_the_new_folder_is_being_locked_leaves_nothing(
    topics_csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        assert (tmp_path / "run").is_dir()
        raise KeyboardInterrupt

    monkeypatch.setattr(Kept, "held", interrupted)
    with pytest.raises(KeyboardInterrupt):
        headway.fit(topics_csv, rungs="majority", out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_an_unfinished_run_folder_is_called_so(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "plan.json").write_text("{}")
    with pytest.raises(RunError, match="did not finish"):
        headway.load(tmp_path / "run")
    with pytest.raises(RunError, match="no such folder"):
        headway.load(tmp_path / "nothing")


def test_a_damaged_record_is_an_error_not_a_crash(topics_csv: Path, tmp_path: Path) -> None:
    run = headway.fit(topics_csv, rungs="majority", out=tmp_path / "run")
    for content in ("", "[]", "{}", '{"format": 1}', '{"format": 99}'):
        (run.folder / "run.json").write_text(content)
        with pytest.raises(RunError, match=r"run\.json"):
            headway.load(run.folder)


def test_predict_refuses_what_is_no_text(topics_csv: Path, tmp_path: Path) -> None:
    run = headway.fit(topics_csv, rungs="majority", out=tmp_path / "run")
    with pytest.raises(UsageError, match=r"inputs\[1\]: expected a text, found int"):
        run.predict(["fine", 3])  # type: ignore[list-item]
    assert run.predict([]) == []


def test_a_thousand_classes_are_learned(tmp_path: Path) -> None:
    path = tmp_path / "many.csv"
    rows = [f"w{label} x{copy} word,label{label}" for label in range(1000) for copy in range(6)]
    path.write_text("\n".join(["text,label", *rows]))
    run = headway.fit(path, rungs="majority,ngrams", out=tmp_path / "run", refit=False)
    scores = run.record.rungs[1].scores
    assert scores is not None and scores["accuracy"].value > 0.9


def test_a_data_frame_is_taken_as_well(topics_csv: Path, tmp_path: Path) -> None:
    import polars

    frame = polars.read_csv(topics_csv)
    run = headway.fit(frame, rungs="ngrams", out=tmp_path / "run")
    assert run.predict(["bread and cheese", "passport"])[0].label == "food"
    assert run.report.is_file()


def test_a_label_seen_once_is_an_error_with_the_way_out(topics_csv: Path, tmp_path: Path) -> None:
    path = tmp_path / "rare.csv"
    path.write_text(topics_csv.read_text() + "one of a kind,sport\n")
    with pytest.raises(DataError, match=r"(?s)sport.*--drop-rare"):
        headway.fit(path, rungs="majority", out=tmp_path / "run")
    run = headway.fit(path, rungs="majority", out=tmp_path / "run", drop_rare=True)
    assert sum(run.record.data.dropped.values()) == 1


def test_a_text_of_a_million_characters_is_learned_and_predicted(topics_csv: Path, tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    long = "rain and storm " * 70_000
    path.write_text(topics_csv.read_text() + f'"{long}",weather\n')
    run = headway.fit(path, rungs="ngrams", out=tmp_path / "run")
    assert run.record.data.characters_max == len(long)
    assert run.predict(long).label == "weather"


def test_on_a_terminal_missing_weights_are_asked_for(
    tiny_zoo: Path, topics_csv: Path, tmp_path: Path
) -> None:
    asked = []

    def ask(entry: object) -> bool:
        asked.append(entry.summary)  # type: ignore[attr-defined]
        return False

    run = headway.fit(topics_csv, rungs="majority,frozen", out=tmp_path / "run", fetch=ask)
    assert len(asked) == 1 and "Apache-2.0" in asked[0]
    assert run.record.rungs[1].status == "not tried"


def test_the_command_line_asks_on_a_terminal_and_takes_no_for_an_answer(
    topics_csv: Path, tmp_path: Path
) -> None:
    program = "from headway.cli.main import main; main()"
    arguments = ["fit", str(topics_csv), "--rungs", "majority,frozen", "--out", str(tmp_path / "run")]
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env={**os.environ, "HEADWAY_CACHE": str(tmp_path / "cache")},
    )
    os.close(slave)
    os.write(master, b"n\n")
    shown = b""
    try:
        while chunk := os.read(master, 4096):
            shown += chunk
    except OSError:  # the terminal closes with its last writer
        pass
    assert process.wait(timeout=60) == 0, shown.decode()
    text = shown.decode()
    assert "Fetch all-MiniLM-L6-v2 (91.1 MB, Apache-2.0)?" in text
    assert "headway zoo fetch minilm" in text
