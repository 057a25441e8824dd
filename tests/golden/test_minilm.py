"""MiniLM out of the zoo gives the sentence similarities that its authors publish. Never downloads."""

import socket
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from headway.blocks.pooling import mean_pool
from headway.blocks.ragged import Tokens
from headway.data.tokenizers import Tokenizer
from headway.models.bert import Bert
from headway.models.distilbert import view_of
from headway.weights import cache, catalog
from headway.weights.pretrained import load_backbone

ENTRY = catalog.find("minilm")
SENTENCES = ["The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium."]
PUBLISHED = {(0, 1): 0.6660, (0, 2): 0.1046, (1, 2): 0.1411}  # sentence-transformers' documentation


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cached model's folder, with every socket forbidden."""
    if not cache.is_cached(ENTRY):
        pytest.skip("minilm is not in the cache (headway zoo fetch minilm)")

    def forbidden(*arguments: object, **options: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", forbidden)
    return cache.fetch(ENTRY, offline=True)


def test_the_published_similarities(folder: Path) -> None:
    tokenizer = Tokenizer.from_wordpiece_vocabulary(
        folder / ENTRY.preprocessing.vocabulary, lowercase=ENTRY.preprocessing.lowercase
    )
    model = load_backbone("minilm", offline=True)
    assert isinstance(model, torch.nn.Module)
    assert sum(parameter.numel() for parameter in model.parameters()) == ENTRY.parameters
    assert not any(tensor.is_meta for tensor in model.state_dict().values())
    batch = Tokens.pack(tokenizer.encode(SENTENCES, ENTRY.preprocessing.max_tokens).ids)
    with torch.inference_mode():
        vectors = F.normalize(mean_pool(model.features(batch).tokens), dim=1)
    similarities = vectors @ vectors.T
    for (a, b), value in PUBLISHED.items():
        assert similarities[a, b].item() == pytest.approx(value, abs=1e-4)


def test_its_view_as_a_distilbert_gives_the_same_vectors(folder: Path) -> None:
    tokenizer = Tokenizer.from_wordpiece_vocabulary(
        folder / ENTRY.preprocessing.vocabulary, lowercase=ENTRY.preprocessing.lowercase
    )
    bert = load_backbone("minilm", offline=True)
    assert isinstance(bert, Bert)
    batch = Tokens.pack(tokenizer.encode(SENTENCES, ENTRY.preprocessing.max_tokens).ids)
    with torch.inference_mode():
        wanted = bert.features(batch).tokens.values
        found = view_of(bert).features(batch).tokens.values
    assert (found - wanted).abs().max() < 5e-6  # of values up to 5.6: rounding alone


def test_training_does_not_change_the_cached_file(folder: Path) -> None:
    model = load_backbone("minilm", offline=True)
    assert isinstance(model, torch.nn.Module)
    with torch.no_grad():
        for parameter in model.parameters():
            assert parameter.requires_grad
            parameter.mul_(2)
    assert cache.fetch(ENTRY, offline=True) == folder  # checks the hash
