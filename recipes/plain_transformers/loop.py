"""A plain `transformers` training loop to set Headway beside: AdamW, padded batches, linear warm-up and fall.

Batches are grouped by length as transformers' own `group_by_length` does: windows of 50 batches, sorted inside. The
scripts that stand on it run in an environment of their own that has transformers, are given a job as JSON on their
standard input (`call.py`), and print what they found as JSON.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch

PREDICTED_AT_ONCE = 64

Inputs = dict[str, torch.Tensor]


def asked() -> dict[str, Any]:
    """Return the job: {model, seed, epochs, rate, batch, bfloat16, max_tokens, ...}."""
    job: dict[str, Any] = json.load(sys.stdin)
    torch.manual_seed(job["seed"])
    return job


def train(
    model: torch.nn.Module, lengths: Sequence[int], job: dict[str, Any], batch: Callable[[np.ndarray], Inputs]
) -> float:
    """Train in place on rows of so many tokens, of which ``batch`` makes the model's inputs; return its seconds."""
    decayed = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": 0.01}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=job["rate"], fused=True)
    steps = job["epochs"] * -(-len(lengths) // job["batch"])
    rising = max(1, round(0.1 * steps))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / rising, max(0.0, (steps - step) / max(1, steps - rising)))
    )
    random = np.random.default_rng(job["seed"])
    started = time.perf_counter()
    model.train()
    for _ in range(job["epochs"]):
        for rows in _grouped(np.asarray(lengths), job["batch"], random):
            with torch.autocast("cpu", torch.bfloat16, enabled=job["bfloat16"]):
                loss = model(**batch(rows)).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
    return time.perf_counter() - started


def in_batches(lengths: Sequence[int]) -> Iterator[np.ndarray]:
    """Yield the rows to predict, of near-equal length."""
    order = np.argsort(lengths, kind="stable")
    for start in range(0, len(order), PREDICTED_AT_ONCE):
        yield order[start : start + PREDICTED_AT_ONCE]


def _grouped(lengths: np.ndarray, batch: int, random: np.random.Generator) -> Iterator[np.ndarray]:
    order = random.permutation(len(lengths))
    window = 50 * batch
    windows = [order[start : start + window] for start in range(0, len(order), window)]
    order = np.concatenate([part[np.argsort(-lengths[part], kind="stable")] for part in windows])
    for start in random.permutation(range(0, len(order), batch)):
        yield order[start : start + batch]
