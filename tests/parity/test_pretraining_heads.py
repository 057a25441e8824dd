"""The pretraining heads of our BERT and DistilBERT against transformers': logits, losses, gradients, layouts."""

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from closeness import PRECISION, close
from encoders import BERT, LENGTHS, noisy, packed, padded, texts
from torch import Tensor

from headway.blocks.ragged import Tokens
from headway.core.errors import LayoutError, WeightsError
from headway.models.bert import Bert
from headway.models.distilbert import DistilBert
from headway.models.pretraining_heads import BertPretraining, MaskedLanguageModel
from headway.tasks import masked_language, next_sentence
from headway.weights.convert import fill_model, to_ours, to_theirs
from headway.weights.formats import bert, distilbert
from headway.weights.pretrained import load_encoder
from headway.weights.pretraining import (
    load_masked_language,
    load_pretraining,
    save_masked_language,
    save_pretraining,
)

transformers = pytest.importorskip("transformers", reason="the reference, transformers, is not installed")

PLACES = (1, 4, 8, 20, 30, 31, 40, 50)  # of the 54 packed tokens


def _reference(kind: str, **more: Any) -> Any:
    return noisy(kind, pad_token_id=None, **more)


def _targets() -> tuple[Tensor, Tensor]:
    """The targets at PLACES, and as transformers wants them: [B, T] with -100 elsewhere."""
    targets = torch.from_numpy(np.random.default_rng(1).integers(0, 97, len(PLACES)))
    flat = torch.full((sum(LENGTHS),), -100)
    flat[list(PLACES)] = targets
    return targets, padded([part.numpy() for part in flat.split(LENGTHS)], -100)


ELSEWHERE = torch.tensor([0, 1, 1, 0, 1, 0])


def _pretraining(reference: Any) -> BertPretraining:
    model = BertPretraining(Bert(bert.read_config(reference.config.to_dict()))).double().eval()
    conversion = fill_model(model, reference.state_dict(), bert.PRETRAINING, where="the reference")
    assert conversion.fresh == () and conversion.dropped == {}
    return model


def _masked(reference: Any) -> MaskedLanguageModel:
    """Ours for a BertForMaskedLM or DistilBertForMaskedLM."""
    form: Any = distilbert if reference.config.model_type == "distilbert" else bert
    kind: Any = DistilBert if form is distilbert else Bert
    model = MaskedLanguageModel(kind(form.read_config(reference.config.to_dict()))).double().eval()
    fill_model(
        model, reference.state_dict(), form.MASKED_LANGUAGE, fresh=("backbone.pooler.",), where="reference"
    )
    return model


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("activation", ["gelu", "gelu_new"])
def test_both_heads_logits_loss_and_gradients(dtype: torch.dtype, activation: str) -> None:
    reference = _reference("BertForPreTraining", hidden_act=activation)
    model = _pretraining(reference).to(dtype).train()
    reference.to(dtype).train()
    ids, segments = texts()
    targets, labels = _targets()
    wanted = reference(
        input_ids=padded(ids),
        attention_mask=padded([np.ones_like(row) for row in ids]),
        token_type_ids=padded(segments),
        labels=labels,
        next_sentence_label=ELSEWHERE,
    )
    places = torch.tensor(PLACES)
    words, answers = model.both(Tokens.pack(ids, segments), torch.arange(sum(LENGTHS)))
    close(words, packed(wanted.prediction_logits))
    close(answers, wanted.seq_relationship_logits)
    masked = masked_language.Batch(Tokens.pack(ids, segments), places, targets)
    loss = next_sentence.loss(model, next_sentence.Batch(masked, ELSEWHERE))
    close(loss, wanted.loss)
    wanted.loss.backward()
    loss.backward()
    gradients = {name: cast("Tensor", parameter.grad) for name, parameter in reference.named_parameters()}
    shapes = {name: p.shape for name, p in model.named_parameters()}
    ours = to_ours(gradients, bert.PRETRAINING, shapes).tensors
    largest = max(gradient.abs().max() for gradient in ours.values())
    for name, parameter in model.named_parameters():  # the word embeddings' is the sum of both their uses
        assert parameter.grad is not None
        assert (parameter.grad - ours[name]).abs().max() <= PRECISION[dtype] * largest, name


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("kind", ["BertForMaskedLM", "DistilBertForMaskedLM"])
def test_masked_tokens_logits_and_loss(kind: str, dtype: torch.dtype) -> None:
    reference = _reference(kind)
    model = _masked(reference).to(dtype)
    reference.to(dtype)
    ids, _ = texts()
    targets, labels = _targets()
    with torch.no_grad():
        wanted = reference(
            input_ids=padded(ids),
            attention_mask=padded([np.ones_like(row) for row in ids]),
            labels=labels,
        )
        batch = masked_language.Batch(Tokens.pack(ids), torch.tensor(PLACES), targets)
        close(model(batch.tokens, torch.arange(sum(LENGTHS))), packed(wanted.logits))
        close(masked_language.loss(model, batch), wanted.loss)


@pytest.mark.parametrize("kind", ["BertForPreTraining", "BertForMaskedLM", "DistilBertForMaskedLM"])
def test_folders_there_and_back(kind: str, tmp_path: Path) -> None:
    """Ours reads theirs; transformers opens ours with every tensor equal; ours reads its own again."""
    reference = _reference(kind).float()
    theirs, ours, again = (tmp_path / name for name in ("theirs", "ours", "again"))
    for folder in (ours, again):
        folder.mkdir()
    reference.save_pretrained(theirs)
    model: Any
    if kind == "BertForPreTraining":
        model, conversion = load_pretraining(theirs)
        save_pretraining(model, ours)
        opened = transformers.AutoModelForPreTraining.from_pretrained(ours)
        read, _ = load_pretraining(ours)
        save_pretraining(read, again)
    else:
        model, conversion = load_masked_language(theirs)
        save_masked_language(model, ours)
        opened = transformers.AutoModelForMaskedLM.from_pretrained(ours)
        read, _ = load_masked_language(ours)
        save_masked_language(read, again)
    pooler = ("backbone.pooler.weight", "backbone.pooler.bias")
    assert conversion.fresh == (pooler if kind == "BertForMaskedLM" else ())
    assert type(opened) is getattr(transformers, kind)
    state = reference.state_dict()
    assert opened.state_dict().keys() == state.keys()
    assert all(torch.equal(state[name], tensor) for name, tensor in opened.state_dict().items())
    assert (ours / "model.safetensors").read_bytes() == (again / "model.safetensors").read_bytes()


def _of_2018(state: dict[str, Tensor]) -> dict[str, Tensor]:
    old = {
        name.replace("Norm.weight", "Norm.gamma").replace("Norm.bias", "Norm.beta"): tensor.clone()
        for name, tensor in state.items()
    }
    return old | {"bert.embeddings.position_ids": torch.arange(24)[None]}


def test_each_rule_fires_on_a_checkpoint_of_2018() -> None:
    state = _of_2018(_reference("BertForPreTraining").state_dict())
    assert "cls.predictions.decoder.weight" in state and "cls.predictions.decoder.bias" in state
    model = BertPretraining(Bert(bert.read_config(BERT)))
    shapes = {name: value.shape for name, value in model.state_dict().items()}
    assert all(to_ours(state, bert.PRETRAINING, shapes).used)
    masked = MaskedLanguageModel(model.backbone)
    shapes = {name: value.shape for name, value in masked.state_dict().items()}
    conversion = to_ours(state, bert.MASKED_LANGUAGE, shapes)
    assert {name for name in conversion.dropped if name.startswith("cls.")} == {
        "cls.seq_relationship.weight",
        "cls.seq_relationship.bias",
    }
    written = to_theirs(masked.state_dict(), bert.MASKED_LANGUAGE)
    assert not any("pooler" in name for name in written)  # Omit, which reads nothing
    theirs = _reference("DistilBertForMaskedLM")
    small = MaskedLanguageModel(DistilBert(distilbert.read_config(theirs.config.to_dict())))
    shapes = {name: value.shape for name, value in small.state_dict().items()}
    positions = {"distilbert.embeddings.position_ids": torch.arange(24)[None]}
    assert all(to_ours(theirs.state_dict() | positions, distilbert.MASKED_LANGUAGE, shapes).used)


@pytest.mark.parametrize(
    "left_out", ["cls.predictions.decoder.weight", "bert.embeddings.word_embeddings.weight"]
)
def test_either_of_two_tied_tensors_is_enough(left_out: str) -> None:
    reference = _reference("BertForPreTraining")
    state = dict(reference.state_dict())
    del state[left_out]
    model = BertPretraining(Bert(bert.read_config(BERT))).double()
    fill_model(model, state, bert.PRETRAINING, where="the file")
    words = model.state_dict()["backbone.embeddings.word.weight"]
    assert torch.equal(words, reference.state_dict()["bert.embeddings.word_embeddings.weight"])


def test_a_decoder_that_is_not_tied_is_refused() -> None:
    state = _of_2018(_reference("BertForPreTraining").state_dict())
    state["cls.predictions.decoder.weight"][3, 4] += 1
    model = BertPretraining(Bert(bert.read_config(BERT)))
    with pytest.raises(LayoutError, match=r"cls\.predictions\.decoder\.weight: differs from bert\.emb"):
        fill_model(model, state, bert.PRETRAINING, where="the file")


def test_an_encoder_comes_out_of_a_folder_with_heads(tmp_path: Path) -> None:
    reference = _reference("BertForPreTraining").float()
    model = _pretraining(reference.double()).float()
    save_pretraining(model, tmp_path)
    encoder, conversion = load_encoder(tmp_path)
    assert conversion.fresh == ()
    assert {name.split(".")[0] for name in conversion.dropped} == {"cls"}
    ids, segments = texts()
    batch = Tokens.pack(ids, segments)
    with torch.no_grad():
        assert torch.equal(encoder.summarize(batch), model.backbone.summarize(batch))


def test_a_distilbert_has_no_next_sentence_head(tmp_path: Path) -> None:
    _reference("DistilBertForMaskedLM").save_pretrained(tmp_path)
    with pytest.raises(WeightsError, match="is a distilbert; only a bert"):
        load_pretraining(tmp_path)
