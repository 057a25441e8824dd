"""Sequence to sequence: what an encoder-decoder learns from pairs of texts as ids, and how it answers.

The decoder reads a start token and then the target; after each token it is asked for the next, at the end for the end
token (Vaswani et al. 2017).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from headway.blocks.ragged import Tokens
from headway.models.base import EncoderDecoder
from headway.models.generate import LengthPenalty, beam_search, gnmt_penalty
from headway.tasks.unigram import Score

TOKENS_IN_A_BATCH = 4096  # of sources and their beams; bounds the memory of decoding


@dataclass(frozen=True, eq=False)
class Batch:
    """B pairs: the sources, what the decoder reads, and what it is asked for after each token, [N]."""

    source: Tokens
    inputs: Tokens
    targets: Tensor


def batch(
    sources: Sequence[np.ndarray],
    targets: Sequence[np.ndarray],
    *,
    start: int,
    end: int,
    device: torch.device,
) -> Batch:
    """Pack pairs of ids. The sources are taken as they are, the targets come without start and end token."""
    inputs = [np.concatenate([[start], ids]) for ids in targets]
    asked = [np.concatenate([ids, [end]]) for ids in targets]
    source, reads, answer = (Tokens.pack(ids).to(device) for ids in (sources, inputs, asked))
    return Batch(source, reads, answer.values)


def loss(model: EncoderDecoder, pairs: Batch, *, smoothing: float = 0.0) -> Tensor:
    """Return the mean cross-entropy of the tokens asked for, in nats.

    smoothing: this share e of each target's probability is spread evenly over the vocabulary, and the loss is
    (1 - e) (-log p(target)) + e mean_v (-log p(v)) (Szegedy et al. 2016; Vaswani et al. 2017 take 0.1).
    """
    logits = model.logits(pairs.source, pairs.inputs)
    return F.cross_entropy(logits, pairs.targets, label_smoothing=smoothing)


def score(model: EncoderDecoder, batches: Iterable[Batch], special: Sequence[int] = ()) -> Score:
    """Score a model over the targets of all batches, each given those before it: without smoothing, in evaluation.

    special: ids that are not counted.
    """
    module = cast("nn.Module", model)
    training = module.training
    module.eval()
    left_out = torch.tensor(special, dtype=torch.int64)
    right = total = 0
    nats = 0.0
    with torch.no_grad():  # not inference_mode: what a batch remembers of it may be trained on later
        for pairs in batches:
            counted = ~torch.isin(pairs.targets, left_out.to(pairs.targets.device))
            logits = model.logits(pairs.source, pairs.inputs)[counted]
            targets = pairs.targets[counted]
            right += int((logits.argmax(1) == targets).sum())
            nats += float(F.cross_entropy(logits.double(), targets, reduction="sum"))
            total += len(targets)
    module.train(training)
    return Score(right / total, nats / total)


def answers(
    model: EncoderDecoder,
    sources: Sequence[np.ndarray],
    *,
    start: int,
    end: int,
    max_tokens: int,
    device: torch.device,
    beams: int = 4,
    penalty: LengthPenalty = gnmt_penalty(0.6),  # noqa: B008
) -> list[tuple[int, ...]]:
    """Return each source's best target, without its end token, by beam search (Vaswani et al. 2017, section 6.1)."""
    found: list[tuple[int, ...]] = [()] * len(sources)
    cast("nn.Module", model).eval()
    order = np.argsort([len(ids) for ids in sources], kind="stable").tolist()
    while order:
        longest = len(sources[order[-1]])
        rows = order[-max(1, TOKENS_IN_A_BATCH // (beams * longest)) :]
        del order[-len(rows) :]
        with torch.inference_mode():
            memory = model.encode(Tokens.pack([sources[row] for row in rows]).to(device))
            starts = Tokens.pack([np.array([start])] * len(rows)).to(device)
            hypotheses = beam_search(
                model,
                starts,
                beams=beams,
                max_tokens=max_tokens,
                stop=(end,),
                penalty=penalty,
                memory=memory,
            )
        for row, best in zip(rows, hypotheses, strict=True):
            found[row] = best[0].ids
    return found
