"""Few-shot prompting measured on a table: the rows that `fit` would hold out, labelled after K of the others."""

import time
from dataclasses import dataclass

import numpy as np

from headway.core.progress import Progress
from headway.data.examples import Examples
from headway.ladder.intake import Intake, take_in
from headway.metrics.bootstrap import Interval, interval
from headway.tasks.decoder import TextDecoder
from headway.tasks.fewshot import FewShotClassifier, Template, draw_shots, label_words


@dataclass(frozen=True, kw_only=True)
class FewShotScore:
    """What a language model reaches by prompting alone; no row was trained on."""

    shots: int
    normalization: str
    prompt: str  # what the model reads for the first held-out text
    labels: tuple[str, ...]
    rows: int
    cut: int  # prompts that lost their beginning to fit into the model's context
    accuracy: Interval
    macro_f1: Interval
    majority: float  # the accuracy of always naming the commonest label
    seconds: float


def few_shot(
    decoder: TextDecoder,
    intake: Intake,
    *,
    shots: int,
    template: Template,
    normalization: str,
    progress: Progress,
) -> FewShotScore:
    """Label each held-out row after ``shots`` rows of its training part, drawn by the seed."""
    rows, _ = take_in(intake, progress)
    examples, held_out = rows.examples, rows.held_out
    started = time.perf_counter()
    predicted = np.full(len(examples), -1)
    prompts: list[str] = []
    cut = 0
    for part in rows.parts:
        drawn = draw_shots(examples.take(part.train), shots, intake.seed)
        classifier = _classifier(decoder, drawn, template, normalization)
        texts = [examples.inputs[row] for row in part.held_out]
        predicted[part.held_out] = classifier.probabilities(texts, progress).argmax(axis=1)
        prompts.append(classifier.prompt(texts[0]))
        cut += classifier.cut(texts)
    true, chosen, classes = examples.targets[held_out], predicted[held_out], len(examples.names)
    return FewShotScore(
        shots=shots,
        normalization=normalization,
        prompt=prompts[0],
        labels=tuple(map(label_words, examples.names)),
        rows=len(held_out),
        cut=cut,
        accuracy=interval("accuracy", true, chosen, classes, intake.seed),
        macro_f1=interval("macro_f1", true, chosen, classes, intake.seed),
        majority=float(np.bincount(true).max() / len(true)),
        seconds=time.perf_counter() - started,
    )


def _classifier(
    decoder: TextDecoder, shots: Examples, template: Template, normalization: str
) -> FewShotClassifier:
    words = tuple(map(label_words, shots.names))
    return FewShotClassifier(
        decoder=decoder,
        labels=shots.names,
        words=words,
        template=template,
        shots=tuple((text, words[label]) for text, label in zip(shots.inputs, shots.targets, strict=True)),
        normalization=normalization,
    )
