"""Benchmarks that need no peer still run: what they time here is nothing, but a change of what they call is seen."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "pictures.py"


@pytest.mark.parametrize(
    ("part", "options", "says"),
    [("speed", ["--rounds", "1"], "times as fast"), ("head", ["--epochs", "1"], "for 1 epochs")],
)
def test_pictures(part: str, options: list[str], says: str) -> None:
    small = ["--network", "mobilenet-v2", "--side", "32", "--pictures", "12"]
    done = subprocess.run(
        [sys.executable, str(SCRIPT), part, *small, *options], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert says in done.stdout
