"""Running text: windows follow each other without a gap, the state goes on, each word weighs the same."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from headway.blocks.ragged import Tokens
from headway.core.errors import DataError
from headway.models.awd_lstm import AwdLstm, AwdLstmConfig, AwdLstmLanguageModel
from headway.tasks.running_text import Penalties, lay_out, loss, window_lengths, windows

CPU = torch.device("cpu")
NONE = dict.fromkeys(
    ("embedding_dropout", "input_dropout", "hidden_dropout", "output_dropout", "weight_dropout"), 0.0
)


def _model() -> AwdLstmLanguageModel:
    torch.manual_seed(0)
    config = AwdLstmConfig(vocab_size=30, d_model=5, d_cell=7, num_layers=2, **NONE)
    return AwdLstmLanguageModel(AwdLstm(config)).double()


def test_lengths_vary_add_up_and_are_the_same_ones_in_each_epoch() -> None:
    first, second = window_lengths(20_000, 70, 0, 0), window_lengths(20_000, 70, 0, 1)
    assert sum(first) == sum(second) == 20_000
    assert first != second and sorted(first) == sorted(second)
    assert first == window_lengths(20_000, 70, 0, 0)
    short = sum(length < 52 for length in first) / len(first)
    assert 0.01 < short < 0.12 and np.median(first) == pytest.approx(70, abs=2)


def test_windows_hold_each_word_once_and_what_follows_it() -> None:
    ids = np.arange(1003)
    found = windows(ids, 4, 20, 0, 3, CPU)
    read = torch.cat([window.stream.ids for window in found], dim=1)
    assert torch.equal(read, torch.arange(1000).view(4, 250))
    assert torch.equal(torch.cat([window.targets for window in found], dim=1), read + 1)
    assert [window.first for window in found] == [True, *[False] * (len(found) - 1)]
    with pytest.raises(DataError, match="too few for 4 rows"):
        windows(ids[:4], 4, 20, 0, 0, CPU)


def test_the_state_goes_on_and_gradients_end_at_a_windows_begin() -> None:
    model, ids = _model(), np.random.default_rng(0).integers(0, 30, 61)
    whole = F.cross_entropy(
        model.logits(Tokens.pack([ids[:60]])), torch.from_numpy(ids[1:61]), reduction="none"
    )
    state, total = None, 0.0
    for window in windows(ids, 1, 12, 0, 0, CPU):
        value, state = loss(model, window, state, 12, Penalties(0.0, 0.0))
        total += value.item() * 12  # the sum over the window's words
        assert not any(tensor.requires_grad for layer in state for tensor in layer)
    assert total == pytest.approx(whole.sum().item())


def test_the_penalties_are_those_of_the_paper() -> None:
    model = _model()
    (window,) = windows(np.random.default_rng(0).integers(0, 30, 19), 2, 40, 0, 0, CPU)
    plain, _ = loss(model, window, None, 9, Penalties(0.0, 0.0))
    found, _ = loss(model, window, None, 9, Penalties(2.0, 1.5))
    h = model.backbone.features(window.stream.tokens).tokens.values.view(2, 9, 5)
    wanted = 2.0 * h.pow(2).mean() + 1.5 * (h[:, 1:] - h[:, :-1]).pow(2).mean()
    assert (found - plain).item() == pytest.approx(wanted.item())


def test_each_document_follows_an_end() -> None:
    assert lay_out([np.array([5, 6]), np.array([7])], 1).tolist() == [1, 5, 6, 1, 7]
