"""SQuAD's official scores, to the last digit of what the official scorer gives real systems' predictions."""

import json
from pathlib import Path

import numpy as np
import pytest

from headway.core.errors import UsageError
from headway.data.squad import read_squad
from headway.metrics.squad import (
    KORQUAD,
    SQUAD,
    Rule,
    best_threshold,
    exact_match,
    normalise,
    rule_of,
    score,
    unit_f1,
)
from shared_files import DATA

BERT = "BERT_ensemble_Google_AI_Language.json"
LOGISTIC = "Logistic_Regression_Baseline_Stanford_Un.json"
XQUAD, V2 = "xquad/xquad.en.json", "squad_v2_dev_part/dev-v2.0-first5.json"


def _golds(path: Path) -> dict[str, list[str]]:
    articles = json.loads(path.read_text(encoding="utf-8"))["data"]
    questions = [q for article in articles for paragraph in article["paragraphs"] for q in paragraph["qas"]]
    return {q["id"]: [a["text"] for a in q["answers"]] for q in questions if not q.get("is_impossible")}


@pytest.mark.parametrize(
    ("system", "data", "exact", "f1"),
    [
        (BERT, XQUAD, 74.874, 86.325),
        (LOGISTIC, XQUAD, 34.538, 45.852),
        (BERT, V2, 84.255, 91.359),
        (LOGISTIC, V2, 40.284, 50.480),
    ],
)
def test_published_systems_get_their_official_scores(system: str, data: str, exact: float, f1: float) -> None:
    if not (DATA / data).is_file():
        pytest.skip(f"{data} is not among the shared data")
    answers = json.loads((DATA / "squad_predictions" / system).read_text(encoding="utf-8"))
    found = score(_golds(DATA / data), answers)
    assert [round(value, 3) for value in found.means.values()] == [exact, f1]
    assert found.missing == (2 if (system, data) == (LOGISTIC, XQUAD) else 0)


def test_what_is_compared() -> None:
    assert normalise("  The  U.S.A.'s  An-swer, a ") == "usas answer"
    assert exact_match("the Normans!", "normans") == 1
    assert unit_f1("the red red fox", "red fox") == pytest.approx(0.8)
    assert unit_f1("", "") == 1 and unit_f1("", "x") == 0 and unit_f1("the", "x") == 0


def test_korean_answers_are_compared_as_korquad_compares_them() -> None:
    """The values follow from KorQuAD 1.0's evaluation script, by hand."""
    assert exact_match("《백남준》", "'백남준'", KORQUAD) == 1  # marks of titles and quotations are blanks
    assert exact_match("백남준(白南準)", "백남준 白南準", KORQUAD) == 1  # so are brackets
    assert exact_match("U.S.A 의", "usa 의", KORQUAD) == 1  # other punctuation is nothing
    assert exact_match("the 백남준", "백남준", KORQUAD) == 0  # articles are words
    said, right = "1989년 2월 15일에", "1989년 2월 15일"
    assert unit_f1(said, right, KORQUAD) == pytest.approx(2 * 10 / (11 + 10))
    assert unit_f1(said, right) == pytest.approx(2 * 2 / (3 + 3))
    assert unit_f1("가 나", "다", KORQUAD) == 0 and unit_f1("“가”", "가", KORQUAD) == pytest.approx(0.5)
    found = score({"a": [right], "b": ["x"]}, {"a": said, "b": "x"}, KORQUAD)
    assert found.exact.tolist() == [0, 1] and found.f1.tolist() == pytest.approx([20 / 21, 1])


def test_the_rule_follows_from_the_questions() -> None:
    assert rule_of(["임종석이 1989년에 지명수배된 날은?", "Who is 임종석?"]) is KORQUAD
    assert rule_of(["Who wrote 임종석?", "何?", "1989?"]) is SQUAD and rule_of(["", "1"]) is SQUAD


@pytest.mark.parametrize(
    ("data", "rule"), [("korquad_v1_dev/KorQuAD_v1.0_dev.json", KORQUAD), (XQUAD, SQUAD), (V2, SQUAD)]
)
def test_real_questions_have_their_benchmark_s_rule(data: str, rule: Rule) -> None:
    if not (DATA / data).is_file():
        pytest.skip(f"{data} is not among the shared data")
    file = read_squad(DATA / data)
    assert rule_of([question.question for question in file.questions]) is rule
    golds = {question.id: [one.text for one in question.answers or ()] for question in file.questions}
    found = score(golds, {name: right[0] if right else "" for name, right in golds.items()}, rule)
    assert found.exact.min() == found.f1.min() == 1


def test_questions_without_an_answer_want_an_empty_one() -> None:
    found = score({"none": [], "some": ["x", "the y"]}, {"none": "", "some": "Y"})
    assert found.exact.tolist() == [1, 1]
    found = score({"none": [], "some": ["x"]}, {"none": "z"})
    assert found.exact.tolist() == found.f1.tolist() == [0, 0] and found.missing == 1
    with pytest.raises(UsageError, match="no questions"):
        score({}, {"a": "b"})


def test_the_threshold_is_the_best_of_all() -> None:
    random = np.random.default_rng(0)
    for size in (1, 2, 7, 40):
        for _ in range(20):
            gaps = np.round(random.normal(size=size), 1)  # with equal ones
            answerable = random.random(size) < 0.6
            answered, silent = answerable * random.random(size), 1.0 - answerable
            found = best_threshold(gaps, answered, silent)
            totals = {
                bound: np.where(gaps > bound, silent, answered).sum()
                for bound in (gaps.min() - 1, *(np.unique(gaps) + 1e-3))
            }
            assert np.where(gaps > found, silent, answered).sum() == pytest.approx(max(totals.values()))


def test_a_threshold_that_never_matters_answers_everything() -> None:
    gaps = np.array([-3.0, 5.0])
    assert (
        best_threshold(gaps, np.ones(2), np.zeros(2)) > 5
        and best_threshold(gaps, np.zeros(2), np.ones(2)) < -3
    )
