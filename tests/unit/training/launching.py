"""A program of these tests under torchrun."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any


def two_processes_of(name: str) -> Any:
    """Run a file beside this one in two processes of one thread; return what it prints last, which is JSON."""
    launcher = "-m torch.distributed.run --standalone --nproc-per-node 2".split()
    done = subprocess.run(
        [sys.executable, *launcher, str(Path(__file__).with_name(name))],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])
