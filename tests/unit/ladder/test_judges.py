"""Numbers are judged by their correlations, and told as numbers; answers as their benchmark compares them."""

import re

import numpy as np
import pytest
from scipy.stats import pearsonr, spearmanr

from headway.core.errors import UsageError
from headway.data.examples import Examples
from headway.data.inputs import TextPair
from headway.data.squad import Question, Span, question_examples
from headway.ladder.comparison import compare
from headway.ladder.judges import NumberJudge, judge_of


def numbers(count: int = 200) -> Examples:
    random = np.random.default_rng(0)
    return Examples(
        inputs=tuple(TextPair(f"a {i}", f"b {i}") for i in range(count)),
        targets=np.round(random.uniform(0, 5, count), 1),
        names=(),
        groups=np.arange(count),
        lines=np.arange(2, count + 2),
        source="pairs.tsv",
        task="numbers",
    )


def test_numbers_are_scored_and_compared() -> None:
    examples = numbers()
    judge = judge_of(examples)
    noise = np.random.default_rng(1).normal(size=len(examples))
    good, poor = examples.targets + 0.5 * noise, examples.targets + 3 * noise
    said = {"mean": np.full(len(examples), 2.5), "poor": poor, "good": good}
    found = compare(examples.targets, said, judge.metrics, judge.choose(examples)[0], seed=0)
    assert found.metric == "pearson" and found.best == "good"
    assert found.scores["poor"]["pearson"].value == pytest.approx(pearsonr(examples.targets, poor)[0])
    assert found.scores["poor"]["spearman"].value == pytest.approx(spearmanr(examples.targets, poor)[0])
    assert found.scores["mean"]["pearson"].value == 0
    score = found.scores["good"]["pearson"]
    assert 0.9 < score.low < score.value < score.high < 1
    difference = found.versus["good"]
    assert difference is not None and difference.low > 0.2 and difference.p < 0.01


def test_numbers_are_told_as_numbers() -> None:
    examples = numbers(30)
    judge = judge_of(examples)
    outputs = examples.targets.copy()
    outputs[7] += 2
    outputs[3] -= 1
    details = judge.details(outputs, judge.temperature(outputs, examples.targets), examples)
    assert details.mean_error == pytest.approx(0.1) and details.confusion == ()
    worst = details.errors[0]
    assert (worst.line, worst.text) == (9, "a 7 ‖ b 7")
    assert float(worst.predicted) == pytest.approx(float(worst.label) + 2) and worst.probability is None
    assert judge.header("ngrams") == ["ngrams"]
    assert judge.cells(np.array([1 / 3, 5e6, 0.0]), None, examples) == [["0.333333"], ["5e+06"], ["0"]]
    with pytest.raises(UsageError, match=r"no metric 'accuracy'.*\n.*pearson, spearman"):
        judge.choose(examples, "accuracy")
    assert NumberJudge().choose(examples, "spearman")[0] == "spearman"


def test_single_characters_count_where_they_are_syllables() -> None:
    from headway.ladder.rungs import ngram_config

    for text, shortest in (
        ("이 영화 정말 재미있어요", 1),
        ("この映画は面白い", 1),
        ("a good film, 정말", 2),
        ("", 2),
    ):
        examples = Examples.of_texts([f"{text} {i}" for i in range(30)], "ab" * 15, "test")
        assert ngram_config(examples).character_ngrams == (shortest, 5)


@pytest.mark.parametrize(
    ("question", "context", "right", "f1", "words"),
    [
        ("언제?", "그는 1989년 2월에 왔다.", "1989년 2월", 2 * 7 / 15, "characters .*, as KorQuAD counts"),
        ("When?", "He came in 1989 February.", "in 1989", 0.5, "words .*, as SQuAD counts"),
    ],
)
def test_answers_are_compared_by_the_rule_of_their_language(
    question: str, context: str, right: str, f1: float, words: str
) -> None:
    span = Span(right, context.index(right))
    asked = Question(id="1", question=question, context=context, article="", answers=(span,), where="one")
    examples = question_examples([asked], "questions.json")
    judge = judge_of(examples)
    exact, partial = judge.metrics
    start, end = context.index("1989"), context.index("1989") + len("1989년 2월에")
    for metric, value in ((exact, 0.0), (partial, f1)):
        assert metric.value(examples.targets, np.array([[start, end]])) == pytest.approx(value)
    assert re.search(words, judge.choose(examples)[1])
