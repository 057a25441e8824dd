"""ULMFiT's published files as a folder, and its rows for another vocabulary."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from headway.blocks.ragged import Tokens
from headway.core.errors import UsageError
from headway.models.awd_lstm import AwdLstm, AwdLstmConfig, AwdLstmLanguageModel
from headway.tasks.decoder import TextDecoder
from headway.tasks.encoder import TextEncoder
from headway.weights.convert import to_theirs
from headway.weights.formats import awd_lstm as layout
from headway.weights.vocabulary import transfer_rows, with_vocabulary

WORDS = ["xxunk", "xxpad", "xxbos", "the", "cat", "sat"]


def _model() -> AwdLstmLanguageModel:
    torch.manual_seed(0)
    model = AwdLstmLanguageModel(
        AwdLstm(AwdLstmConfig(vocab_size=6, d_model=5, d_cell=7, num_layers=2))
    ).eval()
    with torch.no_grad():
        model.bias.normal_()
    return model


def test_rows_of_known_words_are_moved_and_others_are_the_mean() -> None:
    rows = torch.tensor([[1.0, 2.0], [3.0, 6.0]])
    moved, unseen = transfer_rows(rows, ["a", "b"], ["b", "c", "a"])
    assert moved.tolist() == [[3, 6], [2, 4], [1, 2]] and unseen == 1
    with pytest.raises(UsageError, match="3 words, but 2 rows"):
        transfer_rows(rows, ["a", "b", "c"], ["a"])


def test_a_model_with_another_vocabulary_says_the_same_of_the_words_it_knew() -> None:
    model = _model()
    moved, unseen = with_vocabulary(model, WORDS, ["[UNK]", "cat", "the", "dog", "sat"])
    assert unseen == 2 and moved.config.vocab_size == 5
    before = model.logits(Tokens.pack([np.array([3, 4])]))
    after = moved.eval().logits(Tokens.pack([np.array([2, 1])]))
    torch.testing.assert_close(after[:, [2, 1, 4]], before[:, [3, 4, 5]])
    assert model.config.vocab_size == 6


def test_the_published_files_as_they_are(tmp_path: Path) -> None:
    model = _model()
    torch.save(to_theirs(model.state_dict(), layout.PUBLISHED), tmp_path / "lstm_wt103.pth")
    (tmp_path / "itos_wt103.pkl").write_bytes(pickle.dumps(WORDS))
    decoder = TextDecoder.open(tmp_path)
    (ids,) = decoder.ids(["The cat ran"])
    assert ids.tolist() == [3, 4, 0]
    torch.testing.assert_close(
        decoder.language_model.logits(Tokens.pack([ids])), model.logits(Tokens.pack([ids]))
    )
    encoder = TextEncoder.open(str(tmp_path), torch.device("cpu"))
    assert encoder.layer_means(["the cat", ""], 3).shape == (2, 5 + 7 + 5)
    assert encoder.cut(["the cat " * 50_000]) == 0  # it reads texts of any length, whole
