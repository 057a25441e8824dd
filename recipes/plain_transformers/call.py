"""Runs a plain `transformers` loop in an environment of its own. Standard library only."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def ask(python: str, script: str, job: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a script beside this one (``classify``, ``read``) finds for a job, run by another Python.

    Raises RuntimeError with what it wrote where it fails.
    """
    command = [python, str(Path(__file__).with_name(f"{script}.py"))]
    done = subprocess.run(command, input=json.dumps(job), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}\n{done.stderr}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
