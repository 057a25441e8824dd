import numpy as np
import pytest
import torch

from headway.blocks.ragged import Tokens
from headway.models.bert import Bert, BertConfig
from headway.models.heads import ClassificationHead, Classifier
from headway.tasks import contrastive


def test_pairs_are_in_turn_of_one_class_and_of_two() -> None:
    classes = np.array([0, 1, 2, 0, 1, 0, 3])  # of 2 and of 3 there is one row each
    pairs = contrastive.draw_pairs(classes, 400, np.random.default_rng(0))
    assert (pairs[:, 0] != pairs[:, 1]).all()
    alike = classes[pairs[:, 0]] == classes[pairs[:, 1]]
    assert alike.tolist() == [True, False] * 200
    assert set(pairs[~alike].ravel().tolist()) == set(range(7))
    assert set(pairs[alike].ravel().tolist()) == {0, 1, 3, 4, 5}
    again = contrastive.draw_pairs(classes, 400, np.random.default_rng(0))
    assert (again == pairs).all()


@pytest.mark.parametrize(("classes", "alike"), [([0, 1, 2], False), ([1, 1, 1], True)])
def test_where_there_is_one_kind_of_pair_all_are_of_that_kind(classes: list[int], alike: bool) -> None:
    found = np.array(classes)
    pairs = contrastive.draw_pairs(found, 9, np.random.default_rng(0))
    assert ((found[pairs[:, 0]] == found[pairs[:, 1]]) == alike).all()
    assert (pairs[:, 0] != pairs[:, 1]).all()


def _model() -> Classifier:
    torch.manual_seed(0)
    sizes = {"d_model": 8, "d_ff": 12, "num_heads": 2, "num_layers": 2}
    backbone = Bert(BertConfig(vocab_size=30, dropout=0, attention_dropout=0, **sizes))
    return Classifier(backbone, ClassificationHead(8, 2, 0.0)).double()


def test_the_loss_is_the_squared_error_of_the_cosines() -> None:
    model = _model()
    ids = [np.array(row) for row in ([3, 4, 5], [6], [7, 8], [9, 1, 2, 3])]
    texts = Tokens.pack(ids)
    found = contrastive.loss(model, contrastive.Batch(texts, torch.tensor([1.0, 0.0])))
    vectors = model.backbone.summarize(texts).detach().numpy()  # type: ignore[operator]
    vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = (vectors[0::2] * vectors[1::2]).sum(axis=1)
    assert found.item() == pytest.approx(((cosines - [1, 0]) ** 2).mean(), rel=1e-5)


@pytest.mark.parametrize(("tokens", "pairs"), [(100, [5]), (9, [2, 1, 2]), (1, [1] * 5)])
def test_the_parts_hold_whole_pairs_and_add_up_to_the_batch(tokens: int, pairs: list[int]) -> None:
    model, random = _model(), np.random.default_rng(1)
    texts = Tokens.pack([random.integers(0, 30, size) for size in (2, 3, 1, 2, 4, 3, 2, 1, 3, 1)])
    batch = contrastive.Batch(texts, torch.tensor([1.0, 0, 1, 0, 1]))
    parts = contrastive.parts(batch, tokens)
    assert [len(part.alike) for part in parts] == pairs
    assert torch.equal(torch.cat([part.texts.values for part in parts]), texts.values)
    losses = [contrastive.loss(model, part).item() * len(part.alike) for part in parts]
    assert sum(losses) / 5 == pytest.approx(contrastive.loss(model, batch).item(), rel=1e-6)
