"""Checks: every row is an example or is counted among the dropped, and what is odd is said."""

import numpy as np
import polars
import pytest

from headway.data.checks import check_examples, check_test
from headway.data.columns import Columns
from headway.data.readers import read_table

COLUMNS = Columns(texts=("text",), label="label", why="")


def checked(texts, labels, **options):
    return check_examples(read_table(polars.DataFrame({"text": texts, "label": labels})), COLUMNS, **options)


def texts_of(n):
    return [f"text number {i}" for i in range(n)]


def test_each_row_is_kept_or_counted():
    texts = ["", "\u200b \n", *texts_of(96), "Text  NUMBER 0", "text number 1", "text number 2"]
    labels = ["a", "b", *["a", "b"] * 48, "a", "a", "rare"]
    labels[5] = None
    labels[6] = " a "
    found = checked(texts, labels, drop_rare=True)
    assert found.dropped == {"empty text": 2, "missing label": 1, "label seen only once": 1}
    assert found.dropped_lines == {
        "empty text": (1, 2),
        "missing label": (6,),
        "label seen only once": (101,),
    }
    assert len(found.examples) + sum(found.dropped.values()) == len(texts)
    assert found.examples.names == ("a", "b") and found.examples.lines[[0, -1]].tolist() == [3, 100]
    assert [texts[line - 1] for line in found.examples.lines] == list(found.examples.inputs)
    assert (found.duplicate_rows, found.conflicting_rows) == (1, 2)
    for told in ("2 rows with an empty text left out (rows 1, 2)", "spaces around the label", "(row 101)"):
        assert any(told in note for note in found.notes), found.notes
    part = found.examples.take([3, 1])
    assert part.inputs == (found.examples.inputs[3], found.examples.inputs[1])
    assert part.where(0) == found.examples.where(3)


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        ([0, 1, 2, 3] * 10, ("0", "1", "2", "3")),
        ([1.0, 0.0] * 19 + [None, 1.0], ("0", "1")),
        ([True, False] * 20, ("false", "true")),
        ([1.5, 2.0] * 20, ("1.5", "2.0")),
    ],
)
def test_numbers_as_labels_keep_their_names(labels, names):
    assert checked(texts_of(40), labels).examples.names == names


def test_a_thousand_real_classes_pass():
    labels = [f"{i % 1000}" for i in range(3000)]
    found = checked(texts_of(3000), labels)
    assert len(found.examples.names) == 1000
    assert any("few rows per label: 1,000 labels, a median of 3 rows" in note for note in found.notes)
    assert [found.examples.names[i] for i in found.examples.targets] == labels


def test_what_is_odd_is_said():
    found = checked([*texts_of(39), "x" * 1_000_000], [*["Spam", "spam", "nan"] * 13, "nan"])
    told = " ".join(found.notes)
    assert "'Spam' (13 rows) and 'spam' (13 rows)" in told
    assert "'nan' is taken as a label (14 rows)" in told
    assert "the longest text has 1,000,000 characters (row 40)" in told


def test_test_texts_leave_the_training_rows():
    training = checked(texts_of(40), ["a", "b"] * 20).examples
    test = read_table(polars.DataFrame({"text": ["TEXT number 3", "new", None], "label": ["b", "a", "a"]}))
    found = check_test(test, COLUMNS, training, drop_limit=0.5)
    assert np.array_equal(found.training_kept, np.delete(np.arange(40), 3)) and found.training_removed == 1
    assert found.examples.inputs == ("TEXT number 3", "new") and found.examples.targets.tolist() == [1, 0]
    assert found.dropped == {"empty text": 1}
    assert any(
        "1 training row whose text stands in the test table is left out" in note for note in found.notes
    )
