"""The two that are compared, trained on a task's rows with a seed: Headway's rung, and a plain `transformers` loop.

Both have the same weights to begin with, those of the head too, the same batches in the same order, epochs, learning
rate (one for head and encoder), warm-up and numbers to multiply in. Dropout is drawn differently by the two;
``dropout`` says whether they drop what the published model drops, or nothing.
"""

import time
from typing import Any

import torch
from recipes.glue_minilm.tasks import Task
from recipes.plain_transformers.call import ask
from recipes.plain_transformers.job import common

from headway.core.progress import Silent
from headway.core.seeding import derive
from headway.data.examples import Examples
from headway.data.reading_windows import ReadingConfig
from headway.ladder.encoder_training import FineTuning
from headway.ladder.reader_training import ReaderTraining
from headway.tasks import classification, reading
from headway.tasks.encoder import TextEncoder

CPU = torch.device("cpu")


def headway(task: Task, training: Examples, scored: Examples, seed: int, dropout: bool) -> dict[str, Any]:
    """Fine-tune MiniLM and answer the scored rows: classes, numbers, or the characters where an answer stands."""
    recipe = {
        "epochs": task.epochs,
        "learning_rate": task.rate,
        "head_factor": 1.0,
        "batch_size": task.batch,
        "dropout_factor": 1.0 if dropout else 0.0,
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
    task: Task, training: Examples, scored: Examples, seed: int, dropout: bool, python: str, folder: str
) -> dict[str, Any]:
    """Let the plain loop do the same in its own environment; ``folder`` holds MiniLM's published files."""
    encoder = FineTuning("minilm", CPU).open(training.inputs)
    if training.task == "answers":
        head = reading.build(encoder, derive(seed, "head")).head
    else:
        head = classification.build(encoder, len(training.names), derive(seed, "head")).head
    job = {
        "model": folder,
        "rate": task.rate,
        "dropout": None if dropout else 0.0,
        "bfloat16": encoder.arithmetic.products == "bfloat16",
        "max_tokens": encoder.max_tokens,
        "inputs": _columns(training),
        "scored": _columns(scored),
        **common(_lengths(encoder, training), head, seed=seed, epochs=task.epochs, batch=task.batch),
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
    return sum(_lengths(FineTuning("minilm", CPU).open(examples.inputs), examples))


def _lengths(encoder: TextEncoder, examples: Examples) -> list[int]:
    """Return the tokens of each row, or of each window on a context."""
    if examples.task == "answers":
        found: list[int] = reading.cut(encoder, examples.inputs, ReadingConfig()).lengths.tolist()
        return found
    return [len(ids) for ids in encoder.tokenize(examples.inputs)]


def _columns(examples: Examples) -> list[list[str]]:
    return [[one] if isinstance(one, str) else list(one) for one in examples.inputs]
