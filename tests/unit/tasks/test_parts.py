import copy
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
import torch

from headway.blocks.ragged import Tokens
from headway.core.progress import Silent
from headway.models.bert import Bert, BertConfig
from headway.models.heads import ClassificationHead, Classifier
from headway.tasks import classification, distillation
from headway.tasks.encoder import TextEncoder
from headway.training.groups import parameter_groups
from headway.training.loop import train
from headway.training.settings import TrainingSettings

SIZES = (2, 3, 3, 4, 9)


def _batch() -> classification.Batch:
    random = np.random.default_rng(0)
    texts = Tokens.pack([random.integers(0, 30, size) for size in SIZES])
    return classification.Batch(texts, torch.tensor([0, 1, 1, 0, 1]))


@pytest.mark.parametrize(
    ("tokens", "rows"), [(100, [5]), (21, [5]), (20, [4, 1]), (6, [2, 1, 1, 1]), (1, [1] * 5)]
)
def test_parts_hold_every_text_once_and_at_most_so_many_tokens(tokens: int, rows: list[int]) -> None:
    batch = _batch()
    parts = classification.parts(batch, tokens)
    assert [len(part.targets) for part in parts] == rows
    assert torch.equal(torch.cat([part.texts.values for part in parts]), batch[0].values)
    assert torch.equal(torch.cat([part.targets for part in parts]), batch[1])


def test_a_training_in_parts_is_the_training() -> None:
    torch.manual_seed(0)
    sizes = {"d_model": 8, "d_ff": 12, "num_heads": 2, "num_layers": 2}
    backbone = Bert(BertConfig(vocab_size=30, dropout=0, attention_dropout=0, **sizes))
    whole = Classifier(backbone, ClassificationHead(8, 2, 0.0)).double()
    in_parts = copy.deepcopy(whole)
    settings = TrainingSettings(epochs=3, learning_rate=0.01)
    losses = []
    for model, tokens in ((whole, 100), (in_parts, 6)):
        losses.append(
            train(
                model,
                parameter_groups(model.backbone.parameters(), model.head.parameters(), settings),
                lambda batch, model=model: classification.loss(model, batch),
                lambda epoch: [_batch()],
                settings,
                0,
                Silent(),
                weight=lambda batch: len(batch[1]),
                parts=lambda batch, tokens=tokens: classification.parts(batch, tokens),
            )
        )
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)  # the loss itself is a float32
    for name, expected in whole.state_dict().items():
        # AdamW divides a gradient by its own size: where it is 0 but for rounding, the step is not
        if name != "backbone.layers.0.attention.qkv.bias" and name != "backbone.layers.1.attention.qkv.bias":
            torch.testing.assert_close(in_parts.state_dict()[name], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("targets", [[0, 1, 1, 0, 1], [0, -100, -100, -100, 1], [-100] * 5])
def test_the_parts_of_a_distillation_add_up_to_it(targets: list[int]) -> None:
    torch.manual_seed(0)
    sizes = {"d_model": 8, "d_ff": 12, "num_heads": 2, "num_layers": 2}
    backbone = Bert(BertConfig(vocab_size=30, dropout=0, attention_dropout=0, **sizes))
    model = Classifier(backbone, ClassificationHead(8, 2, 0.0)).double()
    known = distillation.Knowledge(np.random.rand(5, 2), np.random.rand(5, 8))
    ids = [row.numpy() for row in torch.split(_batch()[0].values, list(SIZES))]
    encoder = cast("TextEncoder", SimpleNamespace(pack=Tokens.pack, device=torch.device("cpu")))
    batch = distillation.batch(encoder, ids, np.array(targets), known, np.arange(5))
    config, found = distillation.DistillationConfig(), []
    for tokens in (100, 6, 1):
        model.zero_grad()
        parts = distillation.parts(batch, tokens)
        assert len(parts) == {100: 1, 6: 4, 1: 5}[tokens]
        losses = [distillation.loss(model, part, config) * len(part.targets) / 5 for part in parts]
        torch.stack(losses).sum().backward()
        gradient = torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])
        found.append(torch.cat([torch.stack(losses).sum().detach()[None], gradient]))
    torch.testing.assert_close(found[1], found[0], rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(found[2], found[0], rtol=1e-9, atol=1e-12)
