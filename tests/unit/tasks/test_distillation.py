import math

import pytest
import torch
import torch.nn.functional as F

from headway.tasks.distillation import cosine_loss, hard_loss, is_labelled, soft_loss


def test_the_soft_loss_is_zero_for_equal_logits_and_by_hand() -> None:
    teacher = torch.tensor([[2.0, 0.0, -1.0], [0.5, 0.5, 0.0]], dtype=torch.float64)
    assert soft_loss(teacher + 3, teacher, 2.0).item() == pytest.approx(
        0, abs=1e-12
    )  # a shift changes nothing
    student = torch.zeros_like(teacher)
    wanted = 0.0
    for row in teacher.tolist():
        powers = [math.exp(value / 2) for value in row]
        shares = [power / sum(powers) for power in powers]
        wanted += sum(share * (math.log(share) - math.log(1 / 3)) for share in shares) / 2
    assert soft_loss(student, teacher, 2.0).item() == pytest.approx(4 * wanted, rel=1e-12)


def test_at_high_temperature_the_gradient_is_that_of_matched_logits() -> None:
    """(z - v) / C for logits of mean 0, whatever T (Hinton et al. 2015, equation 4)."""
    generator = torch.Generator().manual_seed(0)
    student, teacher = (torch.randn(1, 5, dtype=torch.float64, generator=generator) for _ in range(2))
    student, teacher = student - student.mean(), teacher - teacher.mean()
    student.requires_grad_()
    soft_loss(student, teacher, 1e4).backward()
    assert torch.allclose(student.grad, (student.detach() - teacher) / 5, rtol=1e-3, atol=1e-6)  # type: ignore[arg-type]


def test_the_cosine_loss_is_torchs_own() -> None:
    generator = torch.Generator().manual_seed(0)
    student, teacher = (torch.randn(7, 4, generator=generator) for _ in range(2))
    wanted = F.cosine_embedding_loss(student, teacher, torch.ones(7))
    assert torch.allclose(cosine_loss(student, teacher), wanted)


def test_several_labels_are_taught_each_by_itself_and_those_without_any_by_the_teacher_alone() -> None:
    student = torch.tensor([[1.0, -2.0], [0.5, 0.0]], dtype=torch.float64, requires_grad=True)
    teacher = torch.tensor([[3.0, -1.0], [0.5, 2.0]], dtype=torch.float64)
    found = soft_loss(student, teacher, 2.0, several=True)
    wanted = 0.0
    for z, v in zip(student.flatten().tolist(), teacher.flatten().tolist(), strict=True):
        p, q = 1 / (1 + math.exp(-v / 2)), 1 / (1 + math.exp(-z / 2))
        wanted += p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q))
    assert found.item() == pytest.approx(4 * wanted / 4, rel=1e-12)
    targets = torch.tensor([[1.0, 0.0], [math.nan, math.nan]], dtype=torch.float64)
    assert is_labelled(targets.numpy()).tolist() == [True, False]
    losses = hard_loss(student, targets)
    assert losses.tolist() == pytest.approx([(math.log1p(math.exp(-1)) + math.log1p(math.exp(-2))) / 2, 0])
    (found + losses.sum()).backward()
    assert student.grad is not None and student.grad.isfinite().all() and student.grad[1, 1] < 0


def test_numbers_are_taught_by_squares_and_those_without_a_label_by_the_teacher_alone() -> None:
    student = torch.tensor([[1.0], [2.0], [3.0]], requires_grad=True)
    teacher = torch.tensor([[1.0], [4.0], [3.0]])
    assert soft_loss(student, teacher, 2.0).item() == pytest.approx(4 / 3)
    targets = torch.tensor([0.0, float("nan"), 5.0])
    losses = hard_loss(student, targets)
    assert losses.tolist() == [1.0, 0.0, 4.0]
    losses.sum().backward()
    assert student.grad is not None and student.grad.tolist() == [[2.0], [0.0], [-4.0]]
