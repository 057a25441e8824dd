"""Our DistilBERT against transformers' on noise-filled models: values, depths, gradients, both ways of the weights."""

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from closeness import close
from encoders import DISTILBERT, LENGTHS, noisy, packed, padded, texts
from noise import fill
from torch import Tensor, nn

from headway.blocks.attention import SelfAttention
from headway.blocks.ragged import Tokens
from headway.core.errors import LayoutError, WeightsError
from headway.models.bert import Bert, BertConfig
from headway.models.distilbert import DistilBert, view_of
from headway.weights.convert import fill_model, to_ours, to_theirs
from headway.weights.formats import distilbert as layout
from headway.weights.pretrained import load_classifier, load_encoder, save_classifier, save_encoder

transformers = pytest.importorskip("transformers", reason="the reference, transformers, is not installed")

LABELS = ("spam", "ham", "neither")


def _run_reference(model: Any, ids: list[np.ndarray], **more: Any) -> Any:
    mask = padded([np.ones_like(row) for row in ids])
    return model(input_ids=padded(ids), attention_mask=mask, **more)


def _ours(reference: Any, dtype: torch.dtype) -> DistilBert:
    model = DistilBert(layout.read_config(reference.config.to_dict())).double().eval()
    conversion = fill_model(model, reference.state_dict(), layout.ENCODER, where="the reference")
    assert conversion.fresh == ()
    return model.to(dtype)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("activation", ["gelu", "relu"])
def test_every_depth(dtype: torch.dtype, fused: bool, activation: str) -> None:
    reference = noisy("DistilBertModel", activation=activation)
    model = _ours(reference, dtype)
    reference.to(dtype)
    for module in model.modules():
        if isinstance(module, SelfAttention):
            module.fused = fused
    ids = texts()[0]
    with torch.no_grad():
        wanted = _run_reference(reference, ids, output_hidden_states=True).hidden_states
        depths = model.intermediates(Tokens.pack(ids))
        assert len(depths) == len(wanted) == DISTILBERT["n_layers"] + 1
        for ours, theirs in zip(depths, wanted, strict=True):
            close(ours.values, packed(theirs))
        close(model.summarize(Tokens.pack(ids)), wanted[-1][:, 0])


def test_gradients_in_training() -> None:
    reference = noisy("DistilBertModel").train()
    model = _ours(reference, torch.float64).train()
    ids = texts()[0]
    random = torch.Generator().manual_seed(1)
    weight = torch.randn(sum(LENGTHS), 20, dtype=torch.float64, generator=random)
    (packed(_run_reference(reference, ids).last_hidden_state) * weight).sum().backward()
    (model.features(Tokens.pack(ids)).tokens.values * weight).sum().backward()
    gradients = {name: cast("Tensor", parameter.grad) for name, parameter in reference.named_parameters()}
    ours = to_ours(gradients, layout.ENCODER, {name: p.shape for name, p in model.named_parameters()}).tensors
    largest = max(gradient.abs().max() for gradient in ours.values())
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None
        assert (parameter.grad - ours[name]).abs().max() <= 1e-10 * largest, name


def test_the_weights_go_back_unchanged() -> None:
    reference = noisy("DistilBertModel")
    theirs = to_theirs(_ours(reference, torch.float64).state_dict(), layout.ENCODER)
    state = reference.state_dict()
    assert theirs.keys() == state.keys()
    assert all(torch.equal(theirs[name], state[name]) for name in state)


def test_transformers_opens_our_encoder(tmp_path: Path) -> None:
    reference = noisy("DistilBertModel").float()
    (tmp_path / "theirs").mkdir()
    (tmp_path / "ours").mkdir()
    reference.save_pretrained(tmp_path / "theirs")
    model, _ = load_encoder(tmp_path / "theirs")
    save_encoder(model, tmp_path / "ours")
    opened = transformers.AutoModel.from_pretrained(tmp_path / "ours")
    assert type(opened) is transformers.DistilBertModel
    ids = texts()[0]
    with torch.no_grad():
        ours = _run_reference(opened, ids).last_hidden_state
        close(packed(ours), packed(_run_reference(reference, ids).last_hidden_state))
    again, _ = load_encoder(tmp_path / "ours")
    assert again.config == model.config


def test_a_classifier_there_and_back(tmp_path: Path) -> None:
    """Its head is pre_classifier, ReLU, dropout, classifier: read with equal logits, and written for
    transformers.
    """
    reference = noisy("DistilBertForSequenceClassification", num_labels=3, seq_classif_dropout=0.25).float()
    reference.config.id2label = dict(enumerate(LABELS))
    (tmp_path / "theirs").mkdir()
    (tmp_path / "ours").mkdir()
    reference.save_pretrained(tmp_path / "theirs")
    model, labels = load_classifier(tmp_path / "theirs")
    assert labels == LABELS
    assert model.head.dropout.p == 0.25
    ids = texts()[0]
    with torch.no_grad():
        wanted = _run_reference(reference, ids).logits
        close(model(Tokens.pack(ids)), wanted)
        save_classifier(model, labels, tmp_path / "ours")
        opened = transformers.AutoModelForSequenceClassification.from_pretrained(tmp_path / "ours")
        assert type(opened) is transformers.DistilBertForSequenceClassification
        close(_run_reference(opened, ids).logits, wanted)
    assert opened.config.id2label == dict(enumerate(LABELS))
    assert opened.config.seq_classif_dropout == 0.25
    state = reference.state_dict()
    assert all(torch.equal(state[name], tensor) for name, tensor in opened.state_dict().items())


def test_the_published_checkpoint_each_rule_fires(tmp_path: Path) -> None:
    """What was published is a DistilBertForMaskedLM, its tied decoder stored a second time."""
    reference = noisy("DistilBertForMaskedLM").float()
    reference.config.save_pretrained(tmp_path)
    state = {name: tensor.clone() for name, tensor in reference.state_dict().items()}
    assert "vocab_projector.weight" in state
    state["distilbert.embeddings.position_ids"] = torch.arange(24)[None]
    torch.save(state, tmp_path / "pytorch_model.bin")
    model, conversion = load_encoder(tmp_path)
    ids = texts()[0]
    with torch.no_grad():
        wanted = _run_reference(reference.distilbert, ids).last_hidden_state[:, 0]
        close(model.summarize(Tokens.pack(ids)), wanted)
    assert {name.split(".")[0] for name in conversion.dropped} == {
        "distilbert",
        "vocab_transform",
        "vocab_layer_norm",
        "vocab_projector",
    }
    rules = layout.rules_for(state, classifier=False)
    silent = [
        getattr(rule, "theirs", None) for rule, count in zip(rules, conversion.used, strict=True) if not count
    ]
    assert silent == ["qa_outputs.{part}", "pre_classifier.{part}", "classifier.{part}"]
    classifier = transformers.DistilBertForSequenceClassification(reference.config).state_dict()
    fired = to_ours(
        classifier,
        layout.rules_for(classifier, classifier=False),
        {name: value.shape for name, value in cast("nn.Module", model).state_dict().items()},
    ).used
    assert fired[-3:] == (0, 2, 2)


def test_a_tensor_too_many_or_too_few_is_told(tmp_path: Path) -> None:
    reference = noisy("DistilBertModel")
    state = dict(reference.state_dict())
    del state["transformer.layer.2.ffn.lin1.bias"]
    state["transformer.layer.2.ffn.lin3.bias"] = torch.zeros(20)
    with pytest.raises(LayoutError) as caught:
        fill_model(_ours(reference, torch.float64), state, layout.ENCODER, where="model.safetensors")
    assert "without a place in the model: transformer.layer.2.ffn.lin3.bias" in str(caught.value)
    assert "not in the file: layers.2.feedforward.inner.bias" in str(caught.value)


def test_the_configuration_goes_there_and_back() -> None:
    config = layout.read_config(transformers.DistilBertConfig(**DISTILBERT, activation="relu").to_dict())
    assert (config.d_model, config.d_ff, config.num_heads, config.num_layers) == (20, 36, 4, 3)
    assert (config.norm_eps, config.dropout, config.activation) == (1e-12, 0.0, "relu")
    assert layout.read_config(layout.write_config(config)) == config
    assert layout.read_config(transformers.DistilBertConfig().to_diff_dict()).num_layers == 6
    published = {"model_type": "distilbert", "sinusoidal_pos_embds": False, "tie_weights_": True}
    assert layout.read_config(published | {"n_layers": 6, "dim": 768}).d_model == 768


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("activation", "swish"),
        ("is_decoder", True),
        ("model_type", "bert"),
        ("type_vocab_size", 2),
        ("layer_norm_eps", 1e-5),
    ],
)
def test_a_configuration_that_means_other_mathematics_is_refused(key: str, value: Any) -> None:
    with pytest.raises(WeightsError, match=key):
        layout.read_config(transformers.DistilBertConfig(**DISTILBERT).to_dict() | {key: value})


def test_norms_that_their_configuration_cannot_state_are_not_written() -> None:
    config = layout.read_config(transformers.DistilBertConfig(**DISTILBERT).to_dict())
    with pytest.raises(WeightsError, match="norm_eps is 1e-05"):
        layout.write_config(type(config)(**config.to_dict() | {"norm_eps": 1e-5}))


def test_a_bert_seen_as_a_distilbert_is_the_same_function() -> None:
    """Its own token vectors, and those of transformers' DistilBertModel on the view's tensors."""
    sizes = {
        "vocab_size": 97,
        "d_model": 20,
        "d_ff": 36,
        "num_heads": 4,
        "num_layers": 3,
        "max_positions": 24,
    }
    bert = Bert(BertConfig(**sizes, dropout=0.0, attention_dropout=0.0)).double().eval()
    fill(bert)
    view = view_of(bert)
    assert not view.training
    theirs = transformers.DistilBertModel(
        transformers.DistilBertConfig(**layout.write_config(view.config), attn_implementation="eager")
    ).double()
    theirs.load_state_dict(to_theirs(view.state_dict(), layout.ENCODER))
    ids = texts()[0]
    with torch.no_grad():
        wanted = bert.features(Tokens.pack(ids)).tokens.values
        close(view.features(Tokens.pack(ids)).tokens.values, wanted)
        close(packed(_run_reference(theirs.eval(), ids).last_hidden_state), wanted)
        before = bert.layers[0].attention.qkv.weight.clone()
        view.layers[0].attention.qkv.weight.add_(1)
        assert torch.equal(bert.layers[0].attention.qkv.weight, before)  # the two share no memory
