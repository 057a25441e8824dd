"""SQuAD's JSON: what is read, and what is said of files that are not as they should be."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from headway.core.errors import DataError
from headway.data.recognition import is_squad
from headway.data.squad import Span, check_questions, read_squad
from shared_files import DATA

CONTEXT = "Die Mühle 🌾 steht  in Gyeongju (경주시), seit 1903."
FILE: dict[str, Any] = {
    "version": "v2.0",
    "data": [
        {
            "title": "Mühle",
            "paragraphs": [
                {
                    "context": CONTEXT,
                    "qas": [
                        {
                            "id": "a",
                            "question": "Where?",
                            "answers": [{"text": "Gyeongju", "answer_start": 22}],
                            "is_impossible": False,
                        },
                        {"id": "b", "question": "Who?", "answers": [], "is_impossible": True},
                    ],
                }
            ],
        }
    ],
}


def written(folder: Path, stored: Any, name: str = "squad.json") -> Path:
    path = folder / name
    path.write_text(stored if isinstance(stored, str) else json.dumps(stored), encoding="utf-8")
    return path


def changed(change: Any) -> dict[str, Any]:
    """The file with one thing done to its article, its paragraph and its first question."""
    stored = copy.deepcopy(FILE)
    article = stored["data"][0]
    change(article, article["paragraphs"][0], article["paragraphs"][0]["qas"][0])
    return stored


def test_a_file_becomes_examples(tmp_path: Path) -> None:
    file = read_squad(written(tmp_path, FILE))
    assert file.words == "2 questions on 1 paragraph, 1 of them without an answer" and file.has_unanswerable
    assert [question.answers for question in file.questions] == [(Span("Gyeongju", 22),), ()]
    examples = check_questions(file, 0.05).examples
    assert examples.task == "answers" and examples.strata.tolist() == [1, 0] and examples.names == ()
    assert len(set(examples.groups.tolist())) == 1  # one paragraph is never on both sides of a split
    assert examples.inputs[0] == ("Where?", CONTEXT) and examples.targets[0].id == "a"
    assert examples.take([1]).target_bytes != examples.take([0]).target_bytes
    assert file.table().texts("question") == ["Where?", "Who?"]


def test_a_byte_order_mark_and_plausible_answers_are_taken(tmp_path: Path) -> None:
    stored = changed(
        lambda a, p, q: p["qas"][1].update(plausible_answers=[{"text": "1903", "answer_start": 42}])
    )
    path = tmp_path / "bom.json"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(stored).encode())
    assert read_squad(path).questions[1].answers == ()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda a, p, q: q.pop("question"),
            r"data\[0\].paragraphs\[0\].qas\[0\]: has no 'question'; its keys: 'id', 'ans",
        ),
        (lambda a, p, q: q.pop("id"), r"has no 'id'"),
        (lambda a, p, q: p.update(context=["x"]), r"'context' should be a text, found \[\"x\"\]"),
        (lambda a, p, q: p.update(context="  "), r"'context' is empty"),
        (lambda a, p, q: a.update(paragraphs={}), r"data\[0\]: 'paragraphs' should be a list, found \{\}"),
        (lambda a, p, q: p["qas"].append(3), r"qas\[2\]: expected an object with 'id', found 3"),
        (lambda a, p, q: p["qas"][1].update(id="a"), r"qas\[1\]: the id 'a' comes twice"),
        (lambda a, p, q: q.update(is_impossible=True), r"is_impossible is true, and yet it has 1 answer"),
        (
            lambda a, p, q: q.update(is_impossible="no"),
            r"'is_impossible' should be true or false, found \"no\"",
        ),
        (
            lambda a, p, q: q["answers"][0].update(answer_start="22"),
            r"'answer_start' should be a whole number",
        ),
        (
            lambda a, p, q: q["answers"][0].update(answer_start=True),
            r"'answer_start' should be a whole number",
        ),
        (lambda a, p, q: q["answers"][0].update(text=""), r"answers\[0\]: 'text' is empty"),
        (lambda a, p, q: q.update(question="half \ud83c"), r"'question' holds half a character .* at 5"),
        (lambda a, p, q: p.update(qas=[]), "holds no questions"),
    ],
)
def test_what_is_not_in_the_form_is_named(change: Any, message: str, tmp_path: Path) -> None:
    path = written(tmp_path, changed(change))
    with pytest.raises(DataError, match=message) as error:
        read_squad(path)
    assert str(path) in str(error.value)


def test_broken_files_are_told_as_what_they_are(tmp_path: Path) -> None:
    whole = json.dumps(FILE)
    with pytest.raises(DataError, match=r"is not whole JSON: .* at line 1, column \d+\n.*cut off"):
        read_squad(written(tmp_path, whole[: len(whole) // 2]))
    with pytest.raises(DataError, match="expected an object with 'data', found"):
        read_squad(written(tmp_path, "[1, 2]"))
    with pytest.raises(DataError, match="has no 'data'"):
        read_squad(written(tmp_path, '{"56be": "an answer"}'))
    latin = tmp_path / "latin.json"
    latin.write_bytes(json.dumps(FILE, ensure_ascii=False).encode("utf-16"))
    with pytest.raises(DataError, match="is not UTF-8"):
        read_squad(latin)
    with pytest.raises(DataError, match=r"nested too deeply|not whole JSON"):
        read_squad(written(tmp_path, '{"data":' + "[" * 200_000))
    with pytest.raises(DataError, match=r"there is no such file\n.*Did you mean squad.json"):
        read_squad(tmp_path / "sqaud.json")


def test_an_answer_that_is_not_at_its_offset_is_left_out_and_named_or_stops(tmp_path: Path) -> None:
    # as a program writes it that counts UTF-16 units: one more behind the emoji
    stored = changed(lambda a, p, q: q["answers"][0].update(answer_start=23))
    file = read_squad(written(tmp_path, stored))
    told = "the answer 'Gyeongju' is not at its answer_start 23, where the context has 'yeongju'; it stands at 22"
    with pytest.raises(DataError, match="1 question of 2 have an answer that is not at its offset") as error:
        check_questions(file, 0.05)
    assert (
        told in str(error.value) and "question 'a'" in str(error.value) and "code points" in str(error.value)
    )
    kept = check_questions(file, 0.5)
    assert (
        len(kept.examples) == 1 and kept.dropped == {"answer not at its offset": 1} and told in kept.notes[0]
    )
    negative = changed(lambda a, p, q: q["answers"][0].update(answer_start=-1, text="nowhere"))
    with pytest.raises(DataError, match=r"answer_start -1.*it stands nowhere in the context"):
        check_questions(read_squad(written(tmp_path, negative)), 0.05)


def test_hidden_and_missing_answers_are_no_ground_to_score_or_learn(tmp_path: Path) -> None:
    hidden = changed(lambda a, p, q: [question.pop("answers") for question in p["qas"]])
    hidden["data"][0]["paragraphs"][0]["qas"][1]["is_impossible"] = False
    file = read_squad(written(tmp_path, hidden))
    assert file.hidden
    with pytest.raises(DataError, match="no question has answers: they are hidden"):
        file.require_answers()
    missing = read_squad(written(tmp_path, changed(lambda a, p, q: q.update(answers=[]))))
    with pytest.raises(DataError, match=r"question 'a': has no answers: 'Where\?'\n.*is_impossible"):
        missing.require_answers()


def test_a_file_is_recognised_by_its_beginning(tmp_path: Path) -> None:
    assert is_squad(written(tmp_path, FILE)) and is_squad(str(written(tmp_path, json.dumps(FILE, indent=2))))
    assert is_squad(written(tmp_path, json.dumps(FILE)[:200]))  # broken, and still what it is
    assert not is_squad(
        written(tmp_path, '{"text": "a", "label": "b"}\n{"text": "c", "label": "d"}', "a.jsonl")
    )
    assert not is_squad(written(tmp_path, '{"data": 1, "paragraphs": "x"}', "a.json"))
    assert not is_squad(tmp_path / "missing.json") and not is_squad(tmp_path) and not is_squad(object())


@pytest.mark.parametrize(
    ("name", "questions", "groups"),
    [
        ("squad_train_part/squad_part.json", 3838, 3513),
        ("squad_v2_dev_part/dev-v2.0-first5.json", 1407, 173),  # five articles: their paragraphs
        ("xquad/xquad.en.json", 1190, 48),
        ("korquad_v1_dev/KorQuAD_v1.0_dev.json", 5774, 140),
    ],
)
def test_published_files(name: str, questions: int, groups: int) -> None:
    path = DATA / name
    if not path.is_file():
        pytest.skip(f"{name} is not among the shared data")
    assert is_squad(path)
    checked = check_questions(read_squad(path), 0)
    assert len(checked.examples) == questions and not checked.notes
    assert len(set(checked.examples.groups.tolist())) == groups
