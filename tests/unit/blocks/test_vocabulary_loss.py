"""Losses over a vocabulary: some rows of logits at a time are all of them; the sample's proposal adds up to one, and
where every word is drawn it is the softmax itself.
"""

import math

import pytest
import torch
import torch.nn.functional as F

from headway.blocks import vocabulary_loss
from headway.blocks.vocabulary_loss import log_uniform, sampled_cross_entropy, vocabulary_cross_entropy
from headway.core.errors import UsageError


@pytest.mark.parametrize("at_once", [1, 7, 1000])
@pytest.mark.parametrize("biased", [True, False])
def test_some_rows_at_a_time_are_all_of_them(
    at_once: int, biased: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vocabulary_loss, "ROWS_AT_ONCE", at_once)
    torch.manual_seed(0)
    x = torch.randn(30, 6, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(40, 6, dtype=torch.float64, requires_grad=True)
    bias = torch.randn(40, dtype=torch.float64, requires_grad=True) if biased else None
    learned = [x, weight] if bias is None else [x, weight, bias]
    targets = torch.randint(0, 40, (30,))
    wanted = F.cross_entropy(F.linear(x, weight, bias), targets)
    found = vocabulary_cross_entropy(x, weight, bias, targets)
    assert found.item() == pytest.approx(wanted.item(), rel=1e-12)
    for scale in (1.0, -2.5):
        pairs = zip(
            *(torch.autograd.grad(loss * scale, learned, retain_graph=True) for loss in (found, wanted)),
            strict=True,
        )
        for one, other in pairs:
            torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)
    with torch.no_grad():
        assert vocabulary_cross_entropy(x, weight, bias, targets).item() == pytest.approx(wanted.item())


def test_in_bfloat16_products_the_gradients_are_those_of_all_logits() -> None:
    torch.manual_seed(0)
    x, weight = torch.randn(64, 32, requires_grad=True), torch.randn(500, 32, requires_grad=True)
    targets = torch.randint(0, 500, (64,))
    gradients = []
    for loss in (
        lambda: vocabulary_cross_entropy(x, weight, None, targets),
        lambda: F.cross_entropy(F.linear(x, weight), targets),
    ):
        with torch.autocast("cpu", torch.bfloat16):
            value = loss()
        assert value.dtype == torch.float32
        gradients.append([value.detach(), *torch.autograd.grad(value, [x, weight])])
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=2e-2, atol=2e-4)


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
