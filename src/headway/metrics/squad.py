"""The official scores of extractive question answering: exact match and F1 of SQuAD 1.1 and 2.0, and of KorQuAD 1.0.

Rajpurkar et al. 2016 (arXiv:1606.05250), section 6.1, and 2018 (arXiv:1806.03822) for questions without an answer. Of
several right answers the best counts. An answer is compared in lower case, without ASCII punctuation, the articles a,
an and the, and surplus blanks, word by word. KorQuAD (Lim et al. 2019, arXiv:1909.07005, and its evaluation script)
compares it without ASCII punctuation, quotation and title marks and surplus blanks, character by character: what hangs
on a Korean word's end would make another word of it.
"""

import re
import string
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from headway.core.errors import UsageError

_ARTICLES = re.compile(r"\b(a|an|the)\b", re.UNICODE)
_WITHOUT_PUNCTUATION = str.maketrans("", "", string.punctuation)
_BLANKED = dict.fromkeys(map(ord, "'\"《》<>〈〉()‘’"), " ")  # before other punctuation, which is left out
_LETTER = re.compile(r"[^\W\d_]")
_HANGUL = re.compile("[\uac00-\ud7a3]")
_KOREAN = 0.5  # the share of letters that are Hangul syllables, from which on KorQuAD's rule holds


@dataclass(frozen=True)
class Rule:
    """How a benchmark compares an answer with the right one."""

    name: str
    normalise: Callable[[str], str]
    units: Callable[[str], list[str]]  # of a normalised answer: what F1 counts
    counted: str  # these, in words


def normalise(answer: str) -> str:
    """Return the answer as SQuAD compares it."""
    return " ".join(_ARTICLES.sub(" ", answer.lower().translate(_WITHOUT_PUNCTUATION)).split())


def normalise_korean(answer: str) -> str:
    """Return the answer as KorQuAD compares it."""
    return " ".join(answer.translate(_BLANKED).lower().translate(_WITHOUT_PUNCTUATION).split())


def _characters(answer: str) -> list[str]:
    return list("".join(answer.split()))


SQUAD = Rule("SQuAD", normalise, str.split, "words")
KORQUAD = Rule("KorQuAD", normalise_korean, _characters, "characters")


def rule_of(questions: Sequence[str]) -> Rule:
    """Return the rule by which answers to these questions are compared: KorQuAD's where they are Korean."""
    text = " ".join(questions)
    return KORQUAD if len(_HANGUL.findall(text)) > _KOREAN * len(_LETTER.findall(text)) else SQUAD


def exact_match(answer: str, gold: str, rule: Rule = SQUAD) -> float:
    """Return 1 where both are the same once normalised, else 0."""
    return float(rule.normalise(answer) == rule.normalise(gold))


def unit_f1(answer: str, gold: str, rule: Rule = SQUAD) -> float:
    """Return F1 of the words or characters of the answer, as a bag, against those of the right one.

    Where either has none, 1 if neither has, else 0.
    """
    said, wanted = (rule.units(rule.normalise(text)) for text in (answer, gold))
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


def score(golds: Mapping[str, Sequence[str]], answers: Mapping[str, str], rule: Rule = SQUAD) -> SquadScores:
    """Score answers by the question's id; ``golds`` holds each question's right answers, none: it has no answer.

    A question that got no answer scores 0, as in the official scorer of SQuAD 1.1; an empty answer says that there is
    none. Answers to other questions do not count. Raises UsageError when there is no question.
    """
    if not golds:
        raise UsageError("no questions to score", where="golds")
    scores = [
        best_match(answers[question], tuple(right), rule) if question in answers else (0.0, 0.0)
        for question, right in golds.items()
    ]
    missing = sum(question not in answers for question in golds)
    exact, f1 = np.array(scores).T
    return SquadScores(exact=exact, f1=f1, missing=missing)


@lru_cache(maxsize=1 << 18)
def best_match(answer: str, golds: tuple[str, ...], rule: Rule = SQUAD) -> tuple[float, float]:
    """Return exact match and F1 of an answer against the best of the right ones; none: there should be no answer."""
    best = [gold for gold in golds if rule.normalise(gold)] or [
        ""
    ]  # as the official scorer: "the" is no answer
    exact = max(exact_match(answer, gold, rule) for gold in best)
    return exact, max(unit_f1(answer, gold, rule) for gold in best)


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
