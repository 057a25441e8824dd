"""Our BERT against transformers' on noise-filled models: values, depths, gradients, both ways of the weights,
texts.
"""

import json
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from closeness import close
from encoders import BERT, LENGTHS, noisy, packed, padded, texts
from torch import Tensor, nn

from headway.blocks.attention import SelfAttention
from headway.blocks.ragged import Tokens
from headway.core.errors import LayoutError, WeightsError
from headway.data.tokenizers import Tokenizer
from headway.models.bert import Bert
from headway.models.heads import Classifier
from headway.weights.convert import to_ours, to_theirs
from headway.weights.formats import bert as layout
from headway.weights.pretrained import load_classifier, load_encoder, save_classifier, save_encoder
from headway.weights.read import read_tensors
from shared_files import TOKENIZERS

transformers = pytest.importorskip("transformers", reason="the reference, transformers, is not installed")

LABELS = ("spam", "ham", "neither")


def _run_reference(model: nn.Module, ids: list[np.ndarray], segments: list[np.ndarray], **more: Any) -> Any:
    mask = padded([np.ones_like(row) for row in ids])
    return model(input_ids=padded(ids), attention_mask=mask, token_type_ids=padded(segments), **more)


def _encoder(folder: Path, reference: nn.Module, dtype: torch.dtype) -> Bert:
    cast("Any", reference).save_pretrained(folder)
    ours, conversion = load_encoder(folder)
    assert conversion.fresh == ()
    model = cast("Bert", ours).to(torch.float64)
    tensors = to_ours(
        read_tensors(folder / "model.safetensors"),
        layout.rules_for(reference.state_dict(), classifier=False),
        {name: value.shape for name, value in model.state_dict().items()},
    ).tensors
    model.load_state_dict(tensors)  # in float64: `load_encoder` fills a float32 model
    return model.to(dtype)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("activation", ["gelu", "gelu_new", "relu"])
def test_every_depth_and_the_pooled_vector(
    tmp_path: Path, dtype: torch.dtype, fused: bool, activation: str
) -> None:
    reference = noisy("BertModel", hidden_act=activation)
    model = _encoder(tmp_path, reference, dtype)
    reference.to(dtype)
    for module in model.modules():
        if isinstance(module, SelfAttention):
            module.fused = fused
    ids, segments = texts()
    batch = Tokens.pack(ids, segments)
    with torch.no_grad():
        wanted = _run_reference(reference, ids, segments, output_hidden_states=True)
        depths = model.intermediates(batch)
        assert len(depths) == len(wanted.hidden_states) == BERT["num_hidden_layers"] + 1
        for ours, theirs in zip(depths, wanted.hidden_states, strict=True):
            close(ours.values, packed(theirs))
        features = model.features(batch)
        assert torch.equal(features.tokens.values, depths[-1].values)
        close(model.pooled(features), wanted.pooler_output)
        close(model.summarize(batch), wanted.pooler_output)


def test_texts_without_segments_are_of_segment_zero(tmp_path: Path) -> None:
    reference = noisy("BertModel")
    model = _encoder(tmp_path, reference, torch.float64)
    ids, segments = texts()
    with torch.no_grad():
        wanted = _run_reference(reference, ids, [np.zeros_like(row) for row in segments]).last_hidden_state
        close(model.features(Tokens.pack(ids)).tokens.values, packed(wanted))


@pytest.mark.parametrize("short", [False, True])
def test_gradients_in_training(tmp_path: Path, short: bool) -> None:
    """Of a loss on every token and the pooled vector; and of one on the pooled vector alone by the shorter
    way.
    """
    reference = noisy("BertModel")
    model = _encoder(tmp_path, reference, torch.float64)
    reference.train()
    model.train()
    ids, segments = texts()
    batch = Tokens.pack(ids, segments)
    random = torch.Generator().manual_seed(1)
    weight = torch.randn(sum(LENGTHS) + len(LENGTHS), 20, dtype=torch.float64, generator=random)
    if short:
        weight[: sum(LENGTHS)] = 0
    wanted = _run_reference(reference, ids, segments)
    (torch.cat([packed(wanted.last_hidden_state), wanted.pooler_output]) * weight).sum().backward()
    if short:
        (model.summarize(batch) * weight[sum(LENGTHS) :]).sum().backward()
    else:
        features = model.features(batch)
        (torch.cat([features.tokens.values, model.pooled(features)]) * weight).sum().backward()
    gradients = {name: cast("Tensor", parameter.grad) for name, parameter in reference.named_parameters()}
    ours = to_ours(gradients, layout.ENCODER, {name: p.shape for name, p in model.named_parameters()}).tensors
    largest = max(gradient.abs().max() for gradient in ours.values())
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None
        if name == "embeddings.word.weight":
            assert not parameter.grad[0].any()  # the reference holds the padding id's at 0; no text has it
        assert (parameter.grad - ours[name]).abs().max() <= 1e-10 * largest, name


def test_the_weights_go_back_unchanged(tmp_path: Path) -> None:
    reference = noisy("BertModel")
    model = _encoder(tmp_path, reference, torch.float64)
    theirs = to_theirs(model.state_dict(), layout.ENCODER)
    state = reference.state_dict()
    assert theirs.keys() == state.keys()
    assert all(torch.equal(theirs[name], state[name]) for name in state)


def test_transformers_opens_our_encoder(tmp_path: Path) -> None:
    reference = noisy("BertModel", hidden_act="gelu_new").float()
    (tmp_path / "theirs").mkdir()
    (tmp_path / "ours").mkdir()
    cast("Any", reference).save_pretrained(tmp_path / "theirs")
    model, _ = load_encoder(tmp_path / "theirs")
    save_encoder(model, tmp_path / "ours")
    opened = transformers.AutoModel.from_pretrained(tmp_path / "ours")
    assert type(opened) is transformers.BertModel
    ids, segments = texts()
    with torch.no_grad():
        ours = _run_reference(opened, ids, segments)
        theirs = _run_reference(reference, ids, segments)
    close(ours.pooler_output, theirs.pooler_output)
    again, _ = load_encoder(tmp_path / "ours")
    assert again.config == model.config


def test_a_classifier_there_and_back(tmp_path: Path) -> None:
    """Ours reads transformers' folder with equal logits; transformers reads ours, labels by name included."""
    reference = noisy("BertForSequenceClassification", num_labels=3, classifier_dropout=0.25).float()
    cast("Any", reference).config.id2label = dict(enumerate(LABELS))
    (tmp_path / "theirs").mkdir()
    (tmp_path / "ours").mkdir()
    cast("Any", reference).save_pretrained(tmp_path / "theirs")
    model, labels = load_classifier(tmp_path / "theirs")
    assert labels == LABELS
    assert model.head.dropout.p == 0.25
    ids, segments = texts()
    with torch.no_grad():
        wanted = _run_reference(reference, ids, segments).logits
        close(model(Tokens.pack(ids, segments)), wanted)
        save_classifier(model, labels, tmp_path / "ours")
        opened = transformers.AutoModelForSequenceClassification.from_pretrained(tmp_path / "ours")
        assert type(opened) is transformers.BertForSequenceClassification
        close(_run_reference(opened, ids, segments).logits, wanted)
    assert opened.config.id2label == dict(enumerate(LABELS))
    assert opened.config.label2id == {label: index for index, label in enumerate(LABELS)}
    state = cast("Any", reference).state_dict()
    assert all(torch.equal(state[name], tensor) for name, tensor in opened.state_dict().items())
    again, _ = load_classifier(tmp_path / "ours")
    assert isinstance(again, Classifier)
    assert all(torch.equal(again.state_dict()[name], tensor) for name, tensor in model.state_dict().items())


def _legacy(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Spell a pretraining checkpoint as those of 2018 are."""
    old = {
        name.replace("Norm.weight", "Norm.gamma").replace("Norm.bias", "Norm.beta"): tensor
        for name, tensor in state.items()
    }
    return old | {"bert.embeddings.position_ids": torch.arange(24)[None]}


def test_a_pretraining_checkpoint_of_2018_each_rule_fires_and_what_is_dropped_is_told(tmp_path: Path) -> None:
    reference = noisy("BertForPreTraining").float()
    cast("Any", reference).config.save_pretrained(tmp_path)
    state = {name: tensor.clone() for name, tensor in reference.state_dict().items()}
    assert any(name.startswith("cls.") for name in state)
    torch.save(_legacy(state), tmp_path / "pytorch_model.bin", _use_new_zipfile_serialization=False)
    model, conversion = load_encoder(tmp_path)
    ids, segments = texts()
    with torch.no_grad():
        wanted = _run_reference(cast("Any", reference).bert, ids, segments).pooler_output
        close(cast("Bert", model).summarize(Tokens.pack(ids, segments)), wanted)
    assert conversion.dropped["bert.embeddings.position_ids"].startswith("a constant")
    assert {name.split(".")[0] for name in conversion.dropped} == {"bert", "cls"}
    rules = layout.rules_for(_legacy(state), classifier=False)
    silent = [rule for rule, count in zip(rules, conversion.used, strict=True) if not count]
    assert [getattr(rule, "theirs", None) for rule in silent] == ["qa_outputs.{part}", "classifier.{part}"]


def test_the_encoder_of_a_classifier_drops_its_head(tmp_path: Path) -> None:
    cast("Any", noisy("BertForSequenceClassification", num_labels=3)).save_pretrained(tmp_path)
    _, conversion = load_encoder(tmp_path)
    assert sorted(conversion.dropped) == ["classifier.bias", "classifier.weight"]


def test_a_file_without_a_pooler_loads_only_when_that_is_named(tmp_path: Path) -> None:
    cast("Any", noisy("BertForMaskedLM")).save_pretrained(tmp_path)
    with pytest.raises(LayoutError, match=r"in the model, but not in the file: pooler\.weight"):
        load_encoder(tmp_path)
    model, conversion = load_encoder(tmp_path, fresh=("pooler.",))
    assert conversion.fresh == ("pooler.weight", "pooler.bias")
    assert not any(tensor.is_meta for tensor in cast("Bert", model).state_dict().values())


def test_the_configuration_goes_there_and_back() -> None:
    theirs = transformers.BertConfig(**BERT, hidden_act="relu").to_dict()
    config = layout.read_config(theirs)
    assert (config.d_model, config.d_ff, config.num_heads, config.num_layers) == (20, 36, 4, 3)
    assert (config.norm_eps, config.dropout, config.activation) == (1e-3, 0.0, "relu")
    assert layout.read_config(layout.write_config(config)) == config
    left_out = transformers.BertConfig().to_diff_dict()  # without what is at its default
    assert layout.read_config(left_out).d_model == 768


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("position_embedding_type", "relative_key"),
        ("hidden_act", "swish"),
        ("is_decoder", True),
        ("add_cross_attention", True),
        ("model_type", "roberta"),
        ("pruned_heads", {"0": [1]}),
        ("rotary_base", 10000),
    ],
)
def test_a_configuration_that_means_other_mathematics_is_refused(key: str, value: Any) -> None:
    with pytest.raises(WeightsError, match=key):
        layout.read_config(transformers.BertConfig(**BERT).to_dict() | {key: value})


def test_an_unknown_architecture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "roberta"}')
    with pytest.raises(WeightsError, match=r"model_type is 'roberta'; known: .*bert, distilbert"):
        load_encoder(tmp_path)


TEXTS = [
    "The weather is lovely today.",
    "UPPER Case, naïve café, Ångström, Ünïcödé straße İstanbul ǅ ﬁne",
    "e\u0301 combining, soft\u00adhyphen, zero\u200bwidth, nbsp\u00a0here, \u202eright to left",
    "tabs\tand\nnewlines\r\nand\x00control\x07characters\ufffd\x1f\x7f",
    "한국어 문장입니다. 띄어쓰기",
    "中文没有空格，日本語も。カタカナ ｶﾞ",
    "emoji 😀👩‍👩‍👧‍👦🇰🇷 ✌🏽 and symbols ©™§±≠→",
    "punctuation!!! ... --- 'quotes' “curly” (a[b]{c}) $5.99 100% a@b.c #tag_under_score",
    "[CLS] special [SEP] tokens [MASK] in [PAD] the [UNK] text ##ing",
    "العربية עברית हिन्दी ไทย ελληνικά русский",
    "Donaudampfschifffahrtsgesellschaftskapitänsmütze" * 5,
    "word " * 60,
    "",
    "   \n ",
]


@pytest.mark.parametrize("lowercase", [True, False])
def test_texts_become_the_same_ids(tmp_path: Path, lowercase: bool) -> None:
    """Against transformers' own BertTokenizer, and against AutoTokenizer on the folder that we write."""
    path = _vocabulary()
    ours = Tokenizer.from_wordpiece_vocabulary(path, lowercase=lowercase)
    theirs = transformers.BertTokenizer(vocab=str(path), do_lower_case=lowercase)
    ours.save(tmp_path, max_tokens=32)
    opened = transformers.AutoTokenizer.from_pretrained(tmp_path)
    assert opened.model_max_length == 32
    assert json.loads((tmp_path / "tokenizer.json").read_text())["truncation"] is None
    again = Tokenizer.load(tmp_path / "tokenizer.json")
    assert again.lowercase == lowercase
    for limit in (500, 32, 3):
        encoded = ours.encode(TEXTS, limit)
        wanted = theirs(TEXTS, truncation=True, max_length=limit)["input_ids"]
        assert [row.tolist() for row in encoded.ids] == wanted
        assert opened(TEXTS, truncation=True, max_length=limit)["input_ids"] == wanted
        assert [row.tolist() for row in again.encode(TEXTS, limit).ids] == wanted
        assert encoded.cut == sum(len(row) > limit for row in theirs(TEXTS)["input_ids"])
    assert opened(TEXTS)["input_ids"] == theirs(TEXTS)["input_ids"]


def _vocabulary() -> Path:
    path = TOKENIZERS / "bert_base_uncased_vocab.txt"
    if not path.is_file():
        pytest.skip("BERT's vocabulary is not among the fixtures")
    return path
