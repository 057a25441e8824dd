"""What labels are taken for: classes or numbers, and pairs of texts in the checks."""

import numpy as np
import polars
import pytest

from headway.core.errors import DataError
from headway.data.checks import check_examples, check_test
from headway.data.columns import choose_columns
from headway.data.inputs import TextPair, kin_groups
from headway.data.readers import read_table
from headway.data.recognition import recognise_task
from headway.data.splits import holdout
from shared_files import DATA


@pytest.mark.parametrize(
    ("labels", "task"),
    [
        (["good", "bad"], "classes"),
        (["0", "1"], "classes"),
        (["1", "2", "3", "4", "5"], "classes"),
        (["1.5", "2.0"], "classes"),
        ([str(i / 2) for i in range(11)], "numbers"),
        ([str(i) for i in range(100)], "classes"),  # codes without a gap
        ([str(i * i) for i in range(100)], "numbers"),
        ([str(i * i) for i in range(30)] * 3, "classes"),  # each comes up three times
        ([*(str(i * i) for i in range(99)), "n/a"], "numbers"),
        (["1_000", "2_000", "inf", "nan", "3_5", "4_4", "5_5"], "classes"),
    ],
)
def test_labels_are_taken_for_what_they_are(labels: list[str], task: str) -> None:
    assert recognise_task(labels) == task


@pytest.mark.parametrize(
    ("name", "task"),
    [
        ("stsb/train.tsv", "numbers"),
        ("korsts/train.tsv", "numbers"),
        ("mrpc/train.tsv", "classes"),
        ("rte/train.tsv", "classes"),
        ("snli/test.tsv", "classes"),
        ("cola/train.tsv", "classes"),
        ("banking77/train.csv", "classes"),
        ("ag_news/train_sample.csv", "classes"),
    ],
)
def test_real_labels(name: str, task: str) -> None:
    if not (DATA / name).exists():
        pytest.skip(f"{DATA / name} is not here")
    table = read_table(DATA / name)
    label = choose_columns(table).label
    assert recognise_task([value.strip() for value in table.texts(label) if value]) == task


def pairs(numbers: list[object]) -> polars.DataFrame:
    first = [f"first {i % 20}" for i in range(len(numbers))]
    second = [f"second {i}" for i in range(len(numbers))]
    return polars.DataFrame({"sentence1": first, "sentence2": second, "score": [str(n) for n in numbers]})


def test_pairs_with_numbers_are_checked_and_split() -> None:
    frame = pairs([round(i * 0.1, 1) for i in range(60)])
    more = polars.DataFrame(
        {
            "sentence1": ["SECOND 3", "first 5", "only one"],
            "sentence2": ["First 3", "second  5", ""],
            "score": ["0.3", "5.5", "1"],
        }
    )
    table = read_table(polars.concat([frame, more]))
    columns = choose_columns(table)
    checked = check_examples(table, columns)
    examples = checked.examples
    assert examples.task == "numbers" and examples.names == ()
    assert examples.inputs[3] == TextPair("first 3", "second 3") and examples.targets[3] == pytest.approx(0.3)
    assert checked.dropped == {"empty text": 1}
    assert (checked.duplicate_rows, checked.conflicting_rows) == (1, 2)  # the order of a pair does not count
    assert any("taken as numbers, from 0 to 5.9" in note for note in checked.notes)
    assert any("rows share their first text with another pair" in note for note in checked.notes)
    train, held_out = holdout(examples.strata, examples.groups, seed=0)
    assert not set(examples.groups[train]) & set(examples.groups[held_out])
    spread = np.bincount(examples.strata[held_out], minlength=10)
    assert (spread > 0).sum() >= 7  # low and high numbers are held out alike
    test = check_test(read_table(pairs([0.0, 9.25])), columns, examples)
    assert test.examples.targets.tolist() == [0.0, 9.25] and test.training_removed == 2
    with pytest.raises(DataError, match="row 2: the label 'much' is no number"):
        check_test(read_table(pairs([0.5, "much"])), columns, examples)


def test_a_task_that_is_told_is_taken() -> None:
    table = read_table(pairs([1, 2, 3, 4, 5] * 8))
    assert check_examples(table, choose_columns(table)).examples.names == ("1", "2", "3", "4", "5")
    assert check_examples(table, choose_columns(table), task="numbers").examples.targets[4] == 5.0
    with pytest.raises(DataError, match="is no number"):
        check_examples(read_table(pairs(["a", "b"] * 20)), choose_columns(table), task="numbers")


def test_pairs_on_one_premise_stay_together() -> None:
    first = [*["A man."] * 3, *["A dog."] * 2, "It rains.", "B", "b "]
    pairs = [TextPair(text, f"h {i}") for i, text in enumerate(first)]
    pairs += [TextPair("h 5", "It RAINS."), TextPair("h 5", "other")]  # a pair turned round, and kin of that
    always = [TextPair("Is it good?", f"text {i}") for i in range(90)]
    assert kin_groups(pairs + always)[:10].tolist() == [0, 0, 0, 1, 1, 2, 3, 3, 2, 2]
    assert len(set(kin_groups(pairs + always)[10:].tolist())) == 90
    assert kin_groups(["a", "A ", "b"]).tolist() == [0, 0, 1] and kin_groups([]).tolist() == []
