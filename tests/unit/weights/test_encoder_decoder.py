"""Encoder-decoders through folders: whole, by their encoders, and as classifiers."""

import json
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch

from headway.blocks.ragged import Tokens
from headway.core.errors import WeightsError
from headway.models.heads import Classifier
from headway.models.registry import backbone_class, encoder_decoder_class
from headway.weights.encoder_decoder import load_encoder_decoder, save_encoder_decoder
from headway.weights.pretrained import load_classifier, load_encoder, save_classifier, save_encoder

SIZES = {"vocab_size": 30, "d_model": 12, "d_ff": 20, "num_heads": 3, "num_layers": 2}
CONFIGS: dict[str, dict[str, Any]] = {
    "t5": SIZES | {"num_decoder_layers": 1, "d_kv": 5},
    "transformer": SIZES | {"dropout": 0.2, "norm_eps": 1e-3},
}
everywhere = pytest.mark.parametrize("name", list(CONFIGS))


def _build(name: str) -> Any:
    torch.manual_seed(0)
    kind = encoder_decoder_class(name)
    return kind(kind.config_class.from_dict(CONFIGS[name])).eval()


def _batch(seed: int) -> Tokens:
    random = np.random.default_rng(seed)
    return Tokens.pack([random.integers(0, 30, length) for length in (3, 7, 1)])


@everywhere
def test_whole_and_by_its_encoder(name: str, tmp_path: Path) -> None:
    model = _build(name)
    (tmp_path / "encoder").mkdir()
    save_encoder_decoder(model, tmp_path)
    again, conversion = load_encoder_decoder(tmp_path)
    assert (conversion.fresh, conversion.dropped) == ((), {})
    assert again.config == model.config
    assert torch.equal(again.logits(_batch(0), _batch(1)), model.logits(_batch(0), _batch(1)))
    for folder in (tmp_path, tmp_path / "encoder"):
        encoder, conversion = load_encoder(folder)
        assert type(encoder) is backbone_class(name)
        assert bool(conversion.dropped) == (folder == tmp_path)
        assert set(conversion.dropped.values()) <= {"the decoder, not part of the encoder"}
        assert torch.equal(encoder.summarize(_batch(0)), model.encoder.summarize(_batch(0)))
        save_encoder(encoder, tmp_path / "encoder")


@everywhere
def test_a_classifier_on_its_encoder(name: str, tmp_path: Path) -> None:
    encoder = _build(name).encoder
    model = Classifier(encoder, encoder.head_class(12, 3, dropout=0.3)).eval()
    save_classifier(model, ("a", "b", "c"), tmp_path)
    again, labels = load_classifier(tmp_path)
    assert labels == ("a", "b", "c")
    assert again.head.dropout.p == 0.3
    assert torch.equal(again(_batch(0)), model(_batch(0)))


def test_an_unknown_key_and_another_architecture_are_refused(tmp_path: Path) -> None:
    save_encoder_decoder(_build("transformer"), tmp_path)
    path = tmp_path / "config.json"
    config = cast("dict[str, Any]", json.loads(path.read_text()))
    path.write_text(json.dumps(config | {"colour": "red"}))
    with pytest.raises(WeightsError, match="unknown key 'colour'"):
        load_encoder_decoder(tmp_path)
    path.write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(
        WeightsError, match=r"is a bert, which is no encoder-decoder[^K]*Known .*: t5, transformer"
    ):
        load_encoder_decoder(tmp_path)
