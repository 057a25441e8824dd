"""Google's checkpoint layout of BERT: a small one that real tensorflow wrote, with what its own BERT computes from it.

tests/fixtures/bert_tensorflow/make.py wrote both. `make test-tensorflow` runs this where tensorflow is installed.
"""

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from headway.blocks.ragged import Tokens
from headway.core.errors import LayoutError, WeightsError
from headway.models.bert import Bert, BertConfig
from headway.models.pretraining_heads import BertPretraining
from headway.weights.convert import to_ours, to_theirs
from headway.weights.formats import bert_tensorflow as layout
from headway.weights.pretrained import load_encoder
from headway.weights.pretraining import load_masked_language, load_pretraining
from headway.weights.read import read_tensors

FIXTURE = Path(__file__).parents[1] / "fixtures" / "bert_tensorflow"
INDEX = FIXTURE / "bert_model.ckpt.index"


@pytest.fixture
def tensorflow() -> None:
    pytest.importorskip("tensorflow", reason="tensorflow is not installed (make test-tensorflow)")


def _close(found: Tensor, wanted: np.ndarray) -> None:
    assert (found - torch.from_numpy(wanted)).abs().max() <= 1e-10 * np.abs(wanted).max()


@pytest.mark.usefixtures("tensorflow")
def test_what_tensorflow_computes_every_depth_and_both_heads() -> None:
    model, conversion = load_pretraining(FIXTURE)
    assert set(conversion.dropped.values()) == {"the count of training steps", "the optimizer's state"}
    model.double()
    expected = np.load(FIXTURE / "expected.npz")
    rows = range(3)
    ids, segments, places = (
        [expected[f"{name}_{row}"] for row in rows] for name in ("ids", "segments", "places")
    )
    batch = Tokens.pack(ids, segments)
    starts = np.cumsum([0, *map(len, ids)])
    at = np.concatenate([start + part for start, part in zip(starts, places, strict=False)])
    with torch.no_grad():
        for depth, found in enumerate(model.backbone.intermediates(batch)):
            _close(found.values, np.concatenate([expected[f"depths_{row}"][depth] for row in rows]))
        masked, answers = model.both(batch, torch.from_numpy(at))
        _close(model.backbone.summarize(batch), np.concatenate([expected[f"pooled_{row}"] for row in rows]))
    _close(masked, np.concatenate([expected[f"masked_{row}"] for row in rows]))
    _close(answers, np.concatenate([expected[f"next_{row}"] for row in rows]))


@pytest.mark.usefixtures("tensorflow")
def test_the_encoder_alone_and_the_masked_head_alone() -> None:
    model, _ = load_pretraining(FIXTURE)
    encoder, conversion = load_encoder(FIXTURE)
    assert isinstance(encoder, Bert)
    assert sum(name.startswith("cls/") for name in conversion.dropped) == 7
    ours = model.backbone.state_dict()
    assert all(torch.equal(ours[name], tensor) for name, tensor in encoder.state_dict().items())
    masked, conversion = load_masked_language(FIXTURE)
    assert conversion.fresh == ()
    assert sum(name.startswith("cls/seq") for name in conversion.dropped) == 2
    assert torch.equal(masked.masked.bias, model.masked.bias)


@pytest.mark.usefixtures("tensorflow")
def test_each_rule_fires_and_the_tensors_go_back_unchanged() -> None:
    tensors = read_tensors(INDEX)
    model, _ = load_pretraining(FIXTURE)
    shapes = {name: value.shape for name, value in model.state_dict().items()}
    assert all(to_ours(tensors, layout.PRETRAINING, shapes).used)
    back = to_theirs(model.state_dict(), layout.PRETRAINING)
    kept = {name for name in tensors if name != "global_step" and "/adam_" not in name}
    assert back.keys() == kept
    assert all(torch.equal(back[name], tensors[name]) for name in back)
    with pytest.raises(LayoutError, match="in the file, but without a place in the model: bert/extra"):
        to_ours(tensors | {"bert/extra": torch.zeros(1)}, layout.PRETRAINING, shapes)


@pytest.mark.usefixtures("tensorflow")
def test_a_damaged_or_halved_checkpoint_is_an_error(tmp_path: Path) -> None:
    for file in FIXTURE.glob("bert*"):
        shutil.copy(file, tmp_path)
    index = tmp_path / INDEX.name
    index.write_bytes(index.read_bytes()[:-30])
    with pytest.raises(WeightsError, match="is damaged or incomplete"):
        load_encoder(tmp_path)
    shutil.copy(INDEX, index)
    (tmp_path / "bert_model.ckpt.data-00000-of-00001").unlink()
    with pytest.raises(WeightsError, match="is damaged or incomplete"):
        load_encoder(tmp_path)


def test_without_tensorflow_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(WeightsError, match="pip install tensorflow"):
        load_encoder(FIXTURE)


def test_the_table_is_reversible() -> None:
    model = BertPretraining(_tiny())
    state = model.state_dict()
    theirs = to_theirs(state, layout.PRETRAINING)
    assert "bert/encoder/layer_0/attention/self/query/kernel" in theirs
    assert theirs["bert/encoder/layer_1/intermediate/dense/kernel"].shape == (8, 12)  # [in, out]
    again = to_ours(theirs, layout.PRETRAINING, {name: value.shape for name, value in state.items()})
    assert all(torch.equal(again.tensors[name], value) for name, value in state.items())


def _tiny() -> Bert:
    sizes = {"vocab_size": 30, "d_model": 8, "d_ff": 12, "num_heads": 2, "num_layers": 2, "max_positions": 6}
    return Bert(BertConfig(**sizes))
