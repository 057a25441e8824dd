"""The judge of answers to questions: by SQuAD's official exact match and F1, or KorQuAD's."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from headway.bundle.record import ErrorExample
from headway.core.answers import told
from headway.data.examples import Examples
from headway.data.squad import Question
from headway.ladder.judge import WORST_ERRORS, Details, Outputs, asked_metric
from headway.metrics.metric import Metric, OfRows
from headway.metrics.row_bootstrap import mean
from headway.metrics.squad import SQUAD, Rule, best_match

NO_ANSWER = "(no answer)"


@dataclass(frozen=True)
class AnswerJudge:
    """Of questions: outputs are the likeliest answers [B, 20, 3] (`core.answers`), the first is given."""

    rule: Rule = SQUAD

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """Exact match and F1, means over questions; intervals resample questions."""
        return (
            OfRows("exact_match", self._of_each(lambda exact, f1: exact), mean),
            OfRows("answer_f1", self._of_each(lambda exact, f1: f1), mean),
        )

    def choose(self, examples: Examples, asked: str | None = None) -> tuple[str, str]:
        """Return what the user asked for, else F1."""
        if asked is not None:
            return asked_metric(self, asked)
        return (
            "answer_f1",
            f"F1 decides, because questions are answered (the {self.rule.counted} that an answer shares with the right "
            f"one, as {self.rule.name} counts)",
        )

    def temperature(self, outputs: Outputs, targets: np.ndarray) -> float | None:
        """Return None: the probabilities are among those answers that are listed."""
        return None

    def said(self, outputs: Outputs) -> np.ndarray:
        """Return where each question's answer begins and ends, [B, 2]."""
        return outputs[:, 0, :2].astype(np.int64)

    def details(self, outputs: Outputs, temperature: float | None, held_out: Examples) -> Details:
        """Return the answers without a word or character of the right one, the surest first."""
        rows = list(zip(held_out.targets, self.said(outputs), strict=True))
        f1 = np.array([self._match(question, span)[1] for question, span in rows])
        sure = outputs[:, 0, 2]
        wrong = np.flatnonzero(f1 == 0)
        errors = tuple(
            ErrorExample(
                line=int(held_out.lines[row]),
                text=_shown(held_out.targets[row]),
                label=" | ".join(_golds(held_out.targets[row])) or NO_ANSWER,
                predicted=told(held_out.targets[row].context, outputs[row, 0]) or NO_ANSWER,
                probability=float(sure[row]),
            )
            for row in wrong[np.argsort(-sure[wrong], kind="stable")][:WORST_ERRORS]
        )
        return Details(errors=errors)

    def target_cell(self, target: Any) -> str:
        """Return the right answers as a JSON list, each once."""
        return json.dumps(list(_golds(target)), ensure_ascii=False)

    def header(self, rung: str) -> list[str]:
        """Return one column for the answer, one for its probability."""
        return [rung, f"{rung}_probability"]

    def cells(self, outputs: Outputs, temperature: float | None, held_out: Examples) -> list[list[str]]:
        """Return the answer, empty where there is none, and its probability."""
        return [
            [told(question.context, answers[0]), f"{answers[0, 2]:.6f}"]
            for question, answers in zip(held_out.targets, outputs, strict=True)
        ]

    def _match(self, question: Question, span: np.ndarray) -> tuple[float, float]:
        return best_match(told(question.context, span), _golds(question), self.rule)

    def _of_each(
        self, chosen: Callable[[float, float], float]
    ) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
        """Return what gives 1 and each question's score, [B, 2]."""

        def statistics(true: np.ndarray, said: np.ndarray) -> np.ndarray:
            scores = [chosen(*self._match(question, span)) for question, span in zip(true, said, strict=True)]
            return np.stack([np.ones(len(scores)), scores], axis=1)

        return statistics


def _golds(question: Question) -> tuple[str, ...]:
    return tuple(dict.fromkeys(answer.text for answer in question.answers or ()))


def _shown(question: Question) -> str:
    """Return a question, and its context around what answers it."""
    context = question.context
    first = question.answers[0].start if question.answers else 0
    start, end = max(0, first - 100), min(len(context), first + 200)
    around = ("… " if start else "") + context[start:end] + (" …" if end < len(context) else "")
    return f"{question.question} ‖ {around}"
