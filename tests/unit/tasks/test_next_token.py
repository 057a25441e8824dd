"""The next-token objective, by hand."""

import numpy as np
import pytest
import torch

from headway.models.gpt2 import Gpt2, Gpt2Config
from headway.tasks import next_token
from headway.tasks.unigram import Unigram


def test_each_token_is_predicted_from_those_before_it() -> None:
    torch.manual_seed(0)
    sizes = {"vocab_size": 9, "d_model": 12, "d_ff": 20, "num_heads": 3, "num_layers": 2}
    model = Gpt2(Gpt2Config(**sizes)).double().eval()
    rows = [np.array([1, 5, 2, 8]), np.array([3, 0, 7])]
    examples = next_token.batch(rows, torch.device("cpu"))
    assert examples.targets.tolist() == [5, 2, 8, 0, 7]
    chances = model.logits(examples.tokens).log_softmax(-1)
    wanted = -chances[range(5), examples.targets].mean().item()
    assert next_token.loss(model, examples).item() == pytest.approx(wanted, rel=1e-12)
    for place in range(3):  # a window alone, cut after a token, says the same
        alone = next_token.batch([rows[0][: place + 2]], torch.device("cpu"))
        last = model.logits(alone.tokens)[-1].log_softmax(-1)
        assert last[rows[0][place + 1]].item() == pytest.approx(
            chances[place, rows[0][place + 1]].item(), rel=1e-9
        )


def test_the_unigram_model_leaves_special_tokens_out() -> None:
    unigram = Unigram([np.array([0, 0, 1, 1, 1]), np.array([2])], 4, special=[0])
    assert unigram.shares.tolist() == [0, 4 / 7, 2 / 7, 1 / 7]
    found = unigram.score(np.array([1, 1, 3]))
    assert found.accuracy == 2 / 3
    assert found.loss == pytest.approx(-(2 * np.log(4 / 7) + np.log(1 / 7)) / 3)
