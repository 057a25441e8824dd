"""Our fine-tuning against a plain `transformers` loop: the same batches, rates, norms and head, and nothing dropped."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from recipes.plain_transformers.call import ask
from recipes.plain_transformers.job import common

from asked_questions import squad, write
from conftest import TOPICS
from headway.core.arithmetic import Arithmetic
from headway.core.progress import Silent
from headway.core.seeding import derive
from headway.data.examples import Examples
from headway.data.reading_windows import ReadingConfig
from headway.data.squad import check_questions, read_squad
from headway.ladder.encoder_training import FineTuning
from headway.ladder.reader_training import ReaderTraining
from headway.tasks import classification, reading
from headway.tasks.encoder import TextEncoder

pytest.importorskip("transformers", reason="transformers is not installed (make test-parity)")

CPU = torch.device("cpu")
SEED, EPOCHS, BATCH, RATE = 3, 8, 8, 5e-3  # much longer, and roundings grow to differences
RECIPE = {
    "epochs": EPOCHS,
    "batch_size": BATCH,
    "learning_rate": RATE,
    "head_factor": 1.0,
    "dropout_factor": 0.0,
}


@pytest.fixture(autouse=True)
def _float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headway.tasks.encoder.decide", lambda device, kept: Arithmetic(device="cpu"))


def _job(
    folder: Path, encoder: TextEncoder, lengths: list[int], head: Any, batch: int = BATCH, **more: Any
) -> dict[str, Any]:
    return {
        "model": str(folder),
        "rate": RATE,
        "dropout": 0.0,
        "bfloat16": False,
        "max_tokens": encoder.max_tokens,
        **common(lengths, head, seed=SEED, epochs=EPOCHS, batch=batch),
        **more,
    }


def test_numbers_are_learned_as_by_a_plain_loop(tiny_zoo: Path) -> None:
    """The targets have mean 0 and deviation 1, so that our scaling, which a plain loop has not, leaves them alone."""
    draw = np.random.default_rng(0)
    words = [word for topic in TOPICS.values() for word in topic]
    texts = [" ".join(draw.choice(words, size=draw.integers(1, 12))) for _ in range(120)]
    targets = np.array(
        [sum(word in TOPICS["weather"] for word in text.split()) for text in texts[:90]], float
    )
    targets = (targets - targets.mean()) / targets.std()
    classes = Examples.of_texts(texts[:90], ["one"] * 90, "made up")
    training = replace(classes, targets=targets, names=(), task="numbers")
    rung = FineTuning("minilm", CPU, RECIPE)
    ours = rung.fit(training, SEED, Silent()).predict(texts[90:])
    encoder = rung.open(texts)
    job = _job(
        tiny_zoo,
        encoder,
        [len(ids) for ids in encoder.tokenize(training.inputs)],
        classification.build(encoder, 0, derive(SEED, "head")).head,
        classes=0,
        inputs=[[text] for text in training.inputs],
        targets=targets.tolist(),
        scored=[[text] for text in texts[90:]],
    )
    theirs = ask(sys.executable, "classify", job)["said"]
    assert np.std(ours) > 0.3  # something was learned
    np.testing.assert_allclose(ours, theirs, atol=2e-3)


def test_answers_are_found_as_by_a_plain_loop(tiny_zoo: Path, tmp_path: Path) -> None:
    """One window at a time: `transformers` lets an answer begin in the padding of a shorter one, and we do not."""
    file = write(tmp_path / "questions.json", squad(80, seed=1, unanswerable=False))
    examples = check_questions(read_squad(file), 0.0).examples
    training, scored = examples.take(np.arange(20)), examples.take(np.arange(20, len(examples)))
    rung = ReaderTraining("minilm", CPU, RECIPE | {"batch_size": 1})
    reader = rung.fit(training, SEED, Silent())
    found = reading.find(reader.model, reader.encoder, scored.inputs, ReadingConfig())
    encoder = rung.open()
    firsts = [question.answers[0] for question in training.targets]
    job = _job(
        tiny_zoo,
        encoder,
        reading.cut(encoder, training.inputs, ReadingConfig()).lengths.tolist(),
        reading.build(encoder, derive(SEED, "head")).head,
        batch=1,
        inputs=[list(pair) for pair in training.inputs],
        answers=[[first.start, first.start + len(first.text)] for first in firsts],
        scored=[list(pair) for pair in scored.inputs],
    )
    theirs = ask(sys.executable, "read", job)
    np.testing.assert_array_equal([one.spans[0] for one in found], theirs["said"])
    off = np.array([one.scores[0] for one in found]) - theirs["scores"]
    assert np.ptp(off) < 2e-3  # the biases have no gradient but rounding, of which AdamW makes whole steps
