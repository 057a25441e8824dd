"""Cross-entropy over a large vocabulary: of all of its words, or against a sample of them."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from headway.core.errors import UsageError


def log_uniform(ids: Tensor, vocab_size: int) -> Tensor:
    """Return ln p of ids in a vocabulary ordered by how common its words are: p(k) = ln((k + 2) / (k + 1)) / ln(V + 1).

    Zipf's law, nearly.
    """
    k = ids.double()
    return torch.log(torch.log((k + 2) / (k + 1)) / math.log(vocab_size + 1))


def sampled_cross_entropy(x: Tensor, weight: Tensor, bias: Tensor, targets: Tensor, samples: int) -> Tensor:
    """Return the mean cross-entropy of targets [N] of vectors x [N, D] against words drawn anew, the same for all N.

    Each logit is lessened by the logarithm of the probability that its word is in the sample; a drawn word that is the
    target itself does not count against it (Jean et al. 2015, arXiv:1412.2007; as ELMo was trained). ``samples`` draws
    are made, and equal ones count once. weight [V, D] and bias [V] are those of the whole vocabulary, in the order of
    `log_uniform`; torch's generator draws. Raises UsageError when there is nothing to draw.
    """
    if samples < 1:
        raise UsageError(f"must be at least 1, found {samples}", where="samples")
    V = len(weight)
    level = torch.rand(samples, dtype=torch.float64, device=x.device)
    places = torch.exp(level * math.log(V + 1)).long() - 1
    drawn = torch.unique(places.clamp(0, V - 1))  # [S]
    proposal = log_uniform(torch.cat([targets, drawn]), V).exp()
    expected = torch.log(-torch.expm1(samples * torch.log1p(-proposal))).to(x.dtype)  # ln of: in the sample
    true = (x * weight[targets]).sum(1) + bias[targets] - expected[: len(targets)]
    others = F.linear(x, weight[drawn], bias[drawn] - expected[len(targets) :])  # [N, S]
    others = others.masked_fill(drawn == targets[:, None], -torch.inf)
    return (torch.logsumexp(torch.cat([true[:, None], others], dim=1), dim=1) - true).mean()
