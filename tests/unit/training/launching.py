"""A program of these tests under torchrun."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from headway.training.processes import Processes


def two_processes_of(name: str) -> Any:
    """Run a file beside this one in two processes of one thread; return what the first prints last, which is JSON."""
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


def run_together(run: Callable[[Processes], Any]) -> None:
    """What such a file does: run, and let the first process print what was found and which threads of gloo are left."""
    torch.set_num_threads(1)
    with Processes.joining() as joined:
        found = run(joined)
    names = [(task / "comm").read_text().strip() for task in Path("/proc/self/task").glob("*")]
    if joined.rank == 0:
        print(json.dumps((found, [name for name in names if "gloo" in name])))
