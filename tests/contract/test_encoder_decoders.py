"""What every encoder-decoder of the registry must do. A new one adds its tiny configuration and pinned keys here."""

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from headway.blocks.attention import CrossAttention, SelfAttention
from headway.blocks.ragged import Ragged, Tokens
from headway.core.errors import UsageError
from headway.models import transformer
from headway.models.generate import beam_search, generate, gnmt_penalty
from headway.models.registry import ENCODER_DECODERS, backbone_class, encoder_decoder_class

_SIZES = {"vocab_size": 50, "d_model": 12, "d_ff": 20, "num_heads": 3, "num_layers": 2}
_T5 = _SIZES | {"d_kv": 5, "num_decoder_layers": 3, "num_buckets": 8, "max_distance": 10}
TINY: dict[str, tuple[str, dict[str, Any]]] = {
    "t5": ("t5", _T5),
    "t5 1.1": ("t5", _T5 | {"gated": True, "activation": "gelu_tanh", "tied_head": False}),
    "transformer": ("transformer", _SIZES),
}
KEYS = {  # parameters' names that saved models rely on
    "t5": {
        "encoder.embeddings.word.weight",
        "encoder.relative.table.weight",
        "encoder.norm.weight",
        "decoder.relative.table.weight",
        "decoder.layers.0.attention_norm_before.weight",
        "decoder.layers.0.attention.qkv.weight",
        "decoder.layers.1.cross_norm_before.weight",
        "decoder.layers.1.cross.query.weight",
        "decoder.layers.1.cross.memory.weight",
        "decoder.layers.1.cross.output.weight",
        "decoder.layers.2.feedforward.inner.weight",
        "decoder.norm.weight",
    },
    "t5 1.1": {
        "encoder.layers.0.feedforward.gate.weight",
        "encoder.layers.0.feedforward.value.weight",
        "decoder.layers.2.feedforward.outer.weight",
        "head.weight",
    },
    "transformer": {
        "encoder.embeddings.word.weight",
        "encoder.layers.0.attention.qkv.weight",
        "encoder.layers.1.feedforward_norm_after.bias",
        "decoder.layers.0.attention_norm_after.weight",
        "decoder.layers.0.cross.memory.weight",
        "decoder.layers.1.cross_norm_after.bias",
        "decoder.layers.1.feedforward.outer.bias",
    },
}
SOURCES = (4, 5, 5, 16, 1, 9)
TARGETS = (3, 1, 7, 6, 6, 12)
everywhere = pytest.mark.parametrize("name", list(TINY))


def _build(name: str) -> Any:
    torch.manual_seed(0)
    architecture, config = TINY[name]
    kind = encoder_decoder_class(architecture)
    model = kind(kind.config_class.from_dict(config)).double().eval()
    with torch.no_grad():  # fresh biases and norms are 0 and 1: too tame
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape))
    return model


def _ids(lengths: tuple[int, ...], seed: int) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    return [random.integers(0, 50, length) for length in lengths]


def _batches() -> tuple[Tokens, Tokens]:
    return Tokens.pack(_ids(SOURCES, 0)), Tokens.pack(_ids(TARGETS, 1))


def _close(found: Tensor, wanted: Tensor) -> None:
    torch.testing.assert_close(found, wanted, rtol=1e-10, atol=1e-10)


def test_every_encoder_decoder_is_tried() -> None:
    assert {architecture for architecture, _ in TINY.values()} == set(ENCODER_DECODERS)
    for architecture in ENCODER_DECODERS:  # it answers as a backbone by its encoder
        name = next(name for name, (known, _) in TINY.items() if known == architecture)
        assert type(_build(name).encoder) is backbone_class(architecture)


def test_an_unknown_one_is_refused() -> None:
    with pytest.raises(
        UsageError, match=r"no encoder-decoder is called 'bert'[^K]*Known .*: t5, transformer"
    ):
        encoder_decoder_class("bert")


@everywhere
def test_names_of_parameters_are_pinned(name: str) -> None:
    assert set(_build(name).state_dict()) >= KEYS[name]


@everywhere
def test_every_parameter_gets_a_gradient(name: str) -> None:
    model = _build(name).train()
    out = model.logits(*_batches())
    (out * torch.randn(out.shape)).sum().backward()
    for key, parameter in model.named_parameters():
        assert parameter.grad is not None, key
        assert parameter.grad.abs().sum() > 0, key


@everywhere
def test_a_pair_alone_equals_the_pair_in_a_batch_in_any_order(name: str) -> None:
    model, sources, targets = _build(name), _ids(SOURCES, 0), _ids(TARGETS, 1)
    with torch.no_grad():
        whole = model.logits(Tokens.pack(sources), Tokens.pack(targets)).split(TARGETS)
        order = [3, 0, 5, 2, 4, 1]
        shuffled = model.logits(
            Tokens.pack([sources[row] for row in order]), Tokens.pack([targets[row] for row in order])
        ).split([TARGETS[row] for row in order])
        for place, row in enumerate(order):
            _close(shuffled[place], whole[row])
            _close(model.logits(Tokens.pack([sources[row]]), Tokens.pack([targets[row]])), whole[row])


@everywhere
def test_a_token_is_seen_by_those_after_it_only_and_the_source_by_all(name: str) -> None:
    model, sources, targets = _build(name), _ids(SOURCES, 0), _ids(TARGETS, 1)
    with torch.no_grad():
        before = model.logits(Tokens.pack(sources), Tokens.pack(targets)).split(TARGETS)
        targets[5][7] += 1
        after = model.logits(Tokens.pack(sources), Tokens.pack(targets)).split(TARGETS)
        for row in range(5):
            _close(after[row], before[row])
        _close(after[5][:7], before[5][:7])
        assert (after[5][7:] - before[5][7:]).abs().amax(1).min() > 1e-6
        sources[3][15] = (sources[3][15] + 1) % 50
        changed = model.logits(Tokens.pack(sources), Tokens.pack(targets)).split(TARGETS)
        assert (changed[3] - before[3]).abs().amax(1).min() > 1e-6
        _close(changed[2], before[2])


@everywhere
@pytest.mark.parametrize("fused", [False, True])
def test_decoding_with_the_cache_equals_decoding_without(name: str, fused: bool) -> None:
    """Prompts of any lengths, then one or several tokens a row; the rows chosen anew between the steps."""
    model, sources = _build(name), _ids(SOURCES, 0)
    for module in _attentions(model):
        module.fused = fused
    targets = _ids(TARGETS, 1)
    with torch.no_grad():
        cache = model.start(len(sources), model.encode(Tokens.pack(sources)))
        found, cache = model.step(Tokens.pack(targets), cache)
        _close(found, _last(model, sources, targets))
        for step, rows in enumerate(([5, 5, 0, 3], [1, 0, 2, 2, 3], [4, 0])):
            cache = cache.select(rows)
            sources, targets = [sources[row] for row in rows], [targets[row] for row in rows]
            lengths = (1,) * len(rows) if step != 1 else tuple(1 + row % 3 for row in range(len(rows)))
            new = _ids(lengths, 10 + step)
            targets = [np.concatenate(pair) for pair in zip(targets, new, strict=True)]
            found, cache = model.step(Tokens.pack(new), cache)
            _close(found, _last(model, sources, targets))


def _attentions(model: nn.Module) -> Iterator[Any]:
    return (module for module in model.modules() if isinstance(module, SelfAttention | CrossAttention))


def _last(model: Any, sources: list[np.ndarray], targets: list[np.ndarray]) -> Tensor:
    """Return the logits after each row's last token, computed anew."""
    logits = model.logits(Tokens.pack(sources), Tokens.pack(targets)).split([len(row) for row in targets])
    return torch.stack([row[-1] for row in logits])


@everywhere
def test_the_step_by_step_path_equals_the_fused_one_in_training_too(name: str) -> None:
    model = _build(name)
    for training in (False, True):
        model.train(training)
        results = []
        for fused in (True, False):
            for module in _attentions(model):
                module.fused = fused
            torch.manual_seed(1)  # the same keep-masks
            logits = model.logits(*_batches())
            results.append([logits, *torch.autograd.grad(logits.square().sum(), list(model.parameters()))])
        for a, b in zip(*results, strict=True):
            _close(a, b)


@everywhere
def test_memory_is_asked_for(name: str) -> None:
    model = _build(name)
    with pytest.raises(UsageError, match="2 rows need the memory of 2 sources, found none"):
        model.start(2)
    with pytest.raises(UsageError, match="found that of 6"):
        model.start(2, model.encode(_batches()[0]))


def _without_positions(name: str, model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    if name == "transformer":
        monkeypatch.setattr(
            transformer, "sinusoidal", lambda at, D, dtype: torch.zeros(len(at), D, dtype=dtype)
        )
    else:
        nn.init.zeros_(model.encoder.relative.table.weight)


@everywhere
def test_only_positions_tell_the_encoder_the_order(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model, sources = _build(name), _ids(SOURCES, 0)
    order = [np.random.default_rng(length).permutation(length) for length in SOURCES]

    def outputs(rows: list[np.ndarray]) -> list[Tensor]:
        out: Ragged = model.encode(Tokens.pack(rows))
        return list(out.values.split(SOURCES))

    def moved() -> list[float]:
        plain = outputs(sources)
        permuted = outputs([row[places] for row, places in zip(sources, order, strict=True)])
        pairs = zip(plain, permuted, order, strict=True)
        return [float((b - a[places]).abs().max()) for a, b, places in pairs]

    with torch.no_grad():
        assert max(moved()[:4]) > 1e-3
        _without_positions(name, model, monkeypatch)
        assert max(moved()) < 1e-12


@everywhere
def test_beam_search_with_the_papers_length_penalty(name: str) -> None:
    """One beam is the greedy choice; each of more has the likelihood that the model gives it."""
    model, sources = _build(name), _ids(SOURCES, 0)
    memory = model.encode(Tokens.pack(sources))
    start = Tokens.pack([np.array([0])] * len(sources))
    plain = generate(model, start, max_tokens=6, memory=memory)
    greedy = beam_search(model, start, beams=1, max_tokens=6, memory=memory)
    assert [list(row[0].ids) for row in greedy] == plain
    wide = beam_search(model, start, beams=4, max_tokens=6, penalty=gnmt_penalty(0.6), memory=memory)
    for row, (best, *others) in enumerate(wide):
        assert all(best.score >= other.score for other in others)
        likelihood = best.score * ((5 + len(best.ids)) / 6) ** 0.6
        assert likelihood == pytest.approx(_likelihood(model, sources[row], best.ids), rel=1e-6)


def test_enough_beams_find_the_best_of_all_targets() -> None:
    """Against every target of at most 3 tokens, scored by the model without a cache."""
    torch.manual_seed(3)
    kind = encoder_decoder_class("transformer")
    sizes = {"vocab_size": 5, "d_model": 6, "d_ff": 8, "num_heads": 2, "num_layers": 1}
    model = kind(kind.config_class.from_dict(sizes)).double().eval()
    source, stop = np.array([2, 3, 4, 1]), 1
    ended = [(*ids, stop) for n in range(3) for ids in product((0, 2, 3, 4), repeat=n)]
    ended += list(product((0, 2, 3, 4), repeat=3))
    with torch.no_grad():
        scores = {ids: _likelihood(model, source, ids) / ((5 + len(ids)) / 6) ** 0.6 for ids in ended}
    best = sorted(scores, key=lambda ids: -scores[ids])[:10]
    memory = model.encode(Tokens.pack([source]))
    start = Tokens.pack([np.array([0])])
    (found,) = beam_search(
        model, start, beams=100, max_tokens=3, stop=(stop,), penalty=gnmt_penalty(0.6), memory=memory
    )
    assert [row.ids for row in found[:10]] == [tuple(x for x in ids if x != stop) for ids in best]
    assert [row.score for row in found[:10]] == pytest.approx([scores[ids] for ids in best], rel=1e-6)


def _likelihood(model: Any, source: np.ndarray, ids: tuple[int, ...]) -> float:
    inputs = np.array([0, *ids[:-1]])
    scores = model.logits(Tokens.pack([source]), Tokens.pack([inputs])).log_softmax(-1)
    return float(scores[range(len(ids)), list(ids)].sum().item())


@everywhere
def test_dropout_acts_in_training_only_and_follows_torchs_seed(name: str) -> None:
    model = _build(name)

    def run(seed: int) -> Tensor:
        torch.manual_seed(seed)
        out: Tensor = model.logits(*_batches())
        return out

    assert torch.equal(run(1), run(2))
    model.train()
    assert torch.equal(run(1), run(1))
    assert not torch.equal(run(1), run(2))
