"""The two that are compared, trained on a task's rows with a seed: Headway's rung, and a plain `transformers` loop.

Both have the same weights to begin with, rows, epochs, learning rate (one for head and encoder), warm-up, batch size
and numbers to multiply in.
"""

import time
from typing import Any

import torch
from recipes.glue_minilm.tasks import Task
from recipes.plain_transformers.call import ask

from headway.core.progress import Silent
from headway.data.examples import Examples
from headway.data.reading_windows import ReadingConfig
from headway.ladder.encoder_training import FineTuning
from headway.ladder.reader_training import ReaderTraining
from headway.tasks import reading

CPU = torch.device("cpu")


def headway(task: Task, training: Examples, scored: Examples, seed: int) -> dict[str, Any]:
    """Fine-tune MiniLM and answer the scored rows: classes, numbers, or the characters where an answer stands."""
    recipe = {
        "epochs": task.epochs,
        "learning_rate": task.rate,
        "head_factor": 1.0,
        "batch_size": task.batch,
    }
    rung = (ReaderTraining if training.task == "answers" else FineTuning)("minilm", CPU, recipe)
    started = time.perf_counter()
    predictor = rung.fit(training, seed, Silent())
    seconds = time.perf_counter() - started
    outputs = predictor.predict(scored.inputs)
    if training.task == "answers":
        said = outputs[:, 0, :2].astype(int)
    else:
        said = outputs.argmax(axis=1) if training.names else outputs
    return {"said": said.tolist(), "seconds": seconds}


def transformers(
    task: Task, training: Examples, scored: Examples, seed: int, python: str, folder: str
) -> dict[str, Any]:
    """Let the plain loop do the same in its own environment; ``folder`` holds MiniLM's published files."""
    encoder = FineTuning("minilm", CPU).open(training.inputs)
    job = {
        "model": folder,
        "seed": seed,
        "epochs": task.epochs,
        "rate": task.rate,
        "batch": task.batch,
        "bfloat16": encoder.arithmetic.products == "bfloat16",
        "max_tokens": encoder.max_tokens,
        "inputs": _columns(training),
        "scored": _columns(scored),
    }
    if training.task != "answers":
        return ask(
            python, "classify", job | {"classes": len(training.names), "targets": training.targets.tolist()}
        )
    first = [question.answers[0] for question in training.targets]
    return ask(
        python, "read", job | {"answers": [[span.start, span.start + len(span.text)] for span in first]}
    )


def tokens(examples: Examples) -> int:
    """Return how many tokens MiniLM reads of the rows."""
    encoder = FineTuning("minilm", CPU).open(examples.inputs)
    if examples.task == "answers":
        return int(reading.cut(encoder, examples.inputs, ReadingConfig()).lengths.sum())
    return sum(len(ids) for ids in encoder.tokenize(examples.inputs))


def _columns(examples: Examples) -> list[list[str]]:
    return [[one] if isinstance(one, str) else list(one) for one in examples.inputs]
