import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from headway.models.bert import Bert, BertConfig
from headway.models.pretraining_heads import MaskedLanguageModel
from headway.tasks.masked_language import Vocabulary, batch, loss, mask, score
from headway.tasks.unigram import Unigram

VOCABULARY = Vocabulary(size=50, mask=4, special=(0, 1, 2, 3, 4, 49))
DEVICE = torch.device("cpu")


@given(st.lists(st.integers(0, 49), min_size=1, max_size=80), st.integers(0, 2**32), st.floats(0.01, 1.0))
@settings(max_examples=200, deadline=None)
def test_what_masking_keeps_to(tokens: list[int], seed: int, share: float) -> None:
    ids = np.array(tokens, np.int32)
    masked = mask(ids, VOCABULARY, np.random.default_rng(seed), share)
    ordinary = ~np.isin(ids, VOCABULARY.special)
    assert len(masked.places) == min(ordinary.sum(), max(1, round(share * ordinary.sum())))
    assert (np.diff(masked.places) > 0).all()
    assert ordinary[masked.places].all()  # no special token is ever chosen
    assert np.array_equal(masked.targets, ids[masked.places])
    untouched = np.setdiff1d(np.arange(len(ids)), masked.places)
    assert np.array_equal(masked.ids[untouched], ids[untouched])
    read = masked.ids[masked.places]
    assert not np.isin(read[read != VOCABULARY.mask], VOCABULARY.special).any()
    again = mask(ids, VOCABULARY, np.random.default_rng(seed), share)
    assert np.array_equal(again.ids, masked.ids) and np.array_equal(again.places, masked.places)


def test_shares_over_many_tokens() -> None:
    """15 % are chosen; of those 80 % become [MASK], 10 % any ordinary token, 10 % stay: within four deviations."""
    random = np.random.default_rng(0)
    chosen = np.zeros(60)
    masked = kept = 0
    replacements = np.zeros(50)
    texts = 3000
    for _ in range(texts):
        ids = random.integers(5, 49, 60).astype(np.int32)
        result = mask(ids, VOCABULARY, random)
        chosen[result.places] += 1
        read = result.ids[result.places]
        masked += int((read == VOCABULARY.mask).sum())
        kept += int((read == result.targets).sum())
        other = read[(read != VOCABULARY.mask) & (read != result.targets)]
        replacements += np.bincount(other, minlength=50)
    n = chosen.sum()
    assert n == texts * 9  # 15 % of 60
    deviation = np.sqrt(texts * 0.15 * 0.85)
    assert np.abs(chosen - texts * 0.15).max() < 4 * deviation  # every place is as likely
    assert abs(masked - 0.8 * n) < 4 * np.sqrt(n * 0.8 * 0.2)
    same = 0.1 / 44  # a random token may be the one that stood there
    assert abs(kept - (0.1 + same) * n) < 4 * np.sqrt(n * 0.1 * 0.9)
    assert not replacements[list(VOCABULARY.special)].any()
    each = replacements.sum() / 44
    assert np.abs(replacements[5:49] - each).max() < 4.5 * np.sqrt(each)


def _model() -> MaskedLanguageModel:
    torch.manual_seed(0)
    sizes = {"vocab_size": 50, "d_model": 8, "d_ff": 12, "num_heads": 2, "num_layers": 1, "max_positions": 16}
    return MaskedLanguageModel(Bert(BertConfig(**sizes))).eval()


def test_a_batch_moves_places_to_the_packed_tokens_and_its_loss_is_over_them_alone() -> None:
    random = np.random.default_rng(1)
    texts = [random.integers(5, 49, length) for length in (7, 1, 12)]
    masked = [mask(ids, VOCABULARY, random, 0.4) for ids in texts]
    examples = batch(masked, DEVICE)
    assert np.array_equal(np.concatenate(texts)[examples.places], examples.targets.numpy())
    model = _model()
    every = model(examples.tokens, torch.arange(20)).log_softmax(1)
    picked = -every[examples.places, examples.targets].mean()
    assert loss(model, examples).item() == pytest.approx(picked.item(), rel=1e-5)
    result = score(model, [examples, examples])
    assert result.loss == pytest.approx(picked.item(), rel=1e-5)
    right = (every[examples.places].argmax(1) == examples.targets).double().mean().item()
    assert result.accuracy == pytest.approx(right)


def test_the_unigram_model_names_the_commonest_token() -> None:
    training = [np.array([2, 7, 7, 7, 8, 3]), np.array([2, 7, 9, 3])]
    found = Unigram(training, VOCABULARY.size, VOCABULARY.special).score(np.array([7, 7, 7, 8]))
    assert found.accuracy == 0.75
    total = 4 + 1 + 1 + 44  # counts of 7, 8, 9 and one more for each ordinary token
    assert found.loss == pytest.approx(-(3 * np.log(5 / total) + np.log(2 / total)) / 4)
