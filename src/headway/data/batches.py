"""The order of an epoch, batches of texts of near-equal length, windows over a run of tokens."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from headway.core.seeding import generator

Index = npt.NDArray[np.int64]
Batch = TypeVar("Batch", covariant=True)


def epoch_order(n: int, seed: int, epoch: int) -> Index:
    """Return a permutation of 0 .. n-1: a pure function of its arguments."""
    return generator(seed, "epoch", epoch).permutation(n).astype(np.int64)


def length_batches(lengths: npt.ArrayLike, order: Index, batch_size: int, *, window: int = 50) -> list[Index]:
    """Cut ``order`` into batches that hold texts of near-equal length.

    Windows of ``window`` batches are taken from ``order`` and sorted by length inside, so little is padded
    while the batches still differ from epoch to epoch. The batches then come in the order in which their
    first rows stand in ``order``, so that short and long ones are mixed: a pure function of the arguments.
    Each batch is sorted by length, shortest first; only the last window may hold a batch that is not full.
    """
    assert batch_size > 0 and window > 0
    sizes = np.asarray(lengths)
    batches: list[Index] = []
    for start in range(0, len(order), batch_size * window):
        part = order[start : start + batch_size * window]
        ranks = np.argsort(sizes[part], kind="stable")
        cuts = [ranks[at : at + batch_size] for at in range(0, len(ranks), batch_size)]
        batches += [part[cut] for cut in sorted(cuts, key=lambda cut: int(cut[0]))]
    return batches


class OnDemand(Sequence[Batch]):
    """So many batches, each made by its number when it is asked for."""

    def __init__(self, make: Callable[[int], Batch], count: int) -> None:
        self._make = make
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, number: int) -> Batch:  # type: ignore[override]  # no slices
        if not 0 <= number < self._count:
            raise IndexError(number)
        return self._make(number)


def windows(
    ids: npt.NDArray[np.int32], length: int, start: int, *, ahead: int = 0
) -> list[npt.NDArray[np.int32]]:
    """Cut a run of ids, taken as a ring from ``start`` on, into as few windows of ``length`` ids as cover it.

    Where they overlap, they do so evenly; each has the ``ahead`` ids that follow it too. A shorter run is one window.
    """
    count = -(-len(ids) // length)
    size = min(length + ahead, len(ids))
    starts = start + np.arange(count) * len(ids) // count
    return [ids.take(np.arange(first, first + size), mode="wrap") for first in starts]
