"""Two processes that share out weights and optimizer compute what one computes that holds all of them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from two_shards import run

from headway.core.errors import UsageError
from headway.training.processes import Processes
from headway.training.settings import TrainingSettings


def test_two_shares_give_the_losses_and_weights_of_one_process() -> None:
    program = Path(__file__).with_name("two_shards.py")
    launcher = "-m torch.distributed.run --standalone --nproc-per-node 2".split()
    done = subprocess.run(
        [sys.executable, *launcher, str(program)],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    losses, sums, held = json.loads(done.stdout.splitlines()[-1])
    expected_losses, expected_sums, all_held = run(Processes())
    assert len(losses) == 10 and losses == pytest.approx(expected_losses, abs=0.0011)  # printed with 3 digits
    for name, expected in expected_sums.items():
        assert sums[name] == pytest.approx(expected, rel=1e-4, abs=1e-5), name
    assert held < 0.6 * all_held  # a tensor of few numbers is not parted evenly


def test_what_goes_with_no_sharing_is_refused() -> None:
    for other in ({"average": "ema"}, {"thaw": 1}, {"frozen_groups": 1}, {"patience": 1}, {"seeds": 2}):
        with pytest.raises(UsageError, match="shard: weights that are shared out"):
            TrainingSettings(epochs=1, learning_rate=1.0, shard=1, **other)  # type: ignore[arg-type]
