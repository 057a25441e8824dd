"""Passages chosen by a linear model: which there are, and what it makes of real questions."""

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headway.core.answers import told
from headway.core.progress import Silent
from headway.data.squad import check_questions, read_squad
from headway.metrics.squad import best_match
from headway.models.lexical_features import DENSE, MOST_WORDS, LexicalFeatures, words_of
from headway.models.lexical_reader import LexicalReader
from shared_files import DATA

FEATURES = LexicalFeatures.of(
    ["Who built the mill?", "When was it built?", ""],
    ["The mill was built in 1903. Kim built it!", "A river."],
)
TEXTS = st.lists(
    st.sampled_from(
        ["The mill", "1903", "Kim.", "경주시에서", "Caf\u00e9,", "(built)", "!", " ", "\n", "👩‍👩‍👧", "it's"]
    ),
    max_size=30,
).map(" ".join)

FIT = """
from headway.core.progress import Silent
from headway.models.lexical_reader import LexicalReader
words = "rain sun cloud storm wind snow bread soup cheese rice apple salt".split()
contexts = [" ".join(words[(3 * n + k) % 12] for k in range(9)) + f" {n}" for n in range(30)]
pairs = [(f"when {words[n % 12]} {words[n % 7]}?", context) for n, context in enumerate(contexts)]
answers = [(len(text) - len(text.split()[-1]), len(text)) for text in contexts]
reader = LexicalReader.fit(pairs, answers, 0, Silent())
print(list(reader.features.rarity), reader.features.common, reader.weights.tobytes().hex())
"""


def test_the_same_seed_gives_the_same_bytes_however_a_process_orders_its_sets() -> None:
    told = [
        subprocess.run(
            [sys.executable, "-c", FIT],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert told[0] == told[1] and "rain" in told[0]


@settings(max_examples=80, deadline=None)
@given(question=TEXTS, context=TEXTS)
def test_passages_are_words_of_one_sentence(question: str, context: str) -> None:
    found = FEATURES.candidates(question, context)
    assert found.fields.shape == (len(found.spans), 13) and found.dense.shape == (len(found.spans), DENSE)
    assert len(np.unique(found.spans, axis=0)) == len(found.spans)
    assert not found.fields.size or 0 <= found.fields.min() <= found.fields.max() < FEATURES.size
    assert np.isfinite(found.dense).all()
    for start, end in found.spans.tolist():
        passage = context[start:end]
        assert (
            1 <= len(words_of(passage)) <= MOST_WORDS and passage == passage.strip() and "\n" not in passage
        )
    assert {tuple(span) for span in found.spans.tolist()} >= {
        (start, start + 4) for start in range(len(context)) if context.startswith("1903", start)
    }


def test_the_questions_words_near_a_passage_speak_for_it() -> None:
    context = "The mill was built in 1903. The river is old, and so is the bread of Kim."
    found = FEATURES.candidates("When was the mill built?", context)
    texts = [context[start:end] for start, end in found.spans]
    own, most, before, behind, inside, _ = found.dense[texts.index("1903")]
    far = found.dense[texts.index("Kim")]
    assert own > far[0] and most == 1 and far[1] == 0 and before > far[2] and behind == inside == 0
    assert found.dense[texts.index("mill was built"), 4] > 0.5


def test_it_learns_from_real_questions_what_a_floor_does_not_know() -> None:
    path = DATA / "squad_train_part" / "squad_part.json"
    if not path.is_file():
        pytest.skip("squad_train_part is not among the shared data")
    examples = check_questions(read_squad(path), 0).examples
    rows = [(q.answers[0].start, q.answers[0].start + len(q.answers[0].text)) for q in examples.targets]
    reader = LexicalReader.fit(examples.inputs[:1500], rows[:1500], 0, Silent())
    scores = [
        best_match(told(question.context, found.answers(None)[0]), (question.answers[0].text,))
        for question, found in zip(
            examples.targets[1500:1800], reader.find(examples.inputs[1500:1800]), strict=True
        )
    ]
    exact, f1 = np.mean(scores, axis=0)
    assert exact > 0.12 and f1 > 0.2  # 16.7 and 24.5 where this was written; at random 0 and 4.3


def test_without_an_answer_to_learn_from_it_still_answers() -> None:
    reader = LexicalReader.fit([("Who?", "The mill.")], [None], 0, Silent())
    assert reader.predict([("Who?", "The mill."), ("", "")]).shape == (2, 20, 3)
