"""Every backbone of texts serves every task of texts, from a folder of weights to a predictor read from disk."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from test_backbones import TINY

from headway.bundle.predictors import load_predictor, save_predictor
from headway.core.progress import Silent
from headway.data.characters import CharacterTokenizer
from headway.data.examples import Examples, Task
from headway.data.inputs import Sentence, TextPair
from headway.data.squad import Question, Span, question_examples
from headway.data.units import characters_of
from headway.ladder.rungs import text_rungs
from headway.models.registry import BACKBONES, build_backbone
from headway.weights.pretrained import save_encoder

TEXTS = ["rain", "sun and hail", "bread", "a bad sea", "hail", "bread and rain"] * 2
PAIRS = [TextPair(text, other) for text, other in zip(TEXTS, TEXTS[1:] + TEXTS[:1], strict=True)]
ANSWERED = [
    Question(
        id=str(row),
        question=text,
        context=f"{text} 7",
        article=text,
        answers=(Span("7", len(text) + 1),),
        where="",
    )
    for row, text in enumerate(TEXTS)
]
SAVED = {"gpt": {"d_ff": 48}, "gpt2": {"band": None}}  # what transformers' layouts can say
RECIPE = {"epochs": 2, "batch_size": 4}


def _examples(inputs: list[Any], task: Task) -> Examples:
    classes = np.arange(len(inputs)) % 2
    targets: dict[str, Any] = {
        "classes": classes,
        "numbers": np.linspace(-1, 3, len(inputs)),
        "labels": np.stack([classes == 0, np.arange(len(inputs)) % 3 == 0], axis=1),
        "tags": np.array([*(np.arange(len(one)) % 2 for one in inputs), None], dtype=object)[:-1],
    }
    plain = Examples.of_texts(TEXTS, ["a", "b"] * (len(TEXTS) // 2), "made up")
    names = plain.names if task != "numbers" else ()
    return replace(plain, inputs=tuple(inputs), targets=targets[task], task=task, names=names)


TASKS = {
    "classes": _examples(TEXTS, "classes"),
    "pairs": _examples(PAIRS, "classes"),
    "numbers": _examples(PAIRS, "numbers"),
    "labels": _examples(TEXTS, "labels"),
    "tags": _examples([Sentence(text.split()) for text in TEXTS], "tags"),
    "answers": question_examples(ANSWERED, "made up"),
}


@pytest.fixture(scope="module", params=BACKBONES)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of a tiny backbone, and its tokenizer."""
    folder: Path = tmp_path_factory.mktemp("models") / request.param
    folder.mkdir()
    torch.manual_seed(0)
    save_encoder(build_backbone(request.param, TINY[request.param] | SAVED.get(request.param, {})), folder)
    reader = CharacterTokenizer(width=8) if request.param == "elmo" else characters_of(["abcdehilnrsu 7"])
    reader.save(folder, max_tokens=16)
    return folder


@pytest.mark.parametrize("rung", ["frozen", "finetuned"])
@pytest.mark.parametrize("task", TASKS)
def test_a_backbone_serves_a_task(task: str, rung: str, folder: Path, tmp_path: Path) -> None:
    examples = TASKS[task]
    rungs = {
        one.name: one
        for one in text_rungs("cpu", str(folder), task=examples.task, pairs=task == "pairs", recipe=RECIPE)
    }
    if rung not in rungs:
        assert (task, rung) == ("answers", "frozen")
        return
    fitted = rungs[rung].fit(examples, 0, Silent())
    said = fitted.predict(examples.inputs)
    assert len(said) == len(examples)
    save_predictor(fitted, tmp_path, temperature=None)
    again = load_predictor(tmp_path).predict(examples.inputs)
    for one, other in zip(said, again, strict=True):
        assert np.isfinite(one).all()
        np.testing.assert_allclose(one, other, atol=1e-5)
