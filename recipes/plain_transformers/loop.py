"""A plain `transformers` training loop to set Headway beside: AdamW, padded batches, linear warm-up and fall.

The scripts that stand on it run in an environment of their own that has transformers, are given a job as JSON on their
standard input (`call.py`), with the batches in their order and the head's first values (`job.py`), and print what they
found as JSON.
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
    """Return the job: {model, seed, rate, dropout, bfloat16, max_tokens, batches, head, ...}."""
    job: dict[str, Any] = json.load(sys.stdin)
    torch.manual_seed(job["seed"])
    return job


def dropouts(job: dict[str, Any]) -> dict[str, float]:
    """Return what a model's configuration says otherwise; nothing where the job leaves dropout as published."""
    names = ("hidden_dropout_prob", "attention_probs_dropout_prob", "classifier_dropout")
    return {} if job["dropout"] is None else dict.fromkeys(names, job["dropout"])


def train(
    model: torch.nn.Module,
    head: torch.nn.Linear,
    job: dict[str, Any],
    batch: Callable[[np.ndarray], Inputs],
) -> float:
    """Train in place, ``batch`` making the model's inputs of a batch's rows; return its seconds."""
    with torch.no_grad():
        head.weight.copy_(torch.tensor(job["head"]))
        head.bias.zero_()
    decayed = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": 0.01}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=job["rate"], fused=True)
    steps = len(job["batches"])
    rising = max(1, round(0.1 * steps))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / rising, max(0.0, (steps - step) / max(1, steps - rising)))
    )
    started = time.perf_counter()
    model.train()
    for rows in job["batches"]:
        with torch.autocast("cpu", torch.bfloat16, enabled=job["bfloat16"]):
            loss = model(**batch(np.array(rows))).loss
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
