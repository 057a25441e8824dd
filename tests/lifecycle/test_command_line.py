"""The command line in fresh processes: fit, show, predict, as a person runs them."""

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


def headway(*arguments: str | Path, cwd: Path, status: int = 0) -> subprocess.CompletedProcess[str]:
    """Run the command in a fresh process and require its exit status."""
    command = [sys.executable, "-W", "error", "-c", "from headway.cli.main import main; main()"]
    done = subprocess.run(
        [*command, *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "200"},
        timeout=300,
        check=False,
    )
    assert done.returncode == status, done.stderr
    return done


@pytest.fixture(scope="module")
def run(topics_csv: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the two rungs that need no weights."""
    folder = tmp_path_factory.mktemp("work")
    headway("fit", topics_csv, "--rungs", "majority,ngrams", "--out", "run", cwd=folder)
    return folder / "run"


def test_fit_says_what_it_took_and_ends_with_the_next_command(topics_csv: Path, tmp_path: Path) -> None:
    done = headway("fit", topics_csv, "--rungs", "majority,ngrams", cwd=tmp_path)
    assert "text: 'text', label: 'topic'" in done.stderr
    assert "5 folds" in done.stderr
    assert "N-grams" in done.stdout and "Ship N-grams" in done.stdout
    assert 'headway predict topics-run "some text"' in done.stdout
    assert (tmp_path / "topics-run" / "report.html").stat().st_size > 5_000


def test_the_same_seed_gives_the_same_bytes_of_model_and_predictions(run: Path, topics_csv: Path) -> None:
    headway("fit", topics_csv, "--rungs", "majority,ngrams", "--out", "again", cwd=run.parent)
    again = run.parent / "again"
    files = sorted(path.relative_to(run) for path in (run / "rungs").rglob("*") if path.is_file())
    assert len(files) >= 6
    for name in [*files, Path("predictions.csv")]:
        assert (run / name).read_bytes() == (again / name).read_bytes(), name


def test_json_is_the_record_and_nothing_else(topics_csv: Path, tmp_path: Path) -> None:
    done = headway("fit", topics_csv, "--rungs", "majority", "--json", cwd=tmp_path)
    assert json.loads(done.stdout)["verdict"]["ships"] == "majority"
    assert done.stderr == ""


def test_predict_one_text(run: Path) -> None:
    done = headway("predict", run, "a train ticket and a passport", cwd=run.parent)
    assert done.stdout.startswith("travel  ")


def test_predict_a_file_writes_csv_and_nothing_else(run: Path, topics_csv: Path) -> None:
    done = headway("predict", run, topics_csv, "--all", "--keep", cwd=run.parent)
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert list(rows[0]) == [
        "text", "topic", "row", "predicted", "probability", "p(food)", "p(travel)", "p(weather)",
    ]  # fmt: skip
    assert [int(row["row"]) for row in rows] == list(range(1, 241))
    assert sum(row["predicted"] == row["topic"] for row in rows) > 220
    shares = [float(rows[0][f"p({name})"]) for name in ("food", "travel", "weather")]
    assert abs(sum(shares) - 1) < 1e-5


def test_keep_never_overwrites_a_column(run: Path, tmp_path: Path) -> None:
    source = tmp_path / "new.csv"
    source.write_text("text,predicted\nsome rain,yes\n")
    done = headway("predict", run, source, "--keep", cwd=tmp_path, status=1)
    assert "'predicted' would be overwritten" in done.stderr
    assert done.stdout == ""


def test_another_rung_predicts_by_name(run: Path) -> None:
    done = headway("predict", run, "bread and soup", "--rung", "majority", cwd=run.parent)
    assert "33.3 %" in done.stdout
    wrong = headway("predict", run, "bread", "--rung", "ngram", cwd=run.parent, status=1)
    assert "Its rungs: majority, ngrams" in wrong.stderr


def test_show_prints_the_ladder_again(run: Path) -> None:
    done = headway("show", run, cwd=run.parent)
    assert "N-grams" in done.stdout and "topics.csv" in done.stdout


def test_an_ngram_rung_fits_and_predicts_without_torch(topics_csv: Path, tmp_path: Path) -> None:
    program = (
        "import sys, headway\n"
        f"run = headway.fit({str(topics_csv)!r}, rungs='ngrams', out='run')\n"
        "print(run.predict('rain and storm').label, 'torch' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout == "weather False\n", done.stderr
