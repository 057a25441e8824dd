"""Every backbone of texts serves tagging: a vector for each word, and a loss that reaches its weights."""

import numpy as np
import pytest
import torch
from test_backbones import TINY

from headway.core.tensors import own_lengths
from headway.data.characters import CharacterTokenizer
from headway.data.inputs import Sentence
from headway.data.units import characters_of
from headway.models.registry import BACKBONES, build_backbone
from headway.tasks import tagging
from headway.tasks.encoder import TextEncoder
from headway.tasks.word_encoder import WordEncoder

SENTENCES = [
    Sentence(["rain", "sun"]),
    Sentence(["bread"]),
    Sentence(["hail"] * 12),
    Sentence(["a", "bad", "sea"]),
]


@pytest.fixture(params=BACKBONES)
def words(request: pytest.FixtureRequest) -> WordEncoder:
    torch.manual_seed(0)
    backbone = build_backbone(request.param, TINY[request.param])
    reader = CharacterTokenizer(width=8) if request.param == "elmo" else characters_of(["abcdehilnrsu "])
    return WordEncoder(TextEncoder(backbone, reader, 16, torch.device("cpu")))


def test_each_word_has_a_vector(words: WordEncoder) -> None:
    for depths in (1, 2):
        together = words.vectors(SENTENCES, depths)
        for sentence, vectors in zip(SENTENCES, together, strict=True):
            assert vectors.shape[0] == len(sentence) and np.isfinite(vectors).all()
            np.testing.assert_allclose(words.vectors([sentence], depths)[0], vectors, atol=1e-5)
    assert together[0].shape[1] > words.encoder.backbone.num_features
    assert not np.allclose(together[0][0], together[0][1])


def test_the_loss_falls_and_parts_add_up(words: WordEncoder) -> None:
    targets = own_lengths((np.arange(len(sentence)) % 3 for sentence in SENTENCES), len(SENTENCES))
    model = tagging.build(words.encoder, 3, seed=0)
    batch = tagging.tagged_windows(words, SENTENCES, targets)
    assert tagging.weight(batch) == sum(map(len, SENTENCES))
    model.eval()
    whole = tagging.loss(model, words, batch)
    pieces = tagging.parts(batch, 12)
    assert len(pieces) > 1 and [one for piece in pieces for one in piece] == batch
    total = sum(tagging.loss(model, words, piece) * tagging.weight(piece) for piece in pieces)
    torch.testing.assert_close(total / tagging.weight(batch), whole)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.02)
    for _ in range(25):
        optimizer.zero_grad()
        tagging.loss(model, words, batch).backward()
        optimizer.step()
    grown = [parameter.grad for parameter in model.backbone.parameters() if parameter.grad is not None]
    assert sum(float(gradient.abs().sum()) for gradient in grown) > 0
    assert tagging.loss(model, words, batch) < 0.95 * whole
