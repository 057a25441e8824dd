"""What every language model of the registry must do: those backbones that also decode."""

from typing import Any

import numpy as np
import pytest
import torch
from test_backbones import KEYS, LENGTHS, TINY, _close, _ids  # type: ignore[import-not-found]
from test_backbones import _build as _build_backbone
from torch import Tensor

from headway.blocks.attention import SelfAttention
from headway.blocks.ragged import Ragged, Tokens
from headway.core.errors import UsageError
from headway.models.base import LanguageModel
from headway.models.generate import beam_search, generate, sampling
from headway.models.registry import BACKBONES, LANGUAGE_MODELS, backbone_class, language_model_class

NAMES = [name for name in BACKBONES if name in LANGUAGE_MODELS or hasattr(backbone_class(name), "step")]
everywhere = pytest.mark.parametrize("name", NAMES)


def test_there_are_language_models() -> None:
    assert NAMES == ["awd_lstm", "gpt", "gpt2"]
    assert set(NAMES) <= set(TINY) & set(KEYS)


def _build(name: str) -> Any:
    model = _build_backbone(name)
    if name in LANGUAGE_MODELS:
        model = language_model_class(name)(model).double().eval()
        with torch.no_grad():
            model.bias.add_(0.3 * torch.randn(model.bias.shape))
    return model


def _whole(model: LanguageModel, ids: list[np.ndarray]) -> list[Tensor]:
    return list(torch.split(model.logits(Tokens.pack(ids)), [len(row) for row in ids]))


@everywhere
def test_a_later_token_changes_no_earlier_logits(name: str) -> None:
    model, ids = _build(name), _ids()
    before = _whole(model, ids)
    for place in (1, 4, 15):
        changed = [row.copy() for row in ids]
        changed[3][place] = (changed[3][place] + 1) % 50
        after = _whole(model, changed)
        for row in (0, 1, 2, 4, 5):
            assert torch.equal(after[row], before[row])
        assert torch.equal(after[3][:place], before[3][:place])
        assert not torch.equal(after[3][place], before[3][place])


@everywhere
def test_a_text_alone_has_the_logits_that_it_has_in_a_batch(name: str) -> None:
    model, ids = _build(name), _ids()
    for row, logits in zip(ids, _whole(model, ids), strict=True):
        _close(_whole(model, [row])[0], logits)


@everywhere
@pytest.mark.parametrize("fused", [True, False])
def test_cached_decoding_equals_uncached(name: str, fused: bool) -> None:
    """Ragged prompts, then pieces of any length, then rows chosen, repeated and left out."""
    model, ids = _build(name), _ids()
    for module in model.modules():
        if isinstance(module, SelfAttention):
            module.fused = fused
    wanted = _whole(model, ids)
    taken = [min(2, length) for length in LENGTHS]
    beginnings = [row[:n] for row, n in zip(ids, taken, strict=True)]
    logits, cache = model.step(Tokens.pack(beginnings), model.start(6))
    assert cache.lengths == tuple(taken)
    _close(logits, torch.stack([part[n - 1] for part, n in zip(wanted, taken, strict=True)]))
    rows = [3, 5, 3, 0]
    cache = cache.select(rows)
    for size in (1, 3, 1):
        sizes = [min(size, len(ids[row]) - taken[row]) for row in rows]
        if min(sizes) < 1:
            keep = [place for place, n in enumerate(sizes) if n]
            rows, cache = [rows[place] for place in keep], cache.select(keep)
            sizes = [n for n in sizes if n]
        pieces = [ids[row][taken[row] : taken[row] + n] for row, n in zip(rows, sizes, strict=True)]
        logits, cache = model.step(Tokens.pack(pieces), cache)
        for row, n in set(zip(rows, sizes, strict=True)):
            taken[row] += n
        _close(logits, torch.stack([wanted[row][taken[row] - 1] for row in rows]))


@everywhere
def test_a_selected_cache_is_a_copy(name: str) -> None:
    model, ids = _build(name), _ids()
    _, cache = model.step(Tokens.pack([ids[3][:5]]), model.start(1))
    first, _ = model.step(Tokens.pack([ids[3][5:7]]), cache.select([0]))
    again, _ = model.step(Tokens.pack([ids[3][5:7]]), cache)
    assert torch.equal(first, again)


def _slow(model: Any, prompt: np.ndarray, count: int) -> list[int]:
    """The likeliest tokens, each from the whole text anew."""
    ids = list(prompt)
    for _ in range(count):
        ids.append(int(model.logits(Tokens.pack([np.array(ids)]))[-1].argmax()))
    return ids[len(prompt) :]


PROMPTS = (0, 1, 2, 4, 5)  # rows with room for more


@everywhere
def test_generation_does_not_depend_on_the_batch(name: str) -> None:
    model = _build(name)
    ids = [_ids()[row] for row in PROMPTS]
    packed = Tokens.pack(ids)
    assert generate(model, packed, max_tokens=7) == [_slow(model, row, 7) for row in ids]
    stop = {generate(model, packed, max_tokens=7)[1][3]}
    stopped = generate(model, packed, max_tokens=7, stop=stop)
    assert [generate(model, Tokens.pack([row]), max_tokens=7, stop=stop)[0] for row in ids] == stopped
    searched = beam_search(model, packed, beams=3, max_tokens=7, stop=stop)
    for row, found in zip(ids, searched, strict=True):
        (alone,) = beam_search(model, Tokens.pack([row]), beams=3, max_tokens=7, stop=stop)
        assert [best.ids for best in alone] == [best.ids for best in found]
    drawn = generate(model, packed, sampling(1, temperature=3.0), max_tokens=7)
    assert drawn == generate(model, packed, sampling(1, temperature=3.0), max_tokens=7)
    shorter = Tokens.pack([*ids[:1], *ids[2:3]])
    assert generate(model, shorter, sampling(1, temperature=3.0), max_tokens=7)[0] == drawn[0]
    assert drawn != generate(model, packed, sampling(2, temperature=3.0), max_tokens=7)


@everywhere
def test_every_parameter_learns_from_the_next_token(name: str) -> None:
    model = _build(name).train()
    batch = Tokens.pack(_ids())
    torch.nn.functional.cross_entropy(model.logits(batch), batch.values.roll(-1)).backward()
    for key, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, key


@everywhere
def test_a_memory_too_long_a_row_and_another_number_of_rows_are_refused(name: str) -> None:
    model, batch = _build(name), Tokens.pack([np.ones(16, np.int64)])
    with pytest.raises(UsageError, match="has no encoder"):
        model.start(1, Ragged(torch.zeros(16, 12), batch.lengths))
    _, cache = model.step(batch, model.start(1))
    with pytest.raises(UsageError, match="2 rows of new tokens, but the cache holds 1"):
        model.step(Tokens.pack([np.ones(1, np.int64)] * 2), cache)
    if model.context is None:
        assert len(generate(model, batch, max_tokens=4)[0]) == 4
        return
    with pytest.raises(UsageError, match="a text of 17 tokens, but the model reads 16"):
        model.step(Tokens.pack([np.ones(1, np.int64)]), cache)
    with pytest.raises(UsageError, match="a prompt of 16 tokens leaves no room"):
        generate(model, batch, max_tokens=1)
    short = Tokens.pack([np.ones(12, np.int64)])
    assert len(generate(model, short, max_tokens=4)[0]) == 4
    with pytest.raises(UsageError, match="Ask for at most 4 new tokens"):
        generate(model, short, max_tokens=5)
