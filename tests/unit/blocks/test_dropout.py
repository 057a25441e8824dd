import pytest
import torch

from headway.blocks.dropout import Dropout, EmbeddingDropout, LockedDropout, keep_mask
from headway.blocks.ragged import Lengths, Ragged
from headway.core.errors import UsageError

CPU = torch.device("cpu")


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_the_share_is_p_and_the_expectation_is_one(p: float) -> None:
    torch.manual_seed(0)
    mask = keep_mask((1000, 1001), p, torch.float64, CPU)
    assert (mask == 0).double().mean().item() == pytest.approx(round(p * 256) / 256, abs=3e-3)
    assert mask.max().item() == 256 / (256 - round(p * 256))
    assert mask.mean().item() == pytest.approx(1.0, abs=1e-2)


@pytest.mark.parametrize("p", [0.0001, 0.9999])
def test_rounding_never_drops_nothing_or_everything(p: float) -> None:
    mask = keep_mask((1000, 100), p, torch.float32, CPU)
    assert 0 < (mask == 0).sum() < mask.numel()


def test_torchs_seed_decides_the_mask() -> None:
    masks = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        masks.append(keep_mask((50, 7), 0.3, torch.float32, CPU))
    assert torch.equal(masks[0], masks[1])
    assert not torch.equal(masks[0], masks[2])


def test_the_gradient_passes_where_the_value_passed() -> None:
    torch.manual_seed(0)
    x = torch.ones(100, 20, requires_grad=True)
    out = Dropout(0.3)(x)
    out.sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad, out)


def test_nothing_is_dropped_outside_training() -> None:
    x = torch.ones(3)
    assert Dropout(0.5).eval()(x) is x
    assert Dropout(0.0)(x) is x


@pytest.mark.parametrize("p", [-0.1, 1.0])
def test_other_probabilities_are_refused(p: float) -> None:
    with pytest.raises(UsageError, match="at least 0 and less than 1"):
        Dropout(p)


def test_locked_dropout_has_one_mask_per_sequence() -> None:
    lengths = Lengths((4, 1, 3))
    dropped = LockedDropout(0.5).train()(Ragged(torch.ones(8, 40), lengths))
    rows = [part.unique(dim=0) for part in dropped.values.split(lengths.sizes)]
    assert all(len(row) == 1 for row in rows)  # at each of its tokens the same
    assert len(torch.cat(rows).unique(dim=0)) == 3  # of each sequence another
    assert set(dropped.values.unique().tolist()) == {0.0, 2.0}
    x = Ragged(torch.ones(8, 40), lengths)
    assert LockedDropout(0.5).eval()(x) is x


def test_embedding_dropout_drops_a_word_wherever_it_stands() -> None:
    ids = torch.tensor([0, 1, 2, 3, 4, 5, 6, 7] * 3)
    dropped = EmbeddingDropout(0.5).train()(torch.ones(24, 5), ids, 8)
    for word in range(8):
        assert len(dropped[ids == word].unique()) == 1
    assert set(dropped.unique().tolist()) == {0.0, 2.0}
    x = torch.ones(24, 5)
    assert EmbeddingDropout(0.5).eval()(x, ids, 8) is x
