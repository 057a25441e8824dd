"""Scoring a text with a language model whose context is shorter than the text: windows with a stated stride."""

from __future__ import annotations

from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from headway.blocks.ragged import Tokens
from headway.core.errors import UsageError
from headway.core.progress import Progress, Silent
from headway.metrics.perplexity import Perplexity, of_text
from headway.tasks.decoder import TextDecoder

WITHOUT_CONTEXT = 1024  # the window of a model that has no bound of its own
_LOGITS_AT_ONCE = 1 << 26  # bounds the memory of a batch of windows


def perplexity(
    decoder: TextDecoder, text: str, *, stride: int | None = None, progress: Progress | None = None
) -> Perplexity:
    """Return how well the model predicts the text.

    Windows of as many tokens as the model reads begin every ``stride`` tokens (half a window unless given), and each
    predicts what the one before it has not: so each token is predicted once, and beyond the first window from at least
    window - stride + 1 tokens. The token that stands between texts comes first, so that the text's first token is
    predicted too; where a model has none, it is counted as unpredicted. Raises UsageError on a stride that does not
    fit, or a text with nothing to predict.
    """
    window = decoder.language_model.context or WITHOUT_CONTEXT
    stride = max(1, window // 2) if stride is None else stride
    if not 1 <= stride <= window:
        raise UsageError(f"stride must be 1 to {window}, found {stride}", where="stride")
    (ids,) = decoder.ids([text])
    end = decoder.tokenizer.end
    row = ids.astype(np.int64) if end is None else np.concatenate([[end], ids]).astype(np.int64)
    nats = _nats(decoder, row, window, stride, progress or Silent())
    return of_text(text, nats, max(0, len(row) - 1), unpredicted=1 if end is None else 0)


def _nats(decoder: TextDecoder, row: np.ndarray, window: int, stride: int, progress: Progress) -> float:
    """Return -ln p of all tokens but the first, each given those before it in its window."""
    starts = [0, *range(stride, max(1, len(row) - 1 - window + stride), stride)] if len(row) > 1 else []
    at_once = max(1, _LOGITS_AT_ONCE // (window * decoder.tokenizer.vocab_size))
    cast("nn.Module", decoder.model).eval()
    nats = 0.0
    progress.begin("scoring", len(starts), "windows")
    with torch.inference_mode():
        for begin in range(0, len(starts), at_once):
            group = starts[begin : begin + at_once]
            windows = [row[start : start + window] for start in group]
            windows[-1] = windows[-1][: len(row) - 1 - group[-1]]  # the last token predicts nothing
            logits = decoder.language_model.logits(Tokens.pack(windows).to(decoder.device))
            sizes = [len(part) for part in windows]
            for start, size, part in zip(group, sizes, torch.split(logits, sizes), strict=True):
                done = 0 if start == 0 else window - stride  # what the window before has predicted
                new = size - done
                targets = torch.from_numpy(row[start + 1 : start + 1 + size][-new:]).to(part.device)
                nats += F.cross_entropy(part[-new:].float(), targets, reduction="none").double().sum().item()
            progress.advance(len(group))
    progress.end()
    return nats
