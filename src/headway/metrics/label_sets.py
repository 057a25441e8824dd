"""Scores of several labels a row, as sums over rows: F1 over all labels, F1 of each label, and rows all of it right."""

import numpy as np
import numpy.typing as npt

Table = npt.NDArray[np.bool_]  # [B, C]: which row has which label


def label_counts(true: Table, said: Table) -> npt.NDArray[np.int64]:
    """Return each row's labels that are true, that are said, and that are both, [B, 3C]."""
    return np.concatenate([true, said, true & said], axis=1).astype(np.int64)


def micro_f1(sums: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return F1 over all labels of all rows from sums of `label_counts`, [..., 3C] -> [...]; 0 where there is none."""
    true, said, both = np.moveaxis(sums.reshape(*sums.shape[:-1], 3, -1).sum(axis=-1), -1, 0)
    return np.asarray(2 * both / np.maximum(true + said, 1), dtype=np.float64)


def macro_f1(sums: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the mean F1 of the labels that some row has, from sums of `label_counts`, [..., 3C] -> [...]."""
    true, said, both = np.moveaxis(sums.reshape(*sums.shape[:-1], 3, -1), -2, 0)
    each = 2 * both / np.maximum(true + said, 1)
    there = true > 0
    return np.asarray((each * there).sum(axis=-1) / np.maximum(there.sum(axis=-1), 1), dtype=np.float64)


def all_right(true: Table, said: Table) -> npt.NDArray[np.int64]:
    """Return 1, and whether all labels of the row are as they are said to be, [B, 2]: for `row_bootstrap.mean`."""
    right = (true == said).all(axis=1)
    return np.stack([np.ones(len(right)), right], axis=1).astype(np.int64)
