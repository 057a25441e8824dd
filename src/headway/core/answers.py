"""Answers out of a context, as arrays: of each question the likeliest first, [MOST, 3], in float64.

Each is its first character, the one behind its last, and its probability among those listed. Where both characters are
-1 the context does not answer; a row of probability 0 is none.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

MOST = 20  # answers of a question (n-best, as in BERT's published code)
NOTHING = -1
_NO_PASSAGE = 1e9  # a gap above every threshold

Answers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Found:
    """The best passages of a question over all its windows, and the score of there being no answer."""

    spans: np.ndarray  # [k, 2] characters, best first
    scores: np.ndarray  # [k]
    nothing: float

    @property
    def gap(self) -> float:
        """The score of no answer less the best passage's."""
        return self.nothing - float(self.scores[0]) if len(self.scores) else _NO_PASSAGE

    def answers(self, threshold: float | None) -> Answers:
        """Return them ranked. There is no answer where its score is above the best passage's by more than the
        threshold; None: there always is one.
        """
        return ranked(self.spans, self.scores, None if threshold is None else self.nothing - threshold)


def ranked(
    spans: npt.NDArray[np.int64], scores: npt.NDArray[np.float64], nothing: float | None = None
) -> Answers:
    """Return passages [k, 2] in the order of their scores [k], of which the softmax makes probabilities.

    ``nothing`` is the score of there being no answer; None: that cannot be, unless there is no passage either. Of equal
    scores the passage that was given first comes first, and any before no answer.
    """
    if nothing is not None or not len(spans):
        spans = np.concatenate([spans.reshape(-1, 2), [[NOTHING, NOTHING]]])
        scores = np.append(scores, 0.0 if nothing is None else nothing)
    best = np.argsort(-scores, kind="stable")[:MOST]
    shares = np.exp(scores[best] - scores[best[0]])
    found = np.zeros((MOST, 3))
    found[:, :2] = NOTHING
    found[: len(best), :2], found[: len(best), 2] = spans[best], shares / shares.sum()
    return found


def told(context: str, answer: npt.NDArray[np.generic]) -> str:
    """Return the text of an answer (its first two numbers), empty where there is none."""
    start, end = int(answer[0]), int(answer[1])
    return "" if start == NOTHING else context[start:end]
