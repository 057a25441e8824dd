"""When a question is better not answered: the threshold that a reader's scores are held against."""

from collections.abc import Sequence

import numpy as np

from headway.core.answers import Found, told
from headway.metrics.squad import best_match, best_threshold, rule_of


def choose_threshold(
    found: Sequence[Found], questions: np.ndarray, *, unanswerable: bool
) -> tuple[float | None, float]:
    """Return the threshold that gives the highest F1 on these `Question` objects [B], and that F1.

    No threshold where there are no unanswerable questions, so that each is answered; 0 where nothing was kept to choose
    by.
    """
    if not len(found):
        return (0.0 if unanswerable else None), 0.0
    rule = rule_of([question.question for question in questions])
    golds = [tuple(answer.text for answer in question.answers or ()) for question in questions]
    answered = np.array(
        [
            best_match(told(question.context, one.answers(None)[0]), right, rule)[1]
            for question, one, right in zip(questions, found, golds, strict=True)
        ]
    )
    if not unanswerable:
        return None, float(answered.mean())
    silent = np.array([float(not right) for right in golds])
    gaps = np.array([one.gap for one in found])
    threshold = best_threshold(gaps, answered, silent)
    return threshold, float(np.where(gaps > threshold, silent, answered).mean())
