"""Two processes under torchrun compute what one computes."""

import pytest
from launching import two_processes_of
from two_processes import run

from headway.training.processes import Processes


def test_two_processes_give_the_losses_of_one() -> None:
    (losses, weights), threads = two_processes_of("two_processes.py")
    expected_losses, expected_weights = run(Processes())
    assert losses == pytest.approx(expected_losses, rel=1e-5)
    assert weights == pytest.approx(expected_weights, rel=1e-4)
    assert threads == []  # one that is busy when the interpreter ends aborts the process


def test_the_shares_of_a_batch_are_the_batch() -> None:
    rows = list(range(7))
    shares = [list(Processes(rank, 3).own(rows)) for rank in range(3)]
    assert sorted(row for share in shares for row in share) == rows
    assert [len(share) for share in shares] == [3, 2, 2]
    assert Processes().own(rows) == rows
