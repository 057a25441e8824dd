"""Cross-entropy over a large vocabulary: of all of its words, or against a sample of them."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from headway.core.errors import UsageError

# Of more, the logits leave the processor's caches; of fewer, the weights' gradient is gone through too often. Of 64 to
# 4,096 the fastest, with vocabularies of 8,000 to 30,000.
ROWS_AT_ONCE = 256


def vocabulary_cross_entropy(x: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor) -> Tensor:
    """Return the mean cross-entropy of targets [N] of vectors x [N, D], whose logits are x weight^T + bias, in float32.

    It is `cross_entropy` of all logits [N, V], of which only some rows are there at any time: their gradients are taken
    with them, so that they are neither kept nor computed twice. weight [V, D] and bias [V] are the vocabulary's.
    """
    loss: Tensor = _Loss.apply(x, weight, bias, targets)  # type: ignore[no-untyped-call]
    return loss


class _Loss(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor) -> Tensor:
        exact = torch.promote_types(weight.dtype, torch.float32)
        learns = any(ctx.needs_input_grad)
        of_x, of_weight = torch.empty_like(x), torch.zeros_like(weight, dtype=exact)
        of_bias = None if bias is None else torch.zeros_like(bias, dtype=exact)
        nats = torch.zeros((), dtype=exact, device=x.device)
        for part, right, changed in zip(
            *(torch.split(one, ROWS_AT_ONCE) for one in (x, targets, of_x)), strict=True
        ):
            product = F.linear(part, weight, bias)  # [R, V], bfloat16 under autocast
            logits = product.to(exact)
            total = logits.logsumexp(dim=1, keepdim=True)
            nats += (total - logits.gather(1, right[:, None])).sum()
            if learns:
                errors = logits.sub_(total).exp_()
                errors[torch.arange(len(right), device=x.device), right] -= 1
                errors /= len(targets)
                if of_bias is not None:
                    of_bias += errors.sum(dim=0)
                errors = errors.to(product.dtype)
                changed.copy_(errors @ weight)
                of_weight += errors.T @ part
        ctx.save_for_backward(of_x, of_weight, of_bias)
        return nats / len(targets)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_loss: Tensor) -> tuple[Tensor, Tensor, Tensor | None, None]:
        of_x, of_weight, of_bias = ctx.saved_tensors
        return of_x * of_loss, of_weight * of_loss, None if of_bias is None else of_bias * of_loss, None


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
