"""Sampled softmax: its proposal adds up to one, and where every word is drawn it is the softmax itself."""

import math

import pytest
import torch
import torch.nn.functional as F

from headway.blocks.sampled_softmax import log_uniform, sampled_cross_entropy
from headway.core.errors import UsageError


def test_the_proposal() -> None:
    probabilities = log_uniform(torch.arange(1000), 1000).exp()
    assert probabilities.sum().item() == pytest.approx(1)
    assert probabilities[0].item() == pytest.approx(math.log(2) / math.log(1001))
    assert (probabilities.diff() < 0).all()


def test_where_every_word_is_drawn_it_is_the_softmax_in_value_and_gradient() -> None:
    torch.manual_seed(0)
    x = torch.randn(30, 6, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(40, 6, dtype=torch.float64, requires_grad=True)
    bias = torch.randn(40, dtype=torch.float64)
    targets = torch.randint(0, 40, (30,))
    wanted = F.cross_entropy(F.linear(x, weight, bias), targets)
    found = sampled_cross_entropy(x, weight, bias, targets, 20_000)
    assert found.item() == pytest.approx(wanted.item(), rel=1e-6)
    for a, b in zip(
        torch.autograd.grad(found, [x, weight]), torch.autograd.grad(wanted, [x, weight]), strict=True
    ):
        torch.testing.assert_close(a, b, atol=1e-6 * b.abs().max().item(), rtol=0)


def test_few_samples_still_teach() -> None:
    """Trained against 5 of 40 words, the distribution that 40 classes' targets follow is found."""
    torch.manual_seed(0)
    counts = [32, 20, 6, 6]
    targets = torch.tensor([word for word, count in enumerate(counts) for _ in range(count)])
    weight, bias = torch.zeros(40, 1), torch.zeros(40, requires_grad=True)
    optimizer = torch.optim.Adam([bias], lr=0.05)
    for step in range(600):
        optimizer.param_groups[0]["lr"] = 0.05 if step < 400 else 0.005
        optimizer.zero_grad()
        sampled_cross_entropy(torch.zeros(64, 1), weight, bias, targets, 5).backward()
        optimizer.step()
    found = bias.detach().softmax(0)[:4]
    torch.testing.assert_close(found, torch.tensor(counts) / 64, atol=0.05, rtol=0)


def test_nothing_to_draw_is_refused() -> None:
    with pytest.raises(UsageError, match="samples"):
        sampled_cross_entropy(torch.zeros(1, 1), torch.zeros(2, 1), torch.zeros(2), torch.tensor([0]), 0)
