"""Two processes that share out weights and optimizer compute what one computes that holds all of them."""

import pytest
from launching import two_processes_of
from two_shards import run

from headway.core.errors import UsageError
from headway.training.processes import Processes
from headway.training.settings import TrainingSettings


def test_two_shares_give_the_losses_and_weights_of_one_process() -> None:
    (losses, sums, held), _ = two_processes_of("two_shards.py")
    expected_losses, expected_sums, all_held = run(Processes())
    assert len(losses) == 10 and losses == pytest.approx(expected_losses, abs=0.0011)  # printed with 3 digits
    for name, expected in expected_sums.items():
        assert sums[name] == pytest.approx(expected, rel=1e-4, abs=1e-5), name
    assert held < 0.6 * all_held  # a tensor of few numbers is not parted evenly


def test_what_goes_with_no_sharing_is_refused() -> None:
    for other in ({"average": "ema"}, {"thaw": 1}, {"frozen_groups": 1}, {"patience": 1}, {"seeds": 2}):
        with pytest.raises(UsageError, match="shard: weights that are shared out"):
            TrainingSettings(epochs=1, learning_rate=1.0, shard=1, **other)  # type: ignore[arg-type]
