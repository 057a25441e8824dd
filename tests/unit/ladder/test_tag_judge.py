"""Tags are judged by their spans, sentence by sentence, and told as spans."""

import numpy as np
import pytest

from headway.core.errors import UsageError
from headway.core.tensors import own_lengths, rows_from_arrays, rows_to_arrays
from headway.data.examples import Examples
from headway.data.inputs import Sentence
from headway.data.tags import as_numbers, tag_names
from headway.ladder.comparison import compare
from headway.ladder.judges import judge_of
from headway.metrics.spans import span_f1

NAMES = tag_names(["loc", "per"])


def examples(tags: list[list[str]]) -> Examples:
    return Examples(
        inputs=tuple(Sentence(f"w{place}" for place in range(len(own))) for own in tags),
        targets=as_numbers(tags, NAMES, ["?"] * len(tags)),
        names=NAMES,
        groups=np.arange(len(tags)),
        lines=np.arange(1, 10 * len(tags), 10),
        source="train.conll",
        task="tags",
    )


def outputs(tags: list[list[str]], sure: float = 0.9) -> np.ndarray:
    rest = (1 - sure) / (len(NAMES) - 1)
    rows = ([[sure if name == tag else rest for name in NAMES] for tag in own] for own in tags)
    return own_lengths((np.array(row) for row in rows), len(tags))


TRUE = [["B-per", "I-per", "O"], ["O", "B-loc"], ["O"], ["B-loc", "O", "B-per"]] * 20
GOOD = [["B-per", "I-per", "O"], ["O", "B-loc"], ["O"], ["B-loc", "O", "O"]] * 20
POOR = [["B-per", "O", "O"], ["O", "B-per"], ["O"], ["B-loc", "O", "B-loc"]] * 20


def test_spans_are_scored_and_compared() -> None:
    held_out = examples(TRUE)
    judge = judge_of(held_out)
    said = {"poor": judge.said(outputs(POOR)), "good": judge.said(outputs(GOOD))}
    found = compare(held_out.targets, said, judge.metrics, judge.choose(held_out)[0], seed=0)
    assert found.metric == "span_f1" and found.best == "good"
    for rung, tags in (("poor", POOR), ("good", GOOD)):
        assert found.scores[rung]["span_f1"].value == pytest.approx(span_f1(TRUE, tags))
    assert found.scores["good"]["tag_accuracy"].value == pytest.approx(8 / 9)
    score, difference = found.scores["good"]["span_f1"], found.versus["good"]
    assert 0.7 < score.low < score.value < score.high < 1
    assert difference is not None and difference.low > 0.2 and difference.p < 0.01
    with pytest.raises(UsageError, match=r"no metric 'accuracy'.*\n.*span_f1, tag_accuracy"):
        judge.choose(held_out, "accuracy")


def test_spans_are_told() -> None:
    held_out = examples(TRUE[:4])
    judge = judge_of(held_out)
    said = outputs(GOOD[:4])
    details = judge.details(said, judge.temperature(said, held_out.targets), held_out)
    (error,) = details.errors
    assert (error.line, error.text) == (31, "w0 w1 w2")
    assert (error.label, error.predicted) == ("loc: w0; per: w2", "loc: w0")
    assert error.probability == pytest.approx(0.9)
    scores = {score.name: (score.rows, score.precision, score.recall) for score in details.classes}
    assert scores == {"loc": (2, 1.0, 1.0), "per": (2, 1.0, 0.5)}
    assert judge.target_cell(held_out.targets[0]) == "B-per I-per O"
    assert judge.cells(said, None, held_out)[3] == ["B-loc O O"] and judge.header("ngrams") == ["ngrams"]


def test_rows_of_their_own_lengths_are_kept_as_arrays() -> None:
    for rows in (outputs(TRUE), examples(TRUE).targets, np.eye(3)):
        again = rows_from_arrays(rows_to_arrays(rows))
        assert len(again) == len(rows) and again.dtype == rows.dtype
        assert all(np.array_equal(one, other) for one, other in zip(rows, again, strict=True))
    assert len(rows_from_arrays(rows_to_arrays(own_lengths([], 0)))) == 0
