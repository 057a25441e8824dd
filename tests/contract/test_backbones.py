"""What every backbone of the registry must do. A new one adds its tiny configuration and its pinned keys
here.
"""

from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import nn

from headway.blocks.attention import SelfAttention
from headway.blocks.ragged import Lengths, Tokens
from headway.core.errors import UsageError
from headway.models.base import Backbone
from headway.models.heads import ClassificationHead, Classifier
from headway.models.registry import BACKBONES, backbone_class, build_backbone

TINY: dict[str, dict[str, Any]] = {
    "bert": {
        "vocab_size": 50,
        "d_model": 12,
        "d_ff": 20,
        "num_heads": 3,
        "num_layers": 2,
        "max_positions": 16,
    },
    "distilbert": {
        "vocab_size": 50,
        "d_model": 12,
        "d_ff": 20,
        "num_heads": 3,
        "num_layers": 2,
        "max_positions": 16,
    },
    "gpt": {
        "vocab_size": 50,
        "d_model": 12,
        "d_ff": 20,
        "num_heads": 3,
        "num_layers": 2,
        "max_positions": 16,
    },
    "gpt2": {
        "vocab_size": 50,
        "d_model": 12,
        "d_ff": 20,
        "num_heads": 3,
        "num_layers": 2,
        "max_positions": 16,
        "band": 3,
    },
    "t5": {
        "vocab_size": 50,
        "d_model": 12,
        "d_ff": 20,
        "d_kv": 5,
        "num_heads": 3,
        "num_layers": 2,
        "num_decoder_layers": 1,
        "num_buckets": 8,
        "max_distance": 10,
    },
    "transformer": {"vocab_size": 50, "d_model": 12, "d_ff": 20, "num_heads": 3, "num_layers": 2},
}
KEYS = {  # parameters' names that saved models rely on
    "bert": {
        "embeddings.word.weight",
        "embeddings.position.weight",
        "embeddings.segment.weight",
        "embeddings.norm.weight",
        "layers.0.attention.qkv.weight",
        "layers.0.attention.output.bias",
        "layers.0.attention_norm_after.weight",
        "layers.1.feedforward.inner.weight",
        "layers.1.feedforward.outer.bias",
        "layers.1.feedforward_norm_after.bias",
        "pooler.weight",
    },
    "distilbert": {
        "embeddings.word.weight",
        "embeddings.position.weight",
        "embeddings.norm.bias",
        "layers.0.attention.qkv.weight",
        "layers.0.attention.output.bias",
        "layers.0.attention_norm_after.weight",
        "layers.1.feedforward.inner.weight",
        "layers.1.feedforward.outer.bias",
        "layers.1.feedforward_norm_after.bias",
    },
    "gpt": {
        "embeddings.word.weight",
        "embeddings.position.weight",
        "layers.0.attention.qkv.weight",
        "layers.0.attention.output.bias",
        "layers.0.attention_norm_after.weight",
        "layers.1.feedforward.inner.weight",
        "layers.1.feedforward.outer.bias",
        "layers.1.feedforward_norm_after.bias",
    },
    "gpt2": {
        "embeddings.word.weight",
        "embeddings.position.weight",
        "layers.0.attention_norm_before.weight",
        "layers.0.attention.qkv.weight",
        "layers.0.attention.output.bias",
        "layers.1.feedforward_norm_before.bias",
        "layers.1.feedforward.inner.weight",
        "layers.1.feedforward.outer.bias",
        "norm.weight",
    },
    "t5": {
        "embeddings.word.weight",
        "relative.table.weight",
        "layers.0.attention_norm_before.weight",
        "layers.0.attention.qkv.weight",
        "layers.0.attention.output.weight",
        "layers.1.feedforward_norm_before.weight",
        "layers.1.feedforward.inner.weight",
        "layers.1.feedforward.outer.weight",
        "norm.weight",
    },
    "transformer": {
        "embeddings.word.weight",
        "layers.0.attention.qkv.weight",
        "layers.0.attention.output.weight",
        "layers.0.attention_norm_after.bias",
        "layers.1.feedforward.inner.bias",
        "layers.1.feedforward.outer.weight",
        "layers.1.feedforward_norm_after.weight",
    },
}
LENGTHS = (4, 5, 5, 16, 1, 9)
everywhere = pytest.mark.parametrize("name", list(BACKBONES))


def _build(name: str) -> Any:
    torch.manual_seed(0)
    model = cast("Any", build_backbone(name, TINY[name])).double().eval()
    with torch.no_grad():  # fresh biases and norms are 0 and 1: too tame
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape))
    return model


def _ids(seed: int = 0) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    return [random.integers(0, 50, length) for length in LENGTHS]


def _close(found: torch.Tensor, wanted: torch.Tensor) -> None:
    torch.testing.assert_close(found, wanted, rtol=1e-10, atol=1e-10)


@everywhere
def test_the_configuration_is_typed_and_refuses_unknown_keys(name: str) -> None:
    kind = backbone_class(name)
    model = _build(name)
    assert isinstance(model, nn.Module)
    assert kind.config_class.from_dict(model.config.to_dict()) == model.config
    with pytest.raises(UsageError, match="unknown key 'colour'"):
        build_backbone(name, TINY[name] | {"colour": "red"})


@everywhere
def test_shapes(name: str) -> None:
    model, batch = _build(name), Tokens.pack(_ids())
    features = model.features(batch)
    assert features.tokens.values.shape == (sum(LENGTHS), model.num_features)
    assert features.tokens.lengths == Lengths(LENGTHS)
    assert model.pooled(features).shape == (len(LENGTHS), model.num_features)
    depths = model.intermediates(batch)
    assert all(depth.values.shape == (sum(LENGTHS), model.num_features) for depth in depths)
    assert torch.equal(depths[-1].values, features.tokens.values)


@everywhere
def test_a_text_alone_equals_the_text_in_a_batch_in_any_order(name: str) -> None:
    model, ids = _build(name), _ids()
    with torch.no_grad():
        whole = model.features(Tokens.pack(ids)).tokens.values.split(LENGTHS)
        pooled = model.summarize(Tokens.pack(ids))
        order = [3, 0, 5, 2, 4, 1]
        shuffled = Tokens.pack([ids[row] for row in order])
        parts = model.features(shuffled).tokens.values.split(list(shuffled.lengths.sizes))
        _close(model.summarize(shuffled), pooled[order])
        for place, row in enumerate(order):
            alone = Tokens.pack([ids[row]])
            _close(model.features(alone).tokens.values, whole[row])
            _close(parts[place], whole[row])
            _close(model.summarize(alone)[0], pooled[row])


@everywhere
def test_the_short_way_to_the_pooled_vector_is_exact(name: str) -> None:
    model, batch = _build(name), Tokens.pack(_ids())
    long = model.pooled(model.features(batch))
    short = model.summarize(batch)
    _close(short, long)
    weight = torch.randn(long.shape, dtype=torch.float64)
    parameters = list(model.parameters())
    wanted = torch.autograd.grad((long * weight).sum(), parameters)
    found = torch.autograd.grad((short * weight).sum(), parameters)
    for a, b in zip(found, wanted, strict=True):
        _close(a, b)


@everywhere
def test_layer_groups_hold_each_parameter_once_from_input_to_output(name: str) -> None:
    model = _build(name)
    groups = model.layer_groups()
    grouped = [parameter for group in groups for parameter in group.parameters]
    assert len(grouped) == len(set(grouped))
    assert set(grouped) == set(model.parameters())
    names = {parameter: key for key, parameter in model.named_parameters()}
    for group in groups:
        assert group.parameters
        assert all(names[parameter].startswith(group.name + ".") for parameter in group.parameters)
    # Changing a layer changes the depths after it and none before it: the order is from input to output.
    batch = Tokens.pack(_ids())
    layers = [group for group in groups if group.name.startswith("layers.")]
    assert [group.name for group in layers] == [f"layers.{i}" for i in range(len(layers))]
    with torch.no_grad():
        before = model.intermediates(batch)
        for parameter in layers[-1].parameters:
            parameter.add_(0.1)
        after = model.intermediates(batch)
    same = [torch.equal(a.values, b.values) for a, b in zip(before, after, strict=True)]
    assert same == [True] * (len(same) - 1) + [False]


@everywhere
def test_every_parameter_gets_a_gradient(name: str) -> None:
    model = _build(name).train()
    ids = _ids()
    segments = [np.arange(length) % 2 for length in LENGTHS]
    out = model.summarize(Tokens.pack(ids, segments))
    (out * torch.randn(out.shape)).sum().backward()
    for key, parameter in model.named_parameters():
        assert parameter.grad is not None, key
        assert parameter.grad.abs().sum() > 0, key


@everywhere
def test_its_own_classification_head_stands_on_it(name: str) -> None:
    model, batch = _build(name), Tokens.pack(_ids())
    classifier = Classifier(model, model.head_class(model.num_features, 3, dropout=0.1).double()).eval()
    assert isinstance(classifier.head, ClassificationHead)
    assert torch.equal(classifier(batch), classifier.head(model.summarize(batch)))
    assert classifier(batch).shape == (len(LENGTHS), 3)


@everywhere
def test_the_step_by_step_path_equals_the_fused_one(name: str) -> None:
    model, batch = _build(name), Tokens.pack(_ids())
    results = []
    for fused in (True, False):
        for module in model.modules():
            if isinstance(module, SelfAttention):
                module.fused = fused
        values = model.features(batch).tokens.values
        results.append([values, *torch.autograd.grad(values.square().sum(), list(model.layers.parameters()))])
    for a, b in zip(*results, strict=True):
        _close(a, b)


@everywhere
def test_both_paths_agree_in_training_given_the_same_dropout(name: str) -> None:
    model, batch = _build(name).train(), Tokens.pack(_ids())
    results = []
    for fused in (True, False):
        for module in model.modules():
            if isinstance(module, SelfAttention):
                module.fused = fused
        torch.manual_seed(4)
        values = model.features(batch).tokens.values
        results.append([values, *torch.autograd.grad(values.square().sum(), list(model.layers.parameters()))])
    for a, b in zip(*results, strict=True):
        _close(a, b)


@everywhere
def test_names_of_parameters_are_pinned(name: str) -> None:
    assert set(_build(name).state_dict()) >= KEYS[name]


@everywhere
def test_dropout_acts_in_training_only_and_follows_torchs_seed(name: str) -> None:
    model, batch = _build(name), Tokens.pack(_ids())

    def run(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        out: torch.Tensor = model.summarize(batch)
        return out

    assert torch.equal(run(1), run(2))
    model.train()
    assert torch.equal(run(1), run(1))
    assert not torch.equal(run(1), run(2))


@everywhere
def test_a_state_and_too_long_a_text_are_refused(name: str) -> None:
    model: Backbone = _build(name)
    with pytest.raises(UsageError, match="state"):
        model.features(Tokens.pack(_ids()), state=1)
    if not hasattr(model.config, "max_positions"):
        return  # its positions have no bound
    with pytest.raises(UsageError, match="a text of 17 tokens, but the model reads 16"):
        model.summarize(Tokens.pack([np.ones(17, np.int64)]))


def test_an_unknown_architecture_is_refused() -> None:
    with pytest.raises(UsageError, match=r"unknown architecture 'elmo2'[^K]*Known architectures: .*bert"):
        build_backbone("elmo2", {})
