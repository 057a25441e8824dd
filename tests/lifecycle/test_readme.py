"""The README's own commands, run as they stand, on tables of the names that they use."""

import csv
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
COMMANDS = [line.split("#")[0].strip() for line in README.splitlines() if re.match(r"    headway \w+", line)]
COMMANDS = list(dict.fromkeys(COMMANDS))


@pytest.fixture(scope="module")
def folder(topics_csv: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds what the README's reader has: reviews, a training and a test part, tickets."""
    folder = tmp_path_factory.mktemp("reader")
    with topics_csv.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for name, part, delimiter in (
        ("reviews.csv", rows, ","),
        ("new.csv", rows[:7], ","),
        ("train.tsv", rows[:180], "\t"),
        ("test.tsv", rows[180:], "\t"),
    ):
        with (folder / name).open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, delimiter=delimiter)
            writer.writerow(["text", "label"])
            writer.writerows([row["text"], row["topic"]] for row in part)
    tickets = [
        json.dumps({"id": n, "body": row["text"], "queue": row["topic"]}) for n, row in enumerate(rows)
    ]
    (folder / "tickets.jsonl").write_text("\n".join(tickets), encoding="utf-8")
    return folder


def _environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "HEADWAY_CACHE": str(folder / "empty-cache")}  # the rungs without weights: seconds


def test_there_are_commands() -> None:
    assert len(COMMANDS) >= 6
    assert any(command.startswith("headway predict") for command in COMMANDS)


def test_the_commands_run_in_their_order(folder: Path) -> None:
    program = f"{shlex.quote(sys.executable)} -c 'from headway.cli.main import main; main()'"
    for command in COMMANDS:
        done = subprocess.run(
            command.replace("headway", program, 1),
            shell=True,
            cwd=folder,
            env=_environment(folder),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stderr}"
    assert (folder / "reviews-run" / "report.html").is_file()
    assert len((folder / "labelled.csv").read_text().splitlines()) == 8


def test_the_python_block_runs(folder: Path, tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert blocks
    (tmp_path / "reviews.csv").write_text((folder / "reviews.csv").read_text())
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", "\n".join(blocks)],
        cwd=tmp_path,
        env=_environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "report.html" in done.stdout


def test_make_targets_that_the_readme_names_exist() -> None:
    makefile = (Path(__file__).parents[2] / "Makefile").read_text()
    for target in re.findall(r"make ([a-z-]+)", README):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
