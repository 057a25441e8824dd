"""Scores of several labels a row: scikit-learn's, on random and on degenerate tables."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score

from headway.data.examples import Examples
from headway.ladder.comparison import compare
from headway.ladder.judges import LabelJudge, judge_of


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_scores_are_those_of_scikit_learn(share: float) -> None:
    random = np.random.default_rng(3)
    true = random.random((80, 5)) < 0.3
    true[:, 4] = False  # a label that no row has is left out of the mean
    said = random.random((80, 5)) < share
    found = {metric.name: metric.value(true, said) for metric in LabelJudge("abcde").metrics}
    assert found["micro_f1"] == pytest.approx(f1_score(true, said, average="micro", zero_division=0))
    each = f1_score(true, said, average=None, zero_division=0)
    assert found["macro_f1"] == pytest.approx(each[:4].mean())
    assert found["all_right"] == pytest.approx(accuracy_score(true, said))


def test_labels_are_compared_and_told() -> None:
    random = np.random.default_rng(0)
    true = random.random((120, 3)) < 0.4
    examples = Examples(
        inputs=tuple(f"text {i}" for i in range(120)),
        targets=true,
        names=("a", "b", "c"),
        groups=np.arange(120),
        lines=np.arange(120),
        source="test",
        task="labels",
    )
    judge = judge_of(examples)
    outputs = np.where(random.random((120, 3)) < 0.9, true, ~true) * 0.8 + 0.1
    said = {"shares": np.zeros((120, 3), bool), "good": judge.said(outputs)}
    found = compare(true, said, judge.metrics, judge.choose(examples)[0], seed=0)
    assert found.best == "good" and found.scores["shares"]["micro_f1"].value == 0
    score = found.scores["good"]["micro_f1"]
    assert score.low < score.value < score.high
    details = judge.details(outputs, judge.temperature(outputs, true), examples)
    assert [one.rows for one in details.classes] == true.sum(axis=0).tolist()
    assert details.errors and details.errors[0].label.startswith("[")
    assert judge.cells(np.array([[0.9, 0.2, 0.6], [0.0, 0.5, 0.0]]), None, examples) == [
        ['["a", "c"]'],
        ["[]"],
    ]
    assert sorted(set(examples.strata.tolist())) == [0, 1, 2, 3]
