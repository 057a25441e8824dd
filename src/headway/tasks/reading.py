"""Reading answers out of contexts (Devlin et al. 2019, sections 4.2 and 4.3): the model, its batches, loss and answers.

Each token has two logits: that an answer begins with it, and that one ends with it. A passage's score is the sum of
the two at its ends; that there is no answer is scored by both at one token that is no part of the context.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from headway.blocks.ragged import Tokens
from headway.core.answers import MOST, Found
from headway.data.reading_windows import ReadingConfig, ReadingWindows, Window, passage, reading_windows
from headway.models.heads import ClassificationHead, TokenClassifier
from headway.tasks.encoder import TOKENS_IN_A_BATCH, TextEncoder
from headway.weights.pretrained import ANSWER_ENDS


class Batch(NamedTuple):
    """B windows, and the places of the first and the last token of the answer in each, int64 [B, 2]."""

    windows: Tokens
    places: Tensor


def build(encoder: TextEncoder, seed: int) -> TokenClassifier:
    """Put a fresh head, drawn from ``seed``, on the encoder's backbone (which is trained in place)."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        head = ClassificationHead(encoder.backbone.num_features, ANSWER_ENDS, 0.0)
    return TokenClassifier(encoder.backbone, head.to(encoder.device))


def cut(encoder: TextEncoder, pairs: Sequence[tuple[str, str]], config: ReadingConfig) -> ReadingWindows:
    """Cut pairs of question and context into the windows that the encoder reads."""
    return reading_windows(encoder.tokenizer, pairs, min(config.window, encoder.max_tokens), config.stride)


def batch(encoder: TextEncoder, windows: Sequence[Window], places: np.ndarray) -> Batch:
    """Pack windows with the places [B, 2] of their answers."""
    return Batch(
        encoder.pack([window.ids for window in windows]), torch.from_numpy(places).to(encoder.device)
    )


def parts(examples: Batch, tokens: int) -> list[Batch]:
    """Cut a batch into neighbours of at most so many tokens, or of one window that has more."""
    windows, places = examples
    return [Batch(windows.rows(a, b), places[a:b]) for a, b in windows.parts(tokens)]


def loss(model: TokenClassifier, examples: Batch) -> Tensor:
    """Return the mean of both ends' cross-entropies over the tokens of each window, in float32."""
    lengths = examples.windows.lengths
    logits = model(examples.windows).float()  # [N, 2]
    # [B, L, 2]; what is beyond a window's end is never an answer
    rectangle = logits.new_full((len(lengths), lengths.longest, ANSWER_ENDS), -torch.inf)
    rectangle[lengths.rows, lengths.positions] = logits
    return F.cross_entropy(rectangle, examples.places)


def find(
    model: TokenClassifier, encoder: TextEncoder, pairs: Sequence[tuple[str, str]], config: ReadingConfig
) -> list[Found]:
    """Return the best passages of each question.

    Windows are compared by their scores as they are; there is no answer as far as the window says so that says it least
    (the smallest score over a question's windows).
    """
    windows = cut(encoder, pairs, config)
    spans: list[list[np.ndarray]] = [[] for _ in pairs]
    scores: list[list[np.ndarray]] = [[] for _ in pairs]
    nothing = np.full(len(pairs), np.inf)
    model.eval()
    with torch.inference_mode():
        for chosen in _batches(windows):
            packed = encoder.pack([window.ids for window in chosen])
            logits = model(packed).double().cpu().numpy()  # [N, 2]
            ends = np.cumsum(packed.lengths.sizes)
            for window, own in zip(chosen, np.split(logits, ends[:-1]), strict=True):
                best = _passages(window, own, pairs[window.row][1], config.longest)
                spans[window.row].append(best[0])
                scores[window.row].append(best[1])
                nothing[window.row] = min(nothing[window.row], own[window.nothing].sum())
    return [
        _merged(np.concatenate(spans[row]), np.concatenate(scores[row]), float(nothing[row]))
        for row in range(len(pairs))
    ]


def _batches(windows: ReadingWindows) -> Iterator[list[Window]]:
    """Yield the windows by length, so many at a time that their tokens are of a bounded number."""
    chosen: list[Window] = []
    tokens = 0
    for place in np.argsort(windows.lengths, kind="stable"):
        window = windows.windows[place]
        if chosen and tokens + len(window.ids) > TOKENS_IN_A_BATCH:
            yield chosen
            chosen, tokens = [], 0
        chosen.append(window)
        tokens += len(window.ids)
    if chosen:
        yield chosen


def _passages(
    window: Window, logits: np.ndarray, context: str, longest: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the characters [k, 2] and scores [k] of a window's best passages, from its logits [T, 2].

    A passage begins at a token that no other window shows with more around it, so that each has one score.
    """
    own = logits[window.first : window.first + len(window.fullest)]  # [C, 2]
    starts = np.where(window.fullest, own[:, 0], -np.inf)
    beyond = np.full(longest, -np.inf)
    ends = np.lib.stride_tricks.sliding_window_view(np.concatenate([own[:, 1], beyond]), longest)
    table = (starts[:, None] + ends[:-1]).ravel()  # [C longest]: place s, length - 1
    most = min(MOST, len(table))
    best = np.argpartition(-table, most - 1)[:most] if most else np.empty(0, np.int64)
    best = best[np.argsort(-table[best], kind="stable")]
    best = best[np.isfinite(table[best])]
    first, last = best // longest, best // longest + best % longest
    spans = [
        passage(context, int(window.spans[a, 0]), int(window.spans[b, 1]))
        for a, b in zip(first, last, strict=True)
    ]
    there = np.array([start < end for start, end in spans], dtype=bool)  # a token may be a blank
    return np.array(spans, np.int64).reshape(-1, 2)[there], table[best][there]


def _merged(spans: np.ndarray, scores: np.ndarray, nothing: float) -> Found:
    """Return the best passages of all windows, each once with its best score."""
    order = np.argsort(-scores, kind="stable")
    _, first = np.unique(spans[order], axis=0, return_index=True)
    kept = order[np.sort(first)][:MOST]
    return Found(spans[kept], scores[kept], nothing)
