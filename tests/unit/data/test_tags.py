"""Ways to write spans, turned into BIO; and the likeliest tags that BIO allows."""

import itertools

import numpy as np
import polars
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headway.core.errors import DataError
from headway.data.checks import check_examples, check_scored, check_test
from headway.data.columns import choose_columns
from headway.data.inputs import Sentence
from headway.data.readers import read_table
from headway.data.recognition import recognise_task
from headway.data.tags import allowed_after, best_tags, tag_names
from headway.metrics.spans import spans


def frame(tags: list[list[str]]) -> polars.DataFrame:
    words = [[f"w{number}", *(f"{place}" for place in range(1, len(own)))] for number, own in enumerate(tags)]
    return polars.DataFrame({"tokens": words, "ner_tags": tags})


BIO = [["B-a", "I-a", "B-a", "O", "B-b"], ["O", "B-b", "I-b", "I-b", "O"]] * 10
WAYS = {
    "BIO": BIO,
    "IOB1": [["I-a", "I-a", "B-a", "O", "I-b"], ["O", "I-b", "I-b", "I-b", "O"]] * 10,
    "BIOES": [["B-a", "E-a", "S-a", "O", "S-b"], ["O", "B-b", "I-b", "E-b", "O"]] * 10,
    "BILOU": [["B-a", "L-a", "U-a", "O", "U-b"], ["O", "B-b", "I-b", "L-b", "O"]] * 10,
    "BMES with O": [["B-a", "E-a", "S-a", "O", "S-b"], ["O", "B-b", "M-b", "E-b", "O"]] * 10,
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_of_writing_spans_is_read_as_bio(way: str) -> None:
    table = read_table(frame(WAYS[way]))
    checked = check_examples(table, choose_columns(table))
    examples = checked.examples
    assert examples.task == "tags" and isinstance(examples.inputs[0], Sentence)
    assert [[examples.names[tag] for tag in own] for own in examples.targets] == BIO
    assert any(f"written in {way}" in note for note in checked.notes)


def test_a_span_that_begins_in_the_middle_is_said() -> None:
    odd = [*BIO, ["O", "I-a", "I-b", "O", "O"]]
    table = read_table(frame(odd))
    checked = check_examples(table, choose_columns(table))
    assert any("2 spans begin with a tag that goes on with one" in n and "row 21" in n for n in checked.notes)
    last = [checked.examples.names[tag] for tag in checked.examples.targets[-1]]
    assert last == ["O", "B-a", "B-b", "O", "O"] and spans(last) == spans(odd[-1])


def test_tags_are_told_from_labels() -> None:
    assert recognise_task(['["O"]', '["B-a"]'], ['["x"]', '["y"]']) == "tags"
    assert recognise_task(['["O", "O"]', '["B-a"]'], ['["x"]', '["y"]']) == "labels"
    assert recognise_task(['["O"]', '["food"]'], ['["x"]', '["y"]']) == "labels"
    assert recognise_task(["O", "B-a"], ["x", "y"]) == "classes"


def test_other_tables_are_checked_against_training() -> None:
    table = read_table(frame(BIO))
    columns = choose_columns(table)
    training = check_examples(table, columns).examples
    other = frame([["B-a", "O"], ["O", "I-b"], *BIO[:1]])
    checked = check_test(read_table(other), columns, training)
    assert checked.training_removed == 1  # w2 1 2 3 4
    assert [len(own) for own in checked.examples.targets] == [2, 2, 5]
    again = check_test(read_table(frame(BIO[:4])), columns, training)
    assert again.training_removed == 4 and "whose text stands in the test table" in again.notes[-1]
    with pytest.raises(
        DataError, match=r"row 2: the type 'bb' is not among the training spans'(.|\n)*'a', 'b'"
    ):
        check_scored(read_table(frame([["O", "O"], ["B-bb"]])), columns, "tags", training.names)
    short = other.with_columns(tokens=polars.Series([["x", "y"], ["x", "y"], ["z"]]))
    with pytest.raises(DataError, match=r"row 3: expected a tag for each of 1 word, found 5 tags"):
        check_scored(read_table(short), columns, "tags", training.names)
    rare = read_table(frame([*BIO, ["B-c", "O"]]))
    dropped = check_examples(rare, columns, drop_rare=True)
    assert dropped.examples.names == training.names
    with pytest.raises(DataError, match=r"all words are outside of spans"):
        check_examples(read_table(frame([["O"] * 3] * 20)), columns)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**32 - 1), st.integers(1, 4))
def test_the_best_tags_are_the_best_that_bio_allows(seed: int, words: int) -> None:
    names = tag_names(["a", "b"])
    shares = np.random.default_rng(seed).dirichlet(np.ones(len(names)), size=words)
    table = allowed_after(names)

    def allowed(tags: tuple[int, ...]) -> bool:
        return all(table[before, tag] for before, tag in itertools.pairwise((-1, *tags)))

    def score(tags: tuple[int, ...]) -> float:
        return float(sum(np.log(shares[word, tag]) for word, tag in enumerate(tags)))

    best = max(filter(allowed, itertools.product(range(len(names)), repeat=words)), key=score)
    assert tuple(best_tags(shares, names)) == best


def test_tags_without_words_and_of_shares_that_are_zero() -> None:
    names = tag_names(["a"])  # B-a, I-a, O
    assert best_tags(np.empty((0, 3)), names).tolist() == []
    assert best_tags(np.array([[0.0, 1.0, 0.0], [0.0, 1.0, 0.0]]), names).tolist() in ([0, 1], [2, 2])
