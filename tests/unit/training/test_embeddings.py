import copy

import numpy as np
import pytest
import torch
from torch import nn

from headway.core.progress import Silent
from headway.training.embeddings import used_rows
from headway.training.groups import parameter_groups
from headway.training.loop import train
from headway.training.settings import TrainingSettings

ROWS = 12
# A strong decay and a high rate: a row that is treated differently shows at once.
SETTINGS = TrainingSettings(epochs=4, learning_rate=0.05, weight_decay=0.5)


class _Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(ROWS, 5)
        self.out = nn.Linear(5, 1)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.out(self.words(ids)).square().mean()


def _train(model: nn.Module) -> None:
    # Row 7 has a gradient in the second batch only: before and after it moves by decay and momentum.
    batches = [torch.tensor([1, 4, 4]), torch.tensor([7, 1]), torch.tensor([4])]
    groups = parameter_groups(model.parameters(), (), SETTINGS)
    train(model, groups, model, lambda epoch: batches, SETTINGS, 0, Silent())


def test_it_equals_training_every_row() -> None:
    torch.manual_seed(0)
    whole = _Model().double()
    before = whole.words.weight.detach().clone()
    part = copy.deepcopy(whole)
    _train(whole)
    with used_rows(part, part.words, [np.array([4, 1]), np.array([7, 4])]):
        assert part.words.weight.shape == (4, 5)
        _train(part)
    assert isinstance(part.words, nn.Embedding)
    assert not torch.allclose(whole.words.weight, before, rtol=0.1)  # unused rows have decayed too
    for name, expected in whole.state_dict().items():
        torch.testing.assert_close(part.state_dict()[name], expected, rtol=1e-12, atol=1e-14)


def test_a_word_that_was_not_announced_is_an_error() -> None:
    model = _Model()
    with used_rows(model, model.words, [np.array([4, 1])]), pytest.raises(IndexError):
        model(torch.tensor([2]))


def test_a_matrix_that_serves_elsewhere_is_left_whole() -> None:
    model = _Model()
    model.tied = nn.Linear(5, ROWS, bias=False)
    model.tied.weight = model.words.weight
    with used_rows(model, model.words, [np.array([1])]):
        assert isinstance(model.words, nn.Embedding)


def test_without_a_table_nothing_changes() -> None:
    model = _Model()
    with used_rows(model, None, [np.array([1])]):
        assert isinstance(model.words, nn.Embedding)
