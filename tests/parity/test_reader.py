"""What reads answers out of contexts against transformers': logits, loss, gradients, and folders that it opens."""

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from encoders import noisy

from headway.blocks.ragged import Tokens
from headway.models.heads import ClassificationHead, TokenClassifier
from headway.models.registry import backbone_class
from headway.tasks import reading
from headway.weights.convert import to_ours, to_theirs
from headway.weights.formats import layout
from headway.weights.pretrained import load_encoder, load_reader, save_reader

transformers = pytest.importorskip("transformers", reason="the reference, transformers, is not installed")

NAMES = {"bert": "BertForQuestionAnswering", "distilbert": "DistilBertForQuestionAnswering"}
LENGTHS = (7, 24, 9, 7)


def _ours(architecture: str, theirs: Any) -> TokenClassifier:
    form = layout(architecture)
    config = form.read_config(theirs.config.to_dict())
    backbone = cast("Any", backbone_class(architecture)(config))
    model = TokenClassifier(backbone, ClassificationHead(20, 2, 0.0)).double().eval()
    shapes = {name: tensor.shape for name, tensor in model.state_dict().items()}
    found = to_ours(theirs.state_dict(), form.READER, shapes, fresh=("backbone.pooler.",))
    model.load_state_dict(found.tensors, strict=False)
    # theirs leaves the pooler out, which no token's vector is read through
    assert set(found.fresh) == (
        {"backbone.pooler.weight", "backbone.pooler.bias"} if architecture == "bert" else set()
    )
    return model


def _batch(architecture: str) -> tuple[list[np.ndarray], list[np.ndarray] | None]:
    random = np.random.default_rng(0)
    ids = [random.integers(1, 97, length) for length in LENGTHS]
    segments = [(np.arange(length) >= length / 2).astype(np.int64) for length in LENGTHS]
    return ids, segments if architecture == "bert" else None


@pytest.mark.parametrize("architecture", NAMES)
def test_logits_loss_and_gradients(architecture: str) -> None:
    theirs = noisy(NAMES[architecture])
    ours = _ours(architecture, theirs)
    ids, segments = _batch(architecture)
    places = np.array([[2, 4], [20, 23], [0, 0], [6, 6]])
    batch = reading.Batch(Tokens.pack(ids, segments), torch.from_numpy(places))
    logits = torch.split(ours(batch.windows), LENGTHS)
    total = torch.zeros((), dtype=torch.float64)
    for row, (one, own) in enumerate(zip(ids, logits, strict=True)):
        more = {} if segments is None else {"token_type_ids": torch.from_numpy(segments[row])[None]}
        start, end = torch.from_numpy(places[row])
        told = theirs(
            torch.from_numpy(one)[None], start_positions=start[None], end_positions=end[None], **more
        )
        wanted = torch.stack([told.start_logits[0], told.end_logits[0]], dim=1)
        assert (own - wanted).abs().max() <= 1e-10 * wanted.abs().max()
        total = total + told.loss / len(ids)
    found = reading.loss(ours, batch)
    assert found.dtype == torch.float32 and found.item() == pytest.approx(total.item(), rel=1e-5)
    found.backward()  # type: ignore[no-untyped-call]
    total.backward()  # type: ignore[no-untyped-call]
    head = ours.head.classifier.weight.grad
    wanted = cast("Any", theirs).qa_outputs.weight.grad
    assert head is not None and (head - wanted).abs().max() < 1e-5 * wanted.abs().max()


@pytest.mark.parametrize("architecture", NAMES)
def test_transformers_opens_the_folder(architecture: str, tmp_path: Path) -> None:
    ours = _ours(architecture, noisy(NAMES[architecture])).float()
    save_reader(ours, tmp_path)
    opened = transformers.AutoModelForQuestionAnswering.from_pretrained(tmp_path).eval()
    ids, _ = _batch(architecture)
    with torch.no_grad():
        told = opened(torch.from_numpy(ids[1])[None])
        found = ours(Tokens.pack([ids[1]]))
    wanted = torch.stack([told.start_logits[0], told.end_logits[0]], dim=1)
    assert (found - wanted).abs().max() < 1e-5 * wanted.abs().max()
    again = load_reader(tmp_path)
    for name, tensor in ours.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor), name
    # `fit --model` takes such a folder; its head is left behind, and named
    backbone, conversion = load_encoder(tmp_path)
    assert set(conversion.dropped) >= {"qa_outputs.weight", "qa_outputs.bias"}
    theirs = to_theirs(ours.state_dict(), layout(architecture).READER)
    assert "qa_outputs.weight" in theirs and type(backbone).__module__.endswith(architecture)


def test_another_backbone_keeps_its_head_beside_it(tmp_path: Path) -> None:
    from headway.models.gpt2 import Gpt2, Gpt2Config

    config = Gpt2Config(vocab_size=50, d_model=12, d_ff=20, num_heads=2, num_layers=2, max_positions=16)
    model = TokenClassifier(Gpt2(config), ClassificationHead(12, 2, 0.0)).eval()
    save_reader(model, tmp_path)
    again = load_reader(tmp_path)
    batch = Tokens.pack([np.arange(5), np.arange(9)])
    assert torch.equal(again(batch), model(batch)) and (tmp_path / "head.safetensors").is_file()
