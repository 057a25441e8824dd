"""Columns: found by name, then by content, on every public set of single texts, and always said."""

import polars
import pytest

from headway.core.errors import UsageError
from headway.data.columns import choose_columns, choose_texts
from headway.data.readers import read_table
from shared_files import DATA

REAL = [
    ("trec/train.tsv", "text", "coarse_label"),
    ("sst2/validation.tsv", "sentence", "label"),
    ("sms_spam/all.tsv", "text", "label"),
    ("banking77/train.csv", "text", "category"),
    ("clinc150/train_small.tsv", "text", "intent"),
    ("ag_news/train_sample.csv", "description", "label"),
    ("ag_news/test.csv", "description", "label"),
    ("imdb/test.jsonl", "text", "label"),
    ("nsmc/train_official_5k.tsv", "document", "label"),
    ("cola/train.tsv", "sentence", "label"),
]


@pytest.mark.parametrize(("name", "text", "label"), REAL)
def test_real_sets(name, text, label):
    if not (DATA / name).exists():
        pytest.skip(f"{DATA / name} is not here")
    table = read_table(DATA / name)
    columns = choose_columns(table)
    assert (columns.texts, columns.label) == ((text,), label)
    assert repr(text) in columns.why and repr(label) in columns.why
    nameless = read_table(table.frame.rename({text: "spalte_1", label: "spalte_2"}))
    if name.split("/")[0] not in {
        "trec",
        "imdb",
        "ag_news",
        "nsmc",
        "cola",
    }:  # these have a second label, text or id
        found = choose_columns(nameless)
        assert (found.texts, found.label) == (("spalte_1",), "spalte_2")
        assert found.why == "text: 'spalte_1', label: 'spalte_2' (by content)"


def frame(**columns):
    return read_table(polars.DataFrame(columns))


def test_more_than_one_label_is_said_with_how_to_choose():
    table = frame(
        text=[f"words and number {i}" for i in range(12)],
        fine_label=["a", "b", "c", "d"] * 3,
        coarse_label=["x", "y"] * 6,
    )
    label_why = "label: 'coarse_label' (by name, 2 classes; 'fine_label' has 4: --label fine_label)"
    assert choose_columns(table).why == f"text: 'text' (by name), {label_why}"
    assert choose_columns(table, label="fine_label").label == "fine_label"


def test_the_text_to_predict_from():
    table = frame(id=["1", "2"], body=["some words", "more words"])
    assert choose_texts(table, "id") == ("id",)
    assert choose_texts(table, known=("body",)) == ("body",)
    assert choose_texts(table, known=("text",)) == ("body",)
    assert choose_texts(frame(anything=["a", "b"]), known=("text",)) == ("anything",)
    with pytest.raises(
        UsageError, match=r"(?s)has no column 'text', as in training.*--text COLUMN.*'some words'"
    ):
        choose_texts(frame(one=["some words"], two=["b"]), known=("text",))


@pytest.mark.parametrize(
    ("name", "texts", "label"),
    [
        ("mrpc/train.tsv", ("sentence1", "sentence2"), "label"),
        ("rte/train.tsv", ("premise", "hypothesis"), "label"),
        ("snli/validation.tsv", ("premise", "hypothesis"), "label"),
        ("qnli/validation.tsv", ("question", "sentence"), "label"),
        ("stsb/train.tsv", ("sentence1", "sentence2"), "score"),
        ("korsts/train.tsv", ("sentence1", "sentence2"), "score"),
    ],
)
def test_real_sets_of_pairs(name, texts, label):
    if not (DATA / name).exists():
        pytest.skip(f"{DATA / name} is not here")
    table = read_table(DATA / name)
    columns = choose_columns(table)
    assert (columns.texts, columns.label) == (texts, label)
    assert f"pairs of texts: {texts[0]!r} and {texts[1]!r}" in columns.why
    assert choose_columns(table, texts[1]).texts == texts[1:]
    renamed = read_table(table.frame.rename({texts[0]: "links", texts[1]: "rechts"}))
    assert choose_columns(renamed, ("rechts", "links")).texts == ("rechts", "links")
    assert choose_texts(table, known=("links", "rechts")) == texts
