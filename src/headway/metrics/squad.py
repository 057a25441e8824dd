"""The official scores of extractive question answering: exact match and F1 of SQuAD 1.1 and 2.0.

Rajpurkar et al. 2016 (arXiv:1606.05250), section 6.1, and 2018 (arXiv:1806.03822) for questions without an answer. Of
several right answers the best counts. An answer is compared in lower case, without ASCII punctuation, the articles a,
an and the, and surplus blanks.
"""

import re
import string
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from headway.core.errors import UsageError

_ARTICLES = re.compile(r"\b(a|an|the)\b", re.UNICODE)
_WITHOUT_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalise(answer: str) -> str:
    """Return the answer as it is compared."""
    return " ".join(_ARTICLES.sub(" ", answer.lower().translate(_WITHOUT_PUNCTUATION)).split())


def exact_match(answer: str, gold: str) -> float:
    """Return 1 where both are the same once normalised, else 0."""
    return float(normalise(answer) == normalise(gold))


def token_f1(answer: str, gold: str) -> float:
    """Return F1 of the words of the answer, as a bag, against those of the right one.

    Where either has no word, 1 if neither has, else 0.
    """
    said, wanted = normalise(answer).split(), normalise(gold).split()
    if not said or not wanted:
        return float(said == wanted)
    common = (Counter(said) & Counter(wanted)).total()
    return 2 * common / (len(said) + len(wanted))


@dataclass(frozen=True, kw_only=True)
class SquadScores:
    """Exact match and F1 of each question, [B] each, and how many of the questions got no answer at all."""

    exact: np.ndarray
    f1: np.ndarray
    missing: int

    @property
    def means(self) -> dict[str, float]:
        """The official figures, in percent."""
        return {"exact match": 100 * float(self.exact.mean()), "F1": 100 * float(self.f1.mean())}


def score(golds: Mapping[str, Sequence[str]], answers: Mapping[str, str]) -> SquadScores:
    """Score answers by the question's id; ``golds`` holds each question's right answers, none: it has no answer.

    A question that got no answer scores 0, as in the official scorer of SQuAD 1.1; an empty answer says that there is
    none. Answers to other questions do not count. Raises UsageError when there is no question.
    """
    if not golds:
        raise UsageError("no questions to score", where="golds")
    scores = [
        best_match(answers[question], tuple(right)) if question in answers else (0.0, 0.0)
        for question, right in golds.items()
    ]
    missing = sum(question not in answers for question in golds)
    exact, f1 = np.array(scores).T
    return SquadScores(exact=exact, f1=f1, missing=missing)


@lru_cache(maxsize=1 << 18)
def best_match(answer: str, golds: tuple[str, ...]) -> tuple[float, float]:
    """Return exact match and F1 of an answer against the best of the right ones; none: there should be no answer."""
    best = [gold for gold in golds if normalise(gold)] or [""]  # as the official scorer: "the" is no answer
    exact = max(exact_match(answer, gold) for gold in best)
    return exact, max(token_f1(answer, gold) for gold in best)


def best_threshold(gaps: np.ndarray, answered: np.ndarray, silent: np.ndarray) -> float:
    """Return the threshold that gives the highest total score: a question is answered where its gap [B] (the score of
    no answer less the best passage's) is no higher, and then scores ``answered`` [B], else ``silent`` [B].

    It lies midway between the gaps that it parts; of equal totals the one that answers more. As the official script of
    SQuAD 2.0 finds it.
    """
    order = np.argsort(gaps, kind="stable")
    sorted_gaps = gaps[order]
    totals = np.concatenate([[0.0], np.cumsum(answered[order])]) + np.concatenate(
        [np.cumsum(silent[order][::-1])[::-1], [0.0]]
    )
    parts = np.concatenate([[True], sorted_gaps[1:] > sorted_gaps[:-1], [True]])  # equal gaps stay together
    totals[~parts] = -np.inf
    count = len(totals) - 1 - int(np.argmax(totals[::-1]))
    ends = np.concatenate([[sorted_gaps[0] - 2.0], sorted_gaps, [sorted_gaps[-1] + 2.0]])
    return float((ends[count] + ends[count + 1]) / 2)
