"""Word embeddings that begin as skip-gram vectors."""

import numpy as np
import pytest
import torch
from torch import nn

from headway.core.errors import TrainingError
from headway.training.word_start import DEVIATION, begin_as_skip_grams

KINDS = (range(10, 20), range(20, 30))  # pieces that stand beside their own kind only


def _begun(seed: int) -> torch.Tensor:
    table = nn.Embedding(40, 16)
    nn.init.constant_(table.weight, 7.0)
    draw = np.random.default_rng(0)
    begin_as_skip_grams(table, [draw.choice(KINDS[row % 2], 12) for row in range(800)], seed)
    return table.weight.detach()


def test_pieces_of_a_kind_begin_near_each_other_and_others_stay() -> None:
    weight = _begun(0)
    held = weight[10:30]
    cosines = nn.functional.cosine_similarity(held[:, None], held[None], dim=2)
    assert cosines[:10, :10].mean() > 0.3 and cosines[10:, 10:].mean() > 0.3
    assert cosines[:10, 10:].mean() < -0.3  # centred: the kinds look away from each other
    assert (weight[:10] == 7).all() and (weight[30:] == 7).all()
    assert held.mean(0).abs().max() < 1e-6
    assert held.std(unbiased=False).item() == pytest.approx(DEVIATION, rel=1e-4)


def test_the_same_seed_gives_the_same_bytes_and_another_others() -> None:
    assert torch.equal(_begun(1), _begun(1))
    assert not torch.equal(_begun(1), _begun(2))


def test_text_of_one_piece_is_refused() -> None:
    with pytest.raises(TrainingError, match="1 different words"):
        begin_as_skip_grams(nn.Embedding(4, 8), [np.array([2, 2, 2])], 0)
