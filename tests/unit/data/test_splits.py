"""Splits and batches: whole groups, every label in training, even folds, and the same result each time."""

import time

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from headway.data.batches import epoch_order, length_batches, windows
from headway.data.inputs import duplicate_groups
from headway.data.splits import deal, holdout, stratified_sample

labelled = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 30)), min_size=10, max_size=120).map(np.array)


def groups_per_label(labels, groups):
    return {label: len(set(groups[labels == label].tolist())) for label in set(labels.tolist())}


def test_texts_that_are_the_same():
    texts = ["Fine day", " fine\n DAY ", "ﬁne day", "FINE\u00a0DAY", "fine days", "Straße", "STRASSE"]
    assert duplicate_groups(texts).tolist() == [0, 0, 0, 0, 1, 2, 2]


@settings(deadline=None)
@given(rows=labelled, seed=st.integers(0, 5), k=st.integers(3, 10), consistent=st.booleans())
def test_folds(rows, seed, k, consistent):
    groups = rows[:, 1]
    labels = groups % 4 if consistent else rows[:, 0]
    fold = deal(labels, groups, seed, k)
    assert np.array_equal(fold, deal(labels.copy(), groups.copy(), seed, k))
    assert fold.min() >= 0 and fold.max() < k
    for group in set(groups.tolist()):
        assert len(set(fold[groups == group].tolist())) == 1
    for label, count in groups_per_label(labels, groups).items():
        assert count < 2 or len(set(fold[labels == label].tolist())) >= 2
    train, test = holdout(labels, groups, seed)
    assert sorted([*train.tolist(), *test.tolist()]) == list(range(len(rows)))
    assert set(labels[train].tolist()) == set(labels.tolist())
    assert not set(groups[train].tolist()) & set(groups[test].tolist())


@given(
    counts=st.lists(st.integers(2, 60), min_size=2, max_size=12), k=st.integers(2, 10), seed=st.integers(0, 3)
)
def test_labels_and_folds_are_even_when_all_texts_differ(counts, k, seed):
    labels = np.repeat(np.arange(len(counts)), counts)
    fold = deal(labels, np.arange(len(labels)), seed, k)
    for label in range(len(counts)):
        dealt = np.bincount(fold[labels == label], minlength=k)
        assert dealt.max() - dealt.min() <= 1
    sizes = np.bincount(fold, minlength=k)
    assert sizes.max() - sizes.min() <= 1


def test_the_seed_matters_and_large_tables_are_fast():
    random = np.random.default_rng(0)
    labels, groups = random.integers(0, 50, 200_000), random.integers(0, 180_000, 200_000)
    start = time.process_time()
    fold = deal(labels, groups, 0, 5)
    assert time.process_time() - start < 4
    assert abs(np.bincount(fold) - 40_000).max() < 200
    assert 0.7 < (fold != deal(labels, groups, 1, 5)).mean() < 0.9


@settings(deadline=None)
@given(rows=labelled, n=st.integers(1, 150), seed=st.integers(0, 3))
def test_a_sample_keeps_two_groups_of_each_label(rows, n, seed):
    labels, groups = rows[:, 0], rows[:, 1]
    index = stratified_sample(labels, groups, n, seed)
    assert np.array_equal(index, np.unique(index)) and index.max() < len(rows)
    assert len(index) <= n + 2 * len(set(labels.tolist())) or n >= len(rows)
    before, after = (groups_per_label(labels[part], groups[part]) for part in (np.arange(len(rows)), index))
    assert all(after[label] >= min(2, count) for label, count in before.items())


def test_the_order_of_an_epoch_depends_on_seed_and_epoch_alone():
    order = epoch_order(1000, 7, 3)
    assert np.array_equal(order, epoch_order(1000, 7, 3)) and sorted(order.tolist()) == list(range(1000))
    assert not np.array_equal(order, epoch_order(1000, 7, 4))
    assert not np.array_equal(order, epoch_order(1000, 8, 3))


@settings(deadline=None)
@given(n=st.integers(0, 300), size=st.integers(1, 40), window=st.integers(1, 8), epoch=st.integers(0, 2))
def test_batches_hold_each_row_once_sorted_by_length(n, size, window, epoch):
    lengths = np.random.default_rng(n).integers(1, 200, n)
    batches = length_batches(lengths, epoch_order(n, 0, epoch), size, window=window)
    assert sorted(np.concatenate(batches).tolist() if batches else []) == list(range(n))
    assert len(batches) == -(-n // size) and all(len(batch) <= size for batch in batches)
    assert all((np.diff(lengths[batch]) >= 0).all() for batch in batches)


def test_little_is_padded_and_lengths_are_mixed():
    lengths = np.random.default_rng(0).geometric(0.03, 5000)
    batches = length_batches(lengths, epoch_order(5000, 0, 0), 32)
    longest = np.array([lengths[batch].max() for batch in batches])
    assert sum(lengths[b].max() * len(b) for b in batches) < 1.15 * lengths.sum()
    assert abs(np.corrcoef(longest[:-1], longest[1:])[0, 1]) < 0.3


@given(
    n=st.integers(2, 200),
    length=st.integers(1, 50),
    start=st.integers(0, 199),
    ahead=st.integers(0, 1),
)
def test_windows_cover_a_run_wherever_they_begin(n, length, start, ahead):
    found = windows(np.arange(n, dtype=np.int32), length, start, ahead=ahead)
    assert len(found) == -(-n // length)
    assert all(len(window) == min(length + ahead, n) for window in found)
    assert all((np.diff(window) % n == 1 % n).all() for window in found)
    assert set(np.concatenate([window[:length] for window in found]).tolist()) == set(range(n))
    assert found[0][0] == start % n
