"""Answers out of a context, as arrays: of each question the likeliest first, [MOST, 3], in float64.

Each is its first character, the one behind its last, and its probability among those listed. Where both characters are
-1 the context does not answer; a row of probability 0 is none.
"""

import numpy as np
import numpy.typing as npt

MOST = 20  # answers of a question (n-best, as in BERT's published code)
NOTHING = -1

Answers = npt.NDArray[np.float64]


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
