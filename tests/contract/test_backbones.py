"""What every backbone of the registries must do, of texts and of pictures. A new one adds its tiny configuration and
its pinned keys here.
"""

import json
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from headway.blocks.attention import SelfAttention
from headway.blocks.convolution import BatchNorm, ConvolutionLayer, folded, freeze_statistics
from headway.blocks.pictures import Pictures
from headway.blocks.ragged import Lengths, Tokens
from headway.core.errors import UsageError
from headway.models.heads import ClassificationHead, Classifier
from headway.models.registry import (
    BACKBONES,
    PICTURE_BACKBONES,
    backbone_class,
    build_backbone,
    build_picture_backbone,
    picture_backbone_class,
)
from headway.training.companions import DropoutFactor, Thaw

TINY: dict[str, dict[str, Any]] = {
    "awd_lstm": {"vocab_size": 50, "d_model": 6, "d_cell": 9, "num_layers": 2},
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
    "elmo": {
        "d_character": 4,
        "filters": ((1, 5), (2, 6), (3, 7)),
        "num_highways": 1,
        "max_characters": 8,
        "d_cell": 9,
        "d_projection": 6,
        "num_layers": 2,
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
    "resnet": {"depths": (2, 1), "widths": (12, 20), "stem_width": 8},
    "mobilenet_v2": {
        "stages": ((1, 6, 1, 1, 3), (2, 8, 2, 2, 3)),
        "stem_width": 8,
        "last_width": 20,
    },
    "efficientnet_lite": {
        "stages": ((1, 6, 1, 1, 3), (2, 8, 2, 2, 5)),
        "stem_width": 8,
        "last_width": 20,
    },
}
KEYS = {  # parameters' names that saved models rely on
    "awd_lstm": {
        "embeddings.word.weight",
        "layers.0.weight_ih",
        "layers.0.weight_hh",
        "layers.1.bias_ih",
        "layers.1.bias_hh",
    },
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
    "elmo": {
        "characters.embedding.weight",
        "characters.convolutions.2.weight",
        "characters.highways.0.gate.weight",
        "characters.highways.0.transform.bias",
        "characters.projection.weight",
        "layers.0.left_to_right.weight_ih",
        "layers.0.right_to_left.weight_hh",
        "layers.1.left_to_right.bias",
        "layers.1.right_to_left.weight_hr",
        "mix.weights",
        "mix.gamma",
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
    "resnet": {
        "stem.0.convolution.weight",
        "stem.0.norm.running_mean",
        "stages.0.0.convolutions.0.convolution.weight",
        "stages.0.0.convolutions.2.norm.weight",
        "stages.0.1.convolutions.1.norm.running_var",
        "stages.1.0.shortcut.convolution.weight",
        "stages.1.0.shortcut.norm.bias",
    },
    "mobilenet_v2": {
        "stem.convolution.weight",
        "stem.norm.running_mean",
        "stages.0.0.filter.convolution.weight",
        "stages.1.0.expand.norm.weight",
        "stages.1.1.project.convolution.weight",
        "stages.1.1.project.norm.running_var",
        "last.convolution.weight",
        "last.norm.bias",
    },
    "efficientnet_lite": {
        "stem.convolution.weight",
        "stem.norm.running_mean",
        "stages.0.0.filter.convolution.weight",
        "stages.1.0.expand.norm.weight",
        "stages.1.1.project.convolution.weight",
        "stages.1.1.project.norm.running_var",
        "last.convolution.weight",
        "last.norm.bias",
    },
}
STATEFUL = ("awd_lstm", "elmo")
MIXED = ("elmo",)  # whose features are a mix of their depths
LENGTHS = (4, 5, 5, 16, 1, 9)
texts = pytest.mark.parametrize("name", list(BACKBONES))
pictures = pytest.mark.parametrize("name", list(PICTURE_BACKBONES))
everywhere = pytest.mark.parametrize("name", [*BACKBONES, *PICTURE_BACKBONES])


def _fresh(name: str, config: dict[str, Any]) -> Any:
    return (build_backbone if name in BACKBONES else build_picture_backbone)(name, config)


def _build(name: str) -> Any:
    torch.manual_seed(0)
    model = _fresh(name, TINY[name]).double().eval()
    with torch.no_grad():  # fresh biases and norms are 0 and 1: too tame
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape))
    return model


def _ids(name: str = "bert", seed: int = 0) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    word = (8,) if name == "elmo" else ()  # a word is a row of characters
    return [random.integers(0, 50, (length, *word)) for length in LENGTHS]


def _batch(name: str, order: tuple[int, ...] = tuple(range(len(LENGTHS)))) -> Any:
    """Of six texts of different lengths, or six pictures of 17 x 22 pixels, those that are named, in this order."""
    if name in BACKBONES:
        ids = _ids(name)
        return Tokens.pack([ids[row] for row in order])
    random = torch.Generator().manual_seed(0)
    return Pictures(torch.randn(len(LENGTHS), 3, 17, 22, dtype=torch.float64, generator=random)[list(order)])


def _each(features: Any) -> list[torch.Tensor]:
    """The features of each text or picture of a batch."""
    if hasattr(features, "maps"):
        return list(features.maps)
    return list(features.tokens.values.split(features.tokens.lengths.sizes))


def _tensor(depth: Any) -> torch.Tensor:
    values: torch.Tensor = depth.values if hasattr(depth, "lengths") else depth
    return values


def _close(found: torch.Tensor, wanted: torch.Tensor) -> None:
    torch.testing.assert_close(found, wanted, rtol=1e-10, atol=1e-10)


@everywhere
def test_the_configuration_is_typed_and_refuses_unknown_keys(name: str) -> None:
    kind = backbone_class(name) if name in BACKBONES else picture_backbone_class(name)
    model = _build(name)
    assert isinstance(model, nn.Module)
    assert kind.config_class.from_dict(model.config.to_dict()) == model.config
    assert kind.config_class.from_dict(json.loads(json.dumps(model.config.to_dict()))) == model.config
    with pytest.raises(UsageError, match="unknown key 'colour'"):
        _fresh(name, TINY[name] | {"colour": "red"})


@texts
def test_shapes(name: str) -> None:
    model, batch = _build(name), _batch(name)
    features = model.features(batch)
    assert features.tokens.values.shape == (sum(LENGTHS), model.num_features)
    assert features.tokens.lengths == Lengths(LENGTHS)
    assert model.pooled(features).shape == (len(LENGTHS), model.num_pooled)
    depths = model.intermediates(batch)
    assert len(depths) == 1 + sum(group.name.startswith("layers.") for group in model.layer_groups())
    assert all(len(depth.values) == sum(LENGTHS) for depth in depths)
    assert depths[-1].values.shape[1] == model.num_features
    assert torch.equal(depths[-1].values, features.tokens.values) != (name in MIXED)


@pictures
def test_shapes_of_maps(name: str) -> None:
    """A stage halves height and width or leaves them, rounding up; any later start gives the same last maps."""
    model, batch = _build(name), _batch(name)
    features = model.features(batch)
    depths = model.intermediates(batch)
    assert len(depths) == len(model.layer_groups())
    assert features.maps.shape[1] == model.num_features
    assert model.pooled(features).shape == (len(LENGTHS), model.num_features)
    assert all(depth.shape[:1] == (len(LENGTHS),) for depth in depths)
    for a, b in pairwise([batch.values, *depths]):
        assert b.shape[2:] in {tuple(-(-side // step) for side in a.shape[2:]) for step in (1, 2, 4)}
    for first, depth in enumerate(depths, 1):
        assert torch.equal(model.advance(depth, first), features.maps)
    assert torch.equal(model.advance(depths[0], 1, 2), depths[1])


@everywhere
def test_one_alone_equals_it_in_a_batch_in_any_order(name: str) -> None:
    model = _build(name)
    with torch.no_grad():
        whole = _each(model.features(_batch(name)))
        pooled = model.summarize(_batch(name))
        order = (3, 0, 5, 2, 4, 1)
        parts = _each(model.features(_batch(name, order)))
        _close(model.summarize(_batch(name, order)), pooled[list(order)])
        for place, row in enumerate(order):
            _close(_each(model.features(_batch(name, (row,))))[0], whole[row])
            _close(parts[place], whole[row])
            _close(model.summarize(_batch(name, (row,)))[0], pooled[row])


@texts
def test_every_dropout_follows_the_factor(name: str) -> None:
    """At 0 training computes what evaluation does; any dropout that the factor did not reach would show."""
    model, batch = _build(name), _batch(name)
    with torch.no_grad():
        evaluated = model.summarize(batch)
        model.train()
        assert not torch.equal(model.summarize(batch), evaluated)
        factor = DropoutFactor(model, 0.0)
        factor.attach(torch.optim.AdamW(model.parameters()))
        _close(model.summarize(batch), evaluated)
        factor.after_training()
        assert not torch.equal(model.summarize(batch), evaluated)


@everywhere
def test_the_short_way_to_the_pooled_vector_is_exact(name: str) -> None:
    model, batch = _build(name), _batch(name)
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
    batch = _batch(name)
    prefix = "layers" if name in BACKBONES else "stages"
    layers = [group for group in groups if group.name.startswith(f"{prefix}.")]
    assert [group.name for group in layers] == [f"{prefix}.{i}" for i in range(len(layers))]
    with torch.no_grad():
        before = model.intermediates(batch)
        for parameter in layers[-1].parameters:
            parameter.add_(0.1)
        after = model.intermediates(batch)
    same = [torch.equal(_tensor(a), _tensor(b)) for a, b in zip(before, after, strict=True)]
    behind = sum(group.name == "last" for group in groups)
    assert same == [True] * (len(same) - 1 - behind) + [False] * (1 + behind)


@everywhere
def test_every_parameter_gets_a_gradient(name: str) -> None:
    model = _build(name).train()
    batch = _batch(name)
    if name in BACKBONES:
        batch = Tokens.pack(_ids(name), [np.arange(length) % 2 for length in LENGTHS])
    out = model.summarize(batch)
    (out * torch.randn(out.shape)).sum().backward()
    for key, parameter in model.named_parameters():
        assert parameter.grad is not None, key
        assert parameter.grad.abs().sum() > 0, key


@everywhere
@pytest.mark.parametrize("training", [False, True])
def test_it_goes_on_from_what_came_out_of_its_lower_groups(name: str, training: bool) -> None:
    """In values and in the gradients of the groups above; the frozen ones compute as in evaluation."""
    model, batch = _build(name).train(training), _batch(name)
    groups = model.layer_groups()
    head = model.head_class(model.num_pooled, 3, dropout=0.0).double().eval()
    classifier = Classifier(model, head)
    draw = torch.Generator().manual_seed(3)
    target = torch.randn(len(LENGTHS), 3, dtype=torch.float64, generator=draw)
    for first in range(1, len(groups)):
        Thaw(groups, 0, first, classifier).before_epoch(0)
        if not training:
            model.eval()
        head.eval()
        found = []
        for cut in (0, first):
            torch.manual_seed(5)
            x = _advanced(model, batch, cut) if cut else batch
            logits = classifier(x, cut)
            learning = [p for group in groups[first:] for p in group.parameters]
            gradients = torch.autograd.grad((logits * target).sum(), learning, allow_unused=True)
            found.append([logits.detach(), *gradients])
        for a, b in zip(*found, strict=True):
            assert (a is None) == (b is None)
            if a is not None:
                torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-12)
    Thaw(groups, 0).after_training()


def _advanced(model: Any, batch: Any, last: int) -> Any:
    """Advance in two steps, without a gradient."""
    half = last // 2
    with torch.no_grad():
        if isinstance(batch, Pictures):
            return Pictures(model.advance(model.advance(batch.values, 0, half), half, last))
        return model.advance(model.advance(batch, 0, half) if half else batch, half, last)


@everywhere
def test_its_own_classification_head_stands_on_it(name: str) -> None:
    model, batch = _build(name), _batch(name)
    classifier = Classifier(model, model.head_class(model.num_pooled, 3, dropout=0.1).double()).eval()
    assert isinstance(classifier.head, ClassificationHead)
    assert torch.equal(classifier(batch), classifier.head(model.summarize(batch)))
    assert classifier(batch).shape == (len(LENGTHS), 3)


@pictures
def test_channels_last_gives_the_same_maps_in_the_same_order_of_memory(name: str) -> None:
    model, batch = _build(name), _batch(name)
    wanted = model.intermediates(batch)
    model = model.to(memory_format=torch.channels_last)
    found = model.intermediates(Pictures(batch.values.contiguous(memory_format=torch.channels_last)))
    for a, b in zip(found, wanted, strict=True):
        _close(a, b)
        assert a.is_contiguous(memory_format=torch.channels_last)


@pictures
def test_frozen_statistics_stay_and_are_used_in_training_too(name: str) -> None:
    model, batch = _build(name), _batch(name)
    buffers = {key: value.clone() for key, value in model.named_buffers()}
    wanted = model.summarize(batch)
    freeze_statistics(model)
    model.train()
    assert torch.equal(model.summarize(batch), wanted)
    assert all(torch.equal(value, buffers[key]) for key, value in model.named_buffers())
    model.summarize(batch).sum().backward()  # weight and bias of the norms are trained all the same
    assert all(module.weight.grad is not None for module in model.modules() if isinstance(module, BatchNorm))
    freeze_statistics(model, frozen=False)
    assert not torch.equal(model.summarize(batch), wanted)
    assert not any(torch.equal(value, buffers[key]) for key, value in model.named_buffers())


@pictures
def test_folding_the_norms_changes_no_value_and_not_the_model(name: str) -> None:
    model, batch = _build(name).train(), _batch(name)
    model.summarize(batch)  # the running statistics move away from 0 and 1
    before = {key: value.clone() for key, value in model.state_dict().items()}
    short = folded(model)
    assert model.training and all(
        torch.equal(value, before[key]) for key, value in model.state_dict().items()
    )
    assert not any(isinstance(module, BatchNorm) for module in short.modules())
    assert any(isinstance(module, ConvolutionLayer) for module in short.modules())
    for a, b in zip(short.intermediates(batch), model.eval().intermediates(batch), strict=True):
        _close(a, b)


@texts
def test_the_step_by_step_path_equals_the_fused_one(name: str) -> None:
    model, batch = _build(name), _batch(name)
    results = []
    for fused in (True, False):
        for module in model.modules():
            if isinstance(module, SelfAttention):
                module.fused = fused
        values = model.features(batch).tokens.values
        results.append([values, *torch.autograd.grad(values.square().sum(), list(model.layers.parameters()))])
    for a, b in zip(*results, strict=True):
        _close(a, b)


@texts
def test_both_paths_agree_in_training_given_the_same_dropout(name: str) -> None:
    model, batch = _build(name).train(), _batch(name)
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


@texts
def test_dropout_acts_in_training_only_and_follows_torchs_seed(name: str) -> None:
    model, batch = _build(name), _batch(name)

    def run(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        out: torch.Tensor = model.summarize(batch)
        return out

    assert torch.equal(run(1), run(2))
    model.train()
    assert torch.equal(run(1), run(1))
    assert not torch.equal(run(1), run(2))


@pytest.mark.parametrize("name", STATEFUL)
def test_rounded_products_leave_the_recurrence_in_its_own_numbers(name: str) -> None:
    model, batch = _build(name).float(), _batch(name)
    exact = model.summarize(batch)
    with torch.autocast("cpu", torch.bfloat16):
        classifier = Classifier(model, model.head_class(model.num_pooled, 3, dropout=0.1)).train()
        classifier(batch).float().square().sum().backward()
        assert torch.equal(model.eval().summarize(batch), exact)


@pytest.mark.parametrize("name", STATEFUL)
def test_the_second_half_of_texts_goes_on_with_the_state_of_the_first(name: str) -> None:
    model, ids = _build(name), [row for row in _ids(name) if len(row) > 1]
    halves = [[row[: len(row) // 2] for row in ids], [row[len(row) // 2 :] for row in ids]]
    first = model.features(Tokens.pack(halves[0]))
    second = model.features(Tokens.pack(halves[1]), first.state)
    anew = model.features(Tokens.pack(halves[1]))
    assert not torch.allclose(second.tokens.values, anew.tokens.values)
    again = model.features(Tokens.pack(halves[1]), model.features(Tokens.pack(halves[0])).state)
    assert torch.equal(again.tokens.values, second.tokens.values)  # and nothing was kept aside
    with pytest.raises(UsageError, match=r"state: is of 5 rows, the batch has 1"):
        model.features(Tokens.pack(ids[:1]), first.state)


@everywhere
def test_a_state_that_is_none_of_its_own_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="state"):
        _build(name).features(_batch(name), state=1)


@texts
def test_too_long_a_text_is_refused(name: str) -> None:
    model = _build(name)
    if not hasattr(model.config, "max_positions"):
        return  # its positions have no bound
    with pytest.raises(UsageError, match="a text of 17 tokens, but the model reads 16"):
        model.summarize(Tokens.pack([np.ones(17, np.int64)]))


@pictures
def test_pictures_of_other_channels_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match="pictures of 1 channels, but the model reads 3"):
        _build(name).features(Pictures(torch.zeros(2, 1, 8, 8, dtype=torch.float64)))


def test_an_unknown_architecture_is_refused() -> None:
    with pytest.raises(UsageError, match=r"unknown architecture 'elmo2'[^K]*Known architectures: .*bert"):
        build_backbone("elmo2", {})
    with pytest.raises(
        UsageError, match=r"for pictures 'vgg'[^K]*Known architectures: efficientnet_lite, .*resnet"
    ):
        build_picture_backbone("vgg", {})
