"""Splits: stratified, leak-free (equal texts never straddle), and pure functions of their arguments."""

import numpy as np
import numpy.typing as npt

from headway.core.seeding import generator

Index = npt.NDArray[np.int64]


def deal(labels: Index, groups: Index, seed: int, k: int) -> Index:
    """Return the fold (0 .. k-1) of each row.

    Each label is spread evenly over the folds; a group stays whole and is dealt under its rarest label. A
    label with two groups or more is in at least two folds, so that all folds but one always hold every label.
    (Where texts stand under several labels this can be impossible with k = 2; it is then met as far as it
    can be.)
    """
    assert k >= 2 and len(labels) == len(groups)
    dealt = _Deal(np.asarray(labels, dtype=np.int64), np.asarray(groups, dtype=np.int64), k)
    dealt.run(seed)
    dealt.mend()
    return dealt.fold_of_group[dealt.group_of_row]


def holdout(labels: Index, groups: Index, seed: int) -> tuple[Index, Index]:
    """Return the rows to train on, with every label among them, and the rows held out (fold 0 of 5)."""
    held_out = deal(labels, groups, seed, 5) == 0
    trained = np.unique(labels[~held_out])
    lost = ~np.isin(labels, trained)
    # A label whose every row was dealt to fold 0 (it has one group) goes to training with its whole groups.
    held_out &= ~np.isin(groups, groups[lost])
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)


def stratified_sample(labels: Index, groups: Index, n: int, seed: int) -> Index:
    """Return about ``n`` rows in ascending order, each label by its share.

    Every label keeps at least two groups (if it has them), even where that makes more than ``n`` rows.
    """
    if n >= len(labels):
        return np.arange(len(labels), dtype=np.int64)
    random = generator(seed, "sample")
    chosen: list[Index] = []
    for label in np.unique(labels).tolist():
        rows = random.permutation(np.flatnonzero(labels == label))
        firsts = np.sort(np.unique(groups[rows], return_index=True)[1])
        if len(firsts) > 1:
            rows[[1, firsts[1]]] = rows[[firsts[1], 1]]  # so that the first two rows are of two groups
        chosen.append(rows[: max(2, round(n * len(rows) / len(labels)))])
    return np.sort(np.concatenate(chosen)).astype(np.int64)


class _Deal:
    """Groups dealt to folds, label by label, the rarest first."""

    def __init__(self, labels: Index, groups: Index, k: int) -> None:
        self.k = k
        _, self.labels = np.unique(labels, return_inverse=True)
        _, first, numbers = np.unique(groups, return_index=True, return_inverse=True)
        self.group_of_row = np.argsort(np.argsort(first))[numbers]  # numbered as they come
        count = int(self.group_of_row.max()) + 1 if len(groups) else 0
        self.sizes = np.bincount(self.group_of_row, minlength=count)
        self.fold_of_group = np.zeros(count, dtype=np.int64)
        rows_of_label = np.bincount(self.labels)
        self.rarest_first = np.argsort(rows_of_label, kind="stable")
        rank = np.empty(len(rows_of_label), dtype=np.int64)
        rank[self.rarest_first] = np.arange(len(rows_of_label))
        stratum = np.full(count, len(rank), dtype=np.int64)
        np.minimum.at(stratum, self.group_of_row, rank[self.labels])
        self.stratum = stratum

    def run(self, seed: int) -> None:
        """Deal each label's groups in random order, large ones first, to the fold that holds least."""
        totals = [0] * self.k
        order = np.argsort(self.stratum, kind="stable")
        starts = np.searchsorted(self.stratum[order], np.arange(len(self.rarest_first) + 1))
        for rank in range(len(self.rarest_first)):
            members = order[starts[rank] : starts[rank + 1]]
            if not len(members):
                continue
            random = generator(seed, "deal", self.k, rank)
            members = random.permutation(members)
            members = members[np.argsort(-self.sizes[members], kind="stable")]
            turn = random.permutation(self.k).tolist()
            self._deal_stratum(members, turn, totals)

    def _deal_stratum(self, members: Index, turn: list[int], totals: list[int]) -> None:
        held = [0] * self.k
        folds = []
        for size in self.sizes[members].tolist():
            fold = min(turn, key=lambda one: (held[one], totals[one]))
            held[fold] += size
            totals[fold] += size
            folds.append(fold)
        self.fold_of_group[members] = folds

    def mend(self) -> None:
        """Move a group where all of a label's came to lie in one fold (some dealt under rarer labels)."""
        pairs = np.unique(np.stack([self.labels, self.group_of_row], axis=1), axis=0)
        groups_of: dict[int, list[int]] = {}
        labels_of: dict[int, list[int]] = {}
        shared = np.bincount(pairs[:, 1]) > 1
        touched = np.unique(pairs[shared[pairs[:, 1]], 0])  # only labels in shared groups can be at fault
        for label, group in pairs[np.isin(pairs[:, 0], touched)].tolist():
            groups_of.setdefault(label, []).append(group)
            labels_of.setdefault(group, []).append(label)
        for _ in range(3):
            faulty = [label for label in groups_of if self._in_one_fold(groups_of[label])]
            for label in faulty:
                self._move_one(label, groups_of, labels_of)

    def _in_one_fold(self, groups: list[int]) -> bool:
        return len(groups) > 1 and len(set(self.fold_of_group[groups].tolist())) == 1

    def _move_one(self, label: int, groups_of: dict[int, list[int]], labels_of: dict[int, list[int]]) -> None:
        for group in groups_of[label]:
            home = self.fold_of_group[group]
            for step in range(1, self.k):
                self.fold_of_group[group] = (home + step) % self.k
                if not any(self._in_one_fold(groups_of[other]) for other in labels_of[group]):
                    return
            self.fold_of_group[group] = home
