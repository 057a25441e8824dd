"""LSTMs: torch's own numbers and gradients, ragged as alone, clipped where told, one mask a call."""

import pytest
import torch
from torch import nn

from headway.blocks import recurrent
from headway.blocks.ragged import Lengths, Ragged
from headway.blocks.recurrent import LstmState, ProjectedLstm, TimeOrder, WeightDroppedLstm
from headway.core.errors import UsageError

LENGTHS = Lengths((3, 5, 1, 5, 2))


def _batch(size: int, lengths: Lengths = LENGTHS) -> Ragged:
    torch.manual_seed(1)
    return Ragged(torch.randn(lengths.total, size, dtype=torch.float64), lengths)


def _projected(**options: object) -> ProjectedLstm:
    torch.manual_seed(0)
    lstm = ProjectedLstm(4, 7, 3, **options).double()  # type: ignore[arg-type]
    with torch.no_grad():
        for parameter in lstm.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape))
    return lstm


def test_the_order_of_time() -> None:
    order = TimeOrder.of(Lengths((1, 3, 2)))
    assert order.index.tolist() == [1, 4, 0, 2, 5, 3] and order.steps == (3, 2, 1)
    back = TimeOrder.of(Lengths((1, 3, 2)), backwards=True)
    assert back.index.tolist() == [3, 5, 0, 2, 4, 1]
    assert order.index[order.inverse].tolist() == list(range(6))
    assert order.rows.tolist() == [1, 2, 0] and order.places.tolist() == [2, 0, 1]


@pytest.mark.parametrize("backwards", [False, True])
def test_a_projected_lstm_equals_torchs(backwards: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recurrent, "_TOKENS_AT_ONCE", 6)  # gates in several parts
    ours, x = _projected(backwards=backwards), _batch(4)
    theirs = nn.LSTM(4, 7, proj_size=3).double()
    with torch.no_grad():
        theirs.weight_ih_l0.copy_(ours.weight_ih)
        theirs.weight_hh_l0.copy_(ours.weight_hh)
        theirs.weight_hr_l0.copy_(ours.weight_hr)
        theirs.bias_ih_l0.copy_(ours.bias)
        theirs.bias_hh_l0.zero_()
    state = LstmState(
        torch.randn(5, 3, dtype=torch.float64), torch.randn(5, 7, dtype=torch.float64)
    )  # as carried over
    found, after = ours(x, state)
    rows, lasts, cells = [], [], []
    for b, part in enumerate(x.values.split(LENGTHS.sizes)):
        part = part.flip(0) if backwards else part
        out, (h, c) = theirs(part, (state.h[b : b + 1], state.c[b : b + 1]))
        rows.append(out.flip(0) if backwards else out)
        lasts.append(h)
        cells.append(c)
    torch.testing.assert_close(found.values, torch.cat(rows))
    torch.testing.assert_close(after.h, torch.cat(lasts))
    torch.testing.assert_close(after.c, torch.cat(cells))
    weight = torch.randn_like(found.values)
    grads = torch.autograd.grad((found.values * weight).sum(), [ours.weight_hh, ours.weight_hr, ours.bias])
    wanted = torch.autograd.grad(
        (torch.cat(rows) * weight).sum(), [theirs.weight_hh_l0, theirs.weight_hr_l0, theirs.bias_ih_l0]
    )
    for a, b in zip(grads, wanted, strict=True):
        torch.testing.assert_close(a, b)


def test_cells_and_projections_are_clipped_at_each_step() -> None:
    x = _batch(4, Lengths((6, 6)))
    free, _ = _projected()(x)
    cell, state = _projected(cell_clip=0.2)(x)
    assert state.c.abs().max() == 0.2 and not torch.allclose(cell.values, free.values)
    projection, state = _projected(projection_clip=0.1)(x)
    assert projection.values.abs().max() == 0.1 == state.h.abs().max()
    # what the next step reads is clipped too: a later token is not just the clipped free one
    assert not torch.allclose(projection.values, free.values.clamp(-0.1, 0.1))


def _dropped(p: float) -> WeightDroppedLstm:
    torch.manual_seed(0)
    return WeightDroppedLstm(4, 6, p).double()


@pytest.mark.parametrize("lengths", [LENGTHS, Lengths((4, 4, 4))])
def test_without_dropout_it_is_torchs_lstm(lengths: Lengths) -> None:
    ours, x = _dropped(0.0), _batch(4, lengths)
    theirs = nn.LSTM(4, 6).double()
    theirs.load_state_dict({f"{name}_l0": value for name, value in ours.state_dict().items()})
    found, after = ours(x)
    rows = [theirs(part) for part in x.values.split(lengths.sizes)]
    torch.testing.assert_close(found.values, torch.cat([out for out, _ in rows]))
    torch.testing.assert_close(after.h, torch.cat([h for _, (h, _) in rows]))
    torch.testing.assert_close(after.c, torch.cat([c for _, (_, c) in rows]))
    grads = torch.autograd.grad(found.values.square().sum(), list(ours.parameters()))
    total = torch.cat([out for out, _ in rows]).square().sum()
    for a, b in zip(grads, torch.autograd.grad(total, list(theirs.parameters())), strict=True):
        torch.testing.assert_close(a, b)


def test_weight_drop_masks_the_recurrent_matrix_once_a_call_and_trains_the_raw_one() -> None:
    ours, x = _dropped(0.5), _batch(4, Lengths((4, 4)))
    before = {name: value.clone() for name, value in ours.state_dict().items()}
    torch.manual_seed(3)
    out, _ = ours.train()(x)
    out.values.square().sum().backward()
    gradient = ours.weight_hh.grad
    assert gradient is not None
    share = (gradient == 0).double().mean().item()
    assert 0.3 < share < 0.7  # a dropped weight has no part in any step, and so no gradient
    torch.manual_seed(3)
    mask = recurrent.keep_mask(ours.weight_hh.shape, 0.5, torch.float64, torch.device("cpu"))
    assert torch.equal(mask == 0, gradient == 0)
    with torch.no_grad():
        masked = _dropped(0.0)
        masked.weight_hh.mul_(mask)
        torch.testing.assert_close(masked(x)[0].values, out.values)
    ours.eval()(x)
    assert all(torch.equal(value, before[name]) for name, value in ours.state_dict().items())
    assert set(before) == {"weight_ih", "weight_hh", "bias_ih", "bias_hh"}


def test_a_state_of_other_rows_is_refused() -> None:
    for lstm in (_projected(), _dropped(0.0)):
        with pytest.raises(UsageError, match=r"state: is of 2 rows, the batch has 5"):
            lstm(_batch(4), lstm.start(2))
