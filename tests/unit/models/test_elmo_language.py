"""ELMo's pretraining: what predicts and what is predicted, in both directions, none of which sees its answer."""

import numpy as np
import torch

from headway.blocks.ragged import Tokens
from headway.data.characters import CharacterTokenizer
from headway.models.elmo import Elmo, ElmoConfig
from headway.models.elmo_language import BEGIN, END, ElmoLanguageModel


def _model() -> ElmoLanguageModel:
    torch.manual_seed(0)
    config = ElmoConfig(d_character=4, filters=((1, 4), (2, 6)), num_highways=1, d_cell=8, d_projection=5)
    return ElmoLanguageModel(Elmo(config), 20).double().eval()


def _batch(*texts: str) -> tuple[Tokens, torch.Tensor]:
    words = [text.split() for text in texts]
    ids = [3 + len(word) for row in words for word in row]
    return Tokens.pack([CharacterTokenizer().words(row) for row in words]), torch.tensor(ids)


def test_what_is_predicted() -> None:
    both = _model().both(*_batch("a bb ccc", "dddd"))
    ahead, back = both.targets.split(6)
    assert ahead.tolist() == [4, 5, 6, END, 7, END]
    assert back.tolist() == [BEGIN, 4, 5, 6, BEGIN, 7]


def test_no_direction_sees_what_it_predicts() -> None:
    model = _model()
    before = model.both(*_batch("a bb ccc", "dddd")).x.split(6)
    after = model.both(*_batch("a xx ccc", "dddd")).x.split(6)  # the second word is another
    same = [(a == b).all(1).tolist() for a, b in zip(before, after, strict=True)]
    assert same[0] == [True, True, False, False, True, True]  # <S> and a come before it
    assert same[1] == [False, False, True, True, True, True]  # ccc and </S> come behind it


def test_all_words_in_the_sample_or_the_softmax() -> None:
    model = _model()
    both = model.both(*_batch("a bb ccc", "dddd"))
    torch.manual_seed(0)
    assert abs(model.sampled_loss(both, 10_000).item() / model.loss(both).item() - 1) < 1e-6
    assert np.isfinite(model.loss(both).item())
