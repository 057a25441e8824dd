"""Spans of BIO tags, and their F1."""

import numpy as np
import pytest

from headway.core.errors import UsageError
from headway.metrics.spans import Span, counts, from_counts, span_f1, spans
from shared_files import DATA


def test_spans_end_where_conlleval_ends_them() -> None:
    assert spans("B-a I-a O B-a B-a I-b I-b O I-c".split()) == [
        Span(0, 2, "a"),
        Span(3, 4, "a"),
        Span(4, 5, "a"),
        Span(5, 7, "b"),
        Span(8, 9, "c"),
    ]
    assert spans([]) == [] and spans(["O"]) == []
    for tag in ["X-a", "B", "O-a", ""]:
        with pytest.raises(UsageError, match="BIO tag"):
            spans([tag])


def test_f1_counts_whole_spans_of_the_right_type() -> None:
    true = [["B-a", "I-a", "O"], ["B-b", "O", "O"], ["O"]]
    said = [["B-a", "O", "O"], ["B-b", "B-a", "O"], ["O"]]  # one right of three said, two wanted
    assert counts(true, said).tolist() == [[1, 1, 0], [1, 2, 1], [0, 0, 0]]
    assert span_f1(true, said) == pytest.approx(2 * 1 / (2 + 3))
    assert from_counts(np.zeros((2, 3), np.int64)).tolist() == [0, 0]
    with pytest.raises(UsageError, match="sentence 2"):
        counts([["O"], ["O"]], [["O"], ["O", "O"]])


def test_a_real_set_against_itself_and_shifted() -> None:
    path = DATA / "wnut17/test.conll"
    if not path.is_file():
        pytest.skip("wnut17 is not among the shared data")
    sentences = [
        [line.split("\t")[1] for line in block.splitlines()]
        for block in path.read_text(encoding="utf-8").strip().split("\n\n")
    ]
    assert span_f1(sentences, sentences) == 1
    begun = sum(tag.startswith("B-") for sentence in sentences for tag in sentence)
    assert counts(sentences, sentences).sum(axis=0).tolist() == [begun] * 3
    assert span_f1(sentences, [["O"] * len(sentence) for sentence in sentences]) == 0
