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
    exact, f1 = [], []
    for question, right in golds.items():
        answer = answers.get(question)
        best = [gold for gold in right if normalise(gold)] or [
            ""
        ]  # as the official scorer: "the" is no answer
        exact.append(0.0 if answer is None else max(exact_match(answer, gold) for gold in best))
        f1.append(0.0 if answer is None else max(token_f1(answer, gold) for gold in best))
    missing = sum(question not in answers for question in golds)
    return SquadScores(exact=np.array(exact), f1=np.array(f1), missing=missing)
