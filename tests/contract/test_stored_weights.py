"""What every decoder of the registries must do with stored weights: compute with the rounded ones, step by step."""

import copy
from typing import Any

import numpy as np
import pytest
import test_backbones  # type: ignore[import-not-found]
import test_encoder_decoders  # type: ignore[import-not-found]
import torch
from torch import Tensor, nn

from headway.blocks.embedding import WordEmbedding
from headway.blocks.ragged import Ragged, Tokens
from headway.blocks.stored import store_weights
from headway.blocks.stored_matrix import STORAGES, StoredMatrix
from headway.models.generate import beam_search, generate

LANGUAGE_MODELS = ("gpt", "gpt2")
everywhere = pytest.mark.parametrize("name", [*LANGUAGE_MODELS, *test_encoder_decoders.TINY])
in_each = pytest.mark.parametrize("storage", STORAGES)


def _build(name: str) -> Any:
    """A noisy model in float64."""
    return (test_backbones if name in LANGUAGE_MODELS else test_encoder_decoders)._build(name)


def _rounded(model: Any, storage: str) -> Any:
    """The plain twin: the same arithmetic in float64 with the weights that the storage holds."""
    twin = copy.deepcopy(model)
    with torch.no_grad():
        for module in twin.modules():
            if isinstance(module, nn.Linear | WordEmbedding):
                module.weight.copy_(StoredMatrix(module.weight, storage, 1).rows())
    return twin


def _stored(model: Any, storage: str) -> Any:
    stored = copy.deepcopy(model).float()
    store_weights(stored, storage)
    return stored


def _rows(lengths: tuple[int, ...], seed: int) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    return [random.integers(0, 50, length) for length in lengths]


def _memory(model: Any, name: str) -> Ragged | None:
    return None if name in LANGUAGE_MODELS else model.encode(Tokens.pack(_rows((4, 9, 5), 1)))


def _logits(model: Any, name: str, rows: list[np.ndarray]) -> list[Tensor]:
    """Each row's logits after each of its tokens, uncached."""
    batch = Tokens.pack(rows)
    sources = () if name in LANGUAGE_MODELS else (Tokens.pack(_rows((4, 9, 5), 1)),)
    return list(torch.split(model.logits(*sources, batch), list(batch.lengths.sizes)))


def _close(found: Tensor, wanted: Tensor) -> None:
    assert (found - wanted).abs().max() <= 2e-5 * wanted.abs().max()


@everywhere
@in_each
def test_cached_steps_equal_the_plain_twin(name: str, storage: str) -> None:
    model, rows = _build(name), _rows((14, 12, 15), 0)
    twin, stored = _rounded(model, storage), _stored(model, storage)
    wanted = _logits(twin, name, rows)
    if storage != "float32":
        assert (wanted[0] - _logits(model, name, rows)[0]).abs().max() > 1e-3 * wanted[0].abs().max()
    taken = [5, 1, 7]
    with torch.inference_mode():
        for found, row in zip(_logits(stored, name, rows), wanted, strict=True):
            _close(found, row)
        beginnings = [row[:n] for row, n in zip(rows, taken, strict=True)]
        logits, cache = stored.step(Tokens.pack(beginnings), stored.start(3, _memory(stored, name)))
        for more in range(8):
            for found, row, n in zip(logits, wanted, taken, strict=True):
                _close(found, row[n - 1 + more])
            if more < 7:
                new = [row[n + more : n + more + 1] for row, n in zip(rows, taken, strict=True)]
                logits, cache = stored.step(Tokens.pack(new), cache)


@everywhere
def test_float32_writes_the_same_text(name: str) -> None:
    """And as many threads do as torch has."""
    model = _build(name).float()
    stored = _stored(model, "float32")
    prompts = Tokens.pack(_rows((5, 1, 7), 0))
    with torch.inference_mode():
        memory = _memory(model, name)
    wanted = generate(model, prompts, max_tokens=8, memory=memory)
    assert generate(stored, prompts, max_tokens=8, memory=memory) == wanted
    searched = beam_search(stored, prompts, beams=3, max_tokens=5, memory=memory)
    plain = beam_search(model, prompts, beams=3, max_tokens=5, memory=memory)
    assert [row[0].ids for row in searched] == [row[0].ids for row in plain]
