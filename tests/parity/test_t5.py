"""Our T5 against transformers', in the first form and in version 1.1: values, depths, gradients, generation, both ways
of the weights.
"""

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from noise import fill
from torch import Tensor, nn

from headway.blocks.attention import CrossAttention, SelfAttention
from headway.blocks.positions import relative_buckets
from headway.blocks.ragged import Tokens
from headway.core.errors import LayoutError, WeightsError
from headway.models.generate import beam_search, generate, power_penalty
from headway.models.heads import Classifier
from headway.models.t5 import T5, T5_SIZES, T5Config, T5Encoder
from headway.weights.convert import to_ours, to_theirs
from headway.weights.encoder_decoder import load_encoder_decoder, save_encoder_decoder
from headway.weights.formats import t5 as layout
from headway.weights.pretrained import load_classifier, load_encoder, save_classifier, save_encoder
from headway.weights.read import read_tensors

transformers = pytest.importorskip("transformers", reason="the reference, transformers, is not installed")

SIZES = {
    "vocab_size": 97,
    "d_model": 20,
    "d_kv": 7,
    "d_ff": 36,
    "num_heads": 4,
    "num_layers": 3,
    "num_decoder_layers": 2,
    "relative_attention_num_buckets": 12,
    "relative_attention_max_distance": 15,
    "layer_norm_epsilon": 1e-3,  # large enough to be seen
    "dropout_rate": 0.0,
    "pad_token_id": 0,
    "eos_token_id": 1,
    "decoder_start_token_id": 0,
}
FORMS: dict[str, dict[str, Any]] = {
    "1.0": {},
    "1.1": {"feed_forward_proj": "gated-gelu", "tie_word_embeddings": False},
}
SOURCES = (7, 24, 1, 7, 12, 3)
TARGETS = (4, 9, 19, 4, 1, 2)
PRECISION = {torch.float64: 1e-10, torch.float32: 1e-5}
LABELS = ("spam", "ham", "neither")
both_forms = pytest.mark.parametrize("form", list(FORMS))


@pytest.fixture(autouse=True)
def _norms_in_full_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the one function of the reference that computes in float32 by its formula."""
    norm = transformers.models.t5.modeling_t5.T5LayerNorm

    def forward(self: Any, x: Tensor) -> Tensor:
        scaled: Tensor = x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.variance_epsilon)
        return self.weight * scaled

    monkeypatch.setattr(norm, "forward", forward)


def _reference(form: str, kind: str = "T5ForConditionalGeneration", **more: Any) -> nn.Module:
    config = transformers.T5Config(**SIZES | FORMS[form] | more, attn_implementation="eager")
    model: Any = getattr(transformers, kind)(config)
    if form == "1.1" and hasattr(model, "lm_head"):  # transformers 5 ties what the published files hold apart
        model.lm_head.weight = nn.Parameter(torch.empty(97, 20))
        model.all_tied_weights_keys.pop("lm_head.weight")
    fill(model)
    return cast("nn.Module", model.double().eval())


def _ids(lengths: tuple[int, ...], seed: int) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    return [random.integers(2, 97, length) for length in lengths]


def _padded(arrays: list[np.ndarray]) -> Tensor:
    return nn.utils.rnn.pad_sequence([torch.from_numpy(array) for array in arrays], batch_first=True)


def _packed(padded: Tensor, lengths: tuple[int, ...]) -> Tensor:
    return torch.cat([row[:length] for row, length in zip(padded, lengths, strict=True)])


def _run_reference(model: nn.Module, **more: Any) -> Any:
    sources, targets = _ids(SOURCES, 0), _ids(TARGETS, 1)
    return model(
        input_ids=_padded(sources),
        attention_mask=_padded([np.ones_like(row) for row in sources]),
        decoder_input_ids=_padded(targets),
        decoder_attention_mask=_padded([np.ones_like(row) for row in targets]),
        **more,
    )


def _batches() -> tuple[Tokens, Tokens]:
    return Tokens.pack(_ids(SOURCES, 0)), Tokens.pack(_ids(TARGETS, 1))


def _close(found: Tensor, wanted: Tensor) -> None:
    """Equal up to the precision of the type, as a share of the largest magnitude."""
    assert found.dtype == wanted.dtype
    assert (found - wanted).abs().max() <= PRECISION[wanted.dtype] * wanted.abs().max()


def _ours(folder: Path, reference: nn.Module, dtype: torch.dtype = torch.float64) -> T5:
    cast("Any", reference).save_pretrained(folder)
    loaded, conversion = load_encoder_decoder(folder)
    assert conversion.fresh == ()
    model = cast("T5", loaded).to(torch.float64)
    tensors = to_ours(
        read_tensors(folder / "model.safetensors"),
        layout.encoder_decoder_rules(model.config),
        {name: value.shape for name, value in model.state_dict().items()},
    ).tensors
    model.load_state_dict(tensors)  # in float64: the loader fills a float32 model
    return model.to(dtype)


@both_forms
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("fused", [False, True])
def test_every_depth_of_encoder_and_decoder_and_the_logits(
    tmp_path: Path, form: str, dtype: torch.dtype, fused: bool
) -> None:
    reference = _reference(form)
    model = _ours(tmp_path, reference, dtype)
    reference.to(dtype)
    for module in model.modules():
        if isinstance(module, SelfAttention | CrossAttention):
            module.fused = fused
    source, target = _batches()
    with torch.no_grad():
        wanted = _run_reference(reference, output_hidden_states=True)
        depths = model.encoder.intermediates(source)
        assert len(depths) == len(wanted.encoder_hidden_states) == SIZES["num_layers"] + 1
        for ours, theirs in zip(depths, wanted.encoder_hidden_states, strict=True):
            _close(ours.values, _packed(theirs, SOURCES))
        decoder = model.decoder
        assert decoder.relative is not None
        relative = decoder.relative(torch.arange(max(TARGETS)), max(TARGETS))
        x = model.encoder.embeddings(target, target.lengths.positions)
        for layer, theirs in zip(decoder.layers, wanted.decoder_hidden_states, strict=False):
            _close(x.values, _packed(theirs, TARGETS))
            x = layer(x, depths[-1], relative)
        _close(decoder.norm(x.values), _packed(wanted.decoder_hidden_states[-1], TARGETS))
        _close(model.logits(source, target), _packed(wanted.logits, TARGETS))
        packed = [ours.mean(0) for ours in depths[-1].values.split(SOURCES)]
        _close(model.encoder.summarize(source), torch.stack(packed))


@both_forms
def test_gradients_in_training(tmp_path: Path, form: str) -> None:
    reference = _reference(form)
    model = _ours(tmp_path, reference)
    reference.train()
    model.train()
    source, target = _batches()
    weight = torch.randn(sum(TARGETS), 97, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    (_packed(_run_reference(reference).logits, TARGETS) * weight).sum().backward()
    (model.logits(source, target) * weight).sum().backward()
    gradients = {name: cast("Tensor", parameter.grad) for name, parameter in reference.named_parameters()}
    shapes = {name: parameter.shape for name, parameter in model.named_parameters()}
    ours = to_ours(gradients, layout.encoder_decoder_rules(model.config), shapes).tensors
    largest = max(gradient.abs().max() for gradient in ours.values())
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None
        assert (parameter.grad - ours[name]).abs().max() <= 1e-10 * largest, name


@both_forms
def test_greedy_and_beam_ids_are_theirs(tmp_path: Path, form: str) -> None:
    reference: Any = _reference(form)
    model = _ours(tmp_path, reference)
    sources = _ids(SOURCES, 0)
    ids, mask = _padded(sources), _padded([np.ones_like(row) for row in sources])
    memory = model.encode(Tokens.pack(sources))
    start = Tokens.pack([np.array([0])] * len(sources))
    plain = generate(model, start, max_tokens=12, memory=memory)
    stop = plain[0][4]  # an id that comes up: some rows end, others go on
    theirs = reference.generate(
        input_ids=ids, attention_mask=mask, max_new_tokens=12, do_sample=False, num_beams=1, eos_token_id=stop
    )
    found = generate(model, start, max_tokens=12, stop=(stop,), memory=memory)
    assert any(len(row) < 12 for row in found)
    assert found == [_until(row[1:], stop) for row in theirs.tolist()]
    for power in (1.0, 0.0, 2.0):
        theirs = reference.generate(
            input_ids=ids,
            attention_mask=mask,
            max_new_tokens=12,
            do_sample=False,
            num_beams=3,
            num_return_sequences=3,
            early_stopping=False,
            length_penalty=power,
            eos_token_id=stop,
            return_dict_in_generate=True,
            output_scores=True,
        )
        hypotheses = beam_search(
            model,
            start,
            beams=3,
            max_tokens=12,
            stop=(stop,),
            penalty=power_penalty(power),
            memory=memory,
        )
        best = [hypothesis for row in hypotheses for hypothesis in row]
        assert [list(row.ids) for row in best] == [_until(row[1:], stop) for row in theirs.sequences.tolist()]
        assert [row.score for row in best] == pytest.approx(theirs.sequences_scores.tolist(), rel=1e-5)


def _until(ids: list[int], stop: int) -> list[int]:
    """Return what comes before the stop id; what follows it is padding."""
    return ids[: ids.index(stop)] if stop in ids else ids


@both_forms
def test_the_weights_go_back_unchanged(tmp_path: Path, form: str) -> None:
    reference = _reference(form)
    model = _ours(tmp_path, reference)
    theirs = to_theirs(model.state_dict(), layout.encoder_decoder_rules(model.config))
    published = read_tensors(tmp_path / "model.safetensors")
    assert theirs.keys() == published.keys()
    assert ("lm_head.weight" in theirs) == (form == "1.1")
    assert all(torch.equal(theirs[name], published[name]) for name in published)


@both_forms
def test_transformers_opens_ours(tmp_path: Path, form: str) -> None:
    reference = _reference(form).float()
    (tmp_path / "theirs").mkdir()
    (tmp_path / "ours").mkdir()
    model = _ours(tmp_path / "theirs", reference, torch.float32)
    save_encoder_decoder(model, tmp_path / "ours")
    opened = transformers.AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "ours")
    assert type(opened) is transformers.T5ForConditionalGeneration
    again, _ = load_encoder_decoder(tmp_path / "ours")
    assert again.config == model.config
    with torch.no_grad():
        wanted = _run_reference(reference).logits
        _close(_run_reference(opened).logits, wanted)
        _close(again.logits(*_batches()), _packed(wanted, TARGETS))
    assert opened.generation_config.decoder_start_token_id == 0


@both_forms
def test_the_encoder_alone_there_and_back(tmp_path: Path, form: str) -> None:
    """Out of the whole model's file, what is dropped being told; and for `T5EncoderModel`."""
    whole = _reference(form).float()
    (tmp_path / "whole").mkdir()
    (tmp_path / "ours").mkdir()
    cast("Any", whole).save_pretrained(tmp_path / "whole")
    encoder, conversion = load_encoder(tmp_path / "whole")
    assert isinstance(encoder, T5Encoder)
    assert set(conversion.dropped) == {name for name in _names(tmp_path / "whole") if _is_of_decoder(name)}
    assert all("not part of the encoder" in reason for reason in conversion.dropped.values())
    save_encoder(encoder, tmp_path / "ours")
    opened = transformers.T5EncoderModel.from_pretrained(tmp_path / "ours")
    sources = _ids(SOURCES, 0)
    with torch.no_grad():
        mask = _padded([np.ones_like(row) for row in sources])
        theirs = opened(input_ids=_padded(sources), attention_mask=mask).last_hidden_state
        wanted = _run_reference(whole).encoder_last_hidden_state
        _close(_packed(theirs, SOURCES), _packed(wanted, SOURCES))
        _close(encoder.features(Tokens.pack(sources)).tokens.values, _packed(wanted, SOURCES))
    again, conversion = load_encoder(tmp_path / "ours")
    assert conversion.dropped == {}
    assert again.config == encoder.config


def _names(folder: Path) -> set[str]:
    return set(read_tensors(folder / "model.safetensors"))


def _is_of_decoder(name: str) -> bool:
    return name.startswith(("decoder.", "lm_head."))


def test_a_classifier_is_the_mean_of_their_token_classifier(tmp_path: Path) -> None:
    reference: Any = _reference(
        "1.1", "T5ForTokenClassification", num_labels=3, classifier_dropout=0.25
    ).float()
    reference.config.id2label = dict(enumerate(LABELS))
    (tmp_path / "theirs").mkdir()
    (tmp_path / "ours").mkdir()
    reference.save_pretrained(tmp_path / "theirs")
    model, labels = load_classifier(tmp_path / "theirs")
    assert labels == LABELS
    assert model.head.dropout.p == 0.25
    sources = _ids(SOURCES, 0)
    ids, mask = _padded(sources), _padded([np.ones_like(row) for row in sources])
    with torch.no_grad():
        each = _packed(reference(input_ids=ids, attention_mask=mask).logits, SOURCES)
        wanted = torch.stack([row.mean(0) for row in each.split(SOURCES)])
        _close(model(Tokens.pack(sources)), wanted)
        save_classifier(model, labels, tmp_path / "ours")
        opened = transformers.AutoModelForTokenClassification.from_pretrained(tmp_path / "ours")
        _close(_packed(opened(input_ids=ids, attention_mask=mask).logits, SOURCES), each)
    again, _ = load_classifier(tmp_path / "ours")
    assert isinstance(again, Classifier)
    assert again.head.dropout.p == 0.25


@both_forms
def test_an_older_file_each_rule_fires(tmp_path: Path, form: str) -> None:
    """As published in 2019: the embeddings under all their names, and positions that cross-attention never had."""
    reference = _reference(form).float()
    cast("Any", reference).config.save_pretrained(tmp_path)
    state = {name: tensor.clone() for name, tensor in reference.state_dict().items()}
    assert {"shared.weight", "encoder.embed_tokens.weight", "lm_head.weight"} < state.keys()
    unused = "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"
    torch.save(state | {unused: torch.zeros(12, 4)}, tmp_path / "pytorch_model.bin")
    model, conversion = load_encoder_decoder(tmp_path)
    assert conversion.dropped == {unused: "older files hold it, but cross-attention has no positions"}
    of_other_form = 2 * (2 if form == "1.0" else 1)  # wi_0 and wi_1, or wi, in encoder and decoder
    assert sum(used == 0 for used in conversion.used) == of_other_form
    with torch.no_grad():
        _close(model.logits(*_batches()), _packed(_run_reference(reference).logits, TARGETS))
    state["decoder.embed_tokens.weight"][3, 3] += 1
    torch.save(state, tmp_path / "pytorch_model.bin")
    with pytest.raises(LayoutError, match=r"decoder.embed_tokens.weight: differs from shared.weight"):
        load_encoder_decoder(tmp_path)


def test_one_tensor_too_many_or_too_few_is_refused(tmp_path: Path) -> None:
    reference = _reference("1.1").float()
    cast("Any", reference).config.save_pretrained(tmp_path)
    state = {name: tensor.clone() for name, tensor in reference.state_dict().items()}
    del state["lm_head.weight"]
    state["decoder.block.7.layer.0.layer_norm.weight"] = torch.ones(20)
    torch.save(state, tmp_path / "pytorch_model.bin")
    with pytest.raises(LayoutError) as raised:
        load_encoder_decoder(tmp_path)
    assert "in the model, but not in the file: head.weight" in str(raised.value)
    assert "without a place in the model: decoder.layers.7.attention_norm_before.weight" in str(raised.value)


# The published files of 2019 and 2022, but for task_specific_params.
T5_SMALL = {
    "architectures": ["T5ForConditionalGeneration"],
    "d_ff": 2048,
    "d_kv": 64,
    "d_model": 512,
    "decoder_start_token_id": 0,
    "dropout_rate": 0.1,
    "eos_token_id": 1,
    "initializer_factor": 1.0,
    "is_encoder_decoder": True,
    "layer_norm_epsilon": 1e-06,
    "model_type": "t5",
    "n_positions": 512,
    "num_heads": 8,
    "num_layers": 6,
    "output_past": True,
    "pad_token_id": 0,
    "relative_attention_num_buckets": 32,
    "vocab_size": 32128,
}
FLAN_T5_SMALL = {
    **T5_SMALL,
    "d_ff": 1024,
    "feed_forward_proj": "gated-gelu",
    "num_decoder_layers": 8,
    "num_heads": 6,
    "num_layers": 8,
    "tie_word_embeddings": False,
    "use_cache": True,
    "transformers_version": "4.23.1",
}


@pytest.mark.parametrize(("name", "theirs"), [("t5-small", T5_SMALL), ("flan-t5-small", FLAN_T5_SMALL)])
def test_published_configurations(name: str, theirs: dict[str, Any]) -> None:
    config = layout.read_config(theirs)
    assert config == T5Config(**T5_SIZES[name])
    assert layout.read_config(layout.write_config(config)) == config
    loaded = transformers.T5Config(**layout.write_config(config))
    assert layout.read_config(loaded.to_dict()) == config  # as transformers 5 spells it
    assert loaded.scale_decoder_outputs == config.tied_head


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("feed_forward_proj", "gated-silu"),
        ("is_decoder", True),
        ("is_gated_act", True),
        ("dense_act_fn", "gelu_new"),
        ("model_type", "mt5"),
        ("rotary_base", 10000),
    ],
)
def test_a_configuration_that_means_other_mathematics_is_refused(key: str, value: Any) -> None:
    with pytest.raises(WeightsError, match=key):
        layout.read_config(T5_SMALL | {key: value})


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize(("num_buckets", "max_distance"), [(32, 128), (12, 15), (8, 100), (64, 500)])
def test_buckets_are_theirs(causal: bool, num_buckets: int, max_distance: int) -> None:
    distance = torch.arange(-1500, 1501)
    theirs = transformers.models.t5.modeling_t5.T5Attention._relative_position_bucket(
        distance, bidirectional=not causal, num_buckets=num_buckets, max_distance=max_distance
    )
    ours = relative_buckets(distance, num_buckets=num_buckets, max_distance=max_distance, causal=causal)
    assert torch.equal(ours, theirs)
    assert set(ours.tolist()) == set(theirs.tolist())
