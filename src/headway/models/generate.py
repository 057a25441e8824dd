"""Generation: how a decoder goes on with its prompts. Small functions over `models.base.Decoder`, without state.

Prompts of different lengths form one batch. A row's text depends on its prompt (and, sampled, on the seed and the
row's number), not on the rows beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from headway.blocks.ragged import Ragged, Tokens
from headway.blocks.stored import around_steps
from headway.core.errors import UsageError
from headway.core.seeding import derive

if TYPE_CHECKING:
    from headway.models.base import Decoder

# Chooses the next tokens: logits [b, V] of the rows that go on, and their numbers in the batch [b] -> ids [b].
Choose = Callable[[Tensor, Sequence[int]], Tensor]
# What a hypothesis' log-likelihood is divided by, from its length, at least 1, a stop id included.
LengthPenalty = Callable[[int], float]


def greedy(logits: Tensor, rows: Sequence[int]) -> Tensor:
    """Choose the likeliest token."""
    return logits.argmax(-1)


def sampling(
    seed: int, *, temperature: float = 1.0, top_k: int | None = None, top_p: float | None = None
) -> Choose:
    """Return a choice that draws from softmax(logits / temperature), restricted to `top_k` and then `top_p`.

    Each row has its own generator, derived from the seed and the row's number; every step draws one number from it.
    Raises UsageError on a value that leaves nothing to draw from.
    """
    if not temperature > 0:
        raise UsageError(
            f"temperature must be more than 0, found {temperature}",
            where="temperature",
            remedy="Leave it out for the likeliest token each time.",
        )
    if top_k is not None and top_k < 1:
        raise UsageError(f"top_k must be at least 1, found {top_k}", where="top_k")
    if top_p is not None and not 0 < top_p <= 1:
        raise UsageError(f"top_p must be more than 0 and at most 1, found {top_p}", where="top_p")
    generators: dict[int, torch.Generator] = {}

    def choose(logits: Tensor, rows: Sequence[int]) -> Tensor:
        scores = logits.double() / temperature
        if top_k is not None:
            scores = keep_top_k(scores, top_k)
        if top_p is not None:
            scores = keep_top_p(scores, top_p)
        cumulative = scores.softmax(-1).cumsum(-1)  # [b, V]
        for row in rows:
            if row not in generators:
                generators[row] = torch.Generator().manual_seed(derive(seed, "row", row))
        draws = [torch.rand((), dtype=torch.float64, generator=generators[row]).item() for row in rows]
        level = torch.tensor(draws, dtype=torch.float64, device=scores.device)[:, None] * cumulative[:, -1:]
        first_above = torch.searchsorted(cumulative, level, right=True)  # never one of probability 0
        return first_above[:, 0]

    return choose


def keep_top_k(logits: Tensor, k: int) -> Tensor:
    """Set all but the k largest logits of each row to -inf (Fan et al. 2018); equals of the k-th are kept."""
    least = logits.topk(min(k, logits.shape[-1])).values[..., -1:]
    return logits.masked_fill(logits < least, -torch.inf)


def keep_top_p(logits: Tensor, p: float) -> Tensor:
    """Set all but the likeliest tokens that together have at least probability p to -inf (Holtzman et al. 2020)."""
    probabilities, order = logits.softmax(-1).sort(dim=-1, descending=True, stable=True)
    beyond = probabilities.cumsum(-1) - probabilities >= p  # those before it have reached p already
    beyond[..., 0] = False
    return logits.masked_fill(torch.zeros_like(beyond).scatter(-1, order, beyond), -torch.inf)


@torch.inference_mode()
def stream(
    decoder: Decoder,
    prompts: Tokens,
    choose: Choose,
    *,
    max_tokens: int,
    stop: Collection[int] = (),
    memory: Ragged | None = None,
) -> Iterator[list[int | None]]:
    """Yield each step's new token of every row; None for a row that has ended.

    A row ends after ``max_tokens`` tokens, or before a token of ``stop``, which is not yielded. memory: an
    encoder's vectors of each row. Raises UsageError when the decoder has no room for a prompt and so many tokens.
    """
    check_room(decoder, prompts, max_tokens)
    rows = list(range(len(prompts.lengths)))  # those that go on
    with around_steps(decoder, prompts.lengths.total):
        logits, cache = decoder.step(prompts, decoder.start(len(rows), memory))
    stepping = around_steps(decoder)
    for left in reversed(range(max_tokens)):
        with stepping:
            chosen = choose(logits, rows).tolist()
        places = [place for place, token in enumerate(chosen) if token not in stop]
        if not places:
            return
        said: list[int | None] = [None] * len(prompts.lengths)
        for place in places:
            said[rows[place]] = chosen[place]
        yield said
        if left == 0:
            return
        if len(places) < len(rows):
            rows = [rows[place] for place in places]
            cache = cache.select(places)
        with stepping:
            logits, cache = decoder.step(_one_each([chosen[place] for place in places], prompts), cache)


def generate(
    decoder: Decoder,
    prompts: Tokens,
    choose: Choose = greedy,
    *,
    max_tokens: int,
    stop: Collection[int] = (),
    memory: Ragged | None = None,
) -> list[list[int]]:
    """Return the new tokens of each row: all that `stream` yields."""
    rows: list[list[int]] = [[] for _ in prompts.lengths.sizes]
    for said in stream(decoder, prompts, choose, max_tokens=max_tokens, stop=stop, memory=memory):
        for row, token in zip(rows, said, strict=True):
            if token is not None:
                row.append(token)
    return rows


def power_penalty(power: float) -> LengthPenalty:
    """Return length^power: 1 compares means per token (the penalty of `transformers`), 0 sums."""
    return lambda length: length**power


def gnmt_penalty(alpha: float = 0.6) -> LengthPenalty:
    """Return ((5 + length) / 6)^alpha (Wu et al. 2016, eq. 14; Vaswani et al. 2017 take alpha 0.6)."""
    return lambda length: ((5 + length) / 6) ** alpha


@dataclass(frozen=True)
class Hypothesis:
    """A finished continuation, without its stop id; its score is its log-likelihood over the length penalty."""

    ids: tuple[int, ...]
    score: float


@dataclass(frozen=True)
class _Running:
    """A continuation that goes on, and its log-likelihood."""

    ids: tuple[int, ...]
    log_likelihood: float


@torch.inference_mode()
def beam_search(
    decoder: Decoder,
    prompts: Tokens,
    *,
    beams: int,
    max_tokens: int,
    stop: Collection[int] = (),
    penalty: LengthPenalty = power_penalty(1.0),  # noqa: B008
    memory: Ragged | None = None,
) -> list[list[Hypothesis]]:
    """Return the best ``beams`` hypotheses of each row, best first.

    Each step, of all continuations of a row's beams the likeliest are taken: those that end (at a stop id, or at
    ``max_tokens``) and are among the best ``beams`` are finished, the best others go on. A row is done when it has
    ``beams`` finished ones and its best beam, at its present length, scores no better than the worst of them
    (`transformers` with early_stopping=False).
    """
    if beams < 1:
        raise UsageError(f"beams must be at least 1, found {beams}", where="beams")
    check_room(decoder, prompts, max_tokens)
    finished: list[list[Hypothesis]] = [[] for _ in prompts.lengths.sizes]
    running = {row: [_Running((), 0.0)] for row in range(len(finished))}
    with around_steps(decoder, prompts.lengths.total):
        logits, cache = decoder.step(prompts, decoder.start(len(running), memory))
    stepping = around_steps(decoder)
    for length in range(1, max_tokens + 1):
        scores = logits.float().log_softmax(-1)  # [all rows' beams, V]
        kept: list[int] = []  # which of the cache's rows the beams that go on come from
        begin = 0
        for row, before in list(running.items()):
            of_row = scores[begin : begin + len(before)]
            after, parents, ended = _extend(before, of_row, beams, stop, last=length == max_tokens)
            done = [Hypothesis(ids, likelihood / penalty(length)) for ids, likelihood in ended]
            finished[row] = sorted([*finished[row], *done], key=lambda found: -found.score)[:beams]
            worst = finished[row][-1].score if len(finished[row]) == beams else -torch.inf
            if after and after[0].log_likelihood / penalty(length) > worst:
                running[row] = after
                kept += [begin + parent for parent in parents]
            else:
                del running[row]
            begin += len(before)
        if not running:
            break
        last_tokens = [beam.ids[-1] for row in running.values() for beam in row]
        with stepping:
            logits, cache = decoder.step(_one_each(last_tokens, prompts), cache.select(kept))
    return finished


def _extend(
    before: Sequence[_Running], scores: Tensor, beams: int, stop: Collection[int], *, last: bool
) -> tuple[list[_Running], list[int], list[tuple[tuple[int, ...], float]]]:
    """Extend one row's beams by log-probabilities [n, V].

    Returns the beams that go on with the number of the beam that each comes from, and (ids, log-likelihood) of
    those that end.
    """
    V = scores.shape[1]
    so_far = torch.tensor([beam.log_likelihood for beam in before], device=scores.device)
    totals = (scores + so_far[:, None]).flatten()  # [n V]
    best = totals.topk(min(max(2, 1 + len(stop)) * beams, len(totals)))  # enough, if all the first ones end
    after: list[_Running] = []
    parents: list[int] = []
    ended: list[tuple[tuple[int, ...], float]] = []
    for rank, (total, place) in enumerate(zip(best.values.tolist(), best.indices.tolist(), strict=True)):
        parent, token = divmod(place, V)
        ids = before[parent].ids
        if token in stop or last:
            if rank < beams:
                ended.append((ids if token in stop else (*ids, token), total))
        elif len(after) < beams:
            after.append(_Running((*ids, token), total))
            parents.append(parent)
    return after, parents, ended


def check_room(decoder: Decoder, prompts: Tokens, max_tokens: int) -> None:
    """Raise UsageError unless the decoder can take the longest prompt and so many new tokens."""
    if max_tokens < 1:
        raise UsageError(f"max_tokens must be at least 1, found {max_tokens}", where="max_tokens")
    longest, context = prompts.lengths.longest, decoder.context
    if context is None or longest + max_tokens <= context:
        return
    if longest >= context:
        raise UsageError(
            f"a prompt of {longest} tokens leaves no room: the model reads {context}, new ones included",
            where="prompt",
            remedy=f"Shorten it to at most {context - 1} tokens.",
        )
    raise UsageError(
        f"a prompt of {longest} tokens and {max_tokens} new ones, but the model reads {context}",
        where="max_tokens",
        remedy=f"Ask for at most {context - longest} new tokens, or shorten the prompt.",
    )


def _one_each(ids: Sequence[int], prompts: Tokens) -> Tokens:
    """Pack one new token of each row, on the prompts' device."""
    return Tokens.pack([np.array([token]) for token in ids]).to(prompts.values.device)
