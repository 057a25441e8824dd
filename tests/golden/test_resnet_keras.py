"""A ResNet that Keras's own code built and ran (tests/fixtures/resnet_keras/make.py), out of its HDF5 file."""

from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch

from headway.blocks.pictures import Pictures
from headway.models.resnet import ResNet, ResNetConfig
from headway.weights.convert import to_ours, to_theirs
from headway.weights.formats import resnet_keras
from headway.weights.pictures import read_picture_backbone, read_picture_classifier
from headway.weights.read import read_tensors

pytest.importorskip("h5py", reason="h5py (the extra `legacy`) is not installed")

HERE = Path(__file__).parents[1] / "fixtures" / "resnet_keras"
FILE = HERE / "weights.h5"
CONFIG = {
    **resnet_keras.keras_config(50).to_dict(),
    "depths": (2, 1),
    "widths": (20, 36),
}


def _expected() -> dict[str, torch.Tensor]:
    with np.load(HERE / "expected.npz") as file:
        return {name: torch.from_numpy(file[name]) for name in file.files}


def _close(found: torch.Tensor, wanted: torch.Tensor) -> None:
    assert (found - wanted).abs().max() <= 1e-10 * wanted.abs().max()


def test_every_depth_and_the_logits() -> None:
    expected = _expected()
    batch = Pictures(expected["pictures"].permute(0, 3, 1, 2))  # theirs are [B, H, W, C]
    model, conversion = read_picture_classifier(FILE, "resnet", CONFIG, 7)
    assert 0 not in conversion.used
    model = model.double()
    backbone = cast("ResNet", model.backbone)
    with torch.no_grad():  # the file's values are float64, read as float32: once more, in full
        layout = resnet_keras.LAYOUTS[0]
        tensors = layout.names(read_tensors(FILE))
        shapes = {name: value.shape for name, value in model.state_dict().items()}
        rules = layout.rules(backbone.config, tensors, classifier=True)
        model.load_state_dict(to_ours(tensors, rules, shapes).tensors)
        for depth, maps in enumerate(backbone.intermediates(batch)):
            _close(maps, expected[f"depth_{depth}"].permute(0, 3, 1, 2))
        _close(model(batch), expected["logits"])
    theirs = to_theirs(model.state_dict(), rules)
    assert theirs.keys() == tensors.keys()
    assert all(torch.equal(theirs[name], tensors[name]) for name in tensors)


@pytest.mark.parametrize("change", [{"stride_in_first": False}, {"norm_eps": 1e-3}])
def test_the_places_where_keras_differs_are_seen(change: dict[str, object]) -> None:
    expected = _expected()
    model, _ = read_picture_classifier(FILE, "resnet", CONFIG | change, 7)
    with torch.no_grad():
        logits = model(Pictures(expected["pictures"].permute(0, 3, 1, 2).float()))
    assert (logits - expected["logits"]).abs().max() > 1e-3 * expected["logits"].abs().max()


def test_the_backbone_alone_and_the_published_sizes() -> None:
    backbone, conversion = read_picture_backbone(FILE, "resnet", CONFIG)
    assert set(conversion.dropped) == {"predictions/kernel", "predictions/bias"}
    assert backbone.num_features == 36
    assert resnet_keras.keras_config(101) == ResNetConfig(
        depths=(3, 4, 23, 3), stride_in_first=True, convolution_bias=True, norm_eps=1.001e-5
    )
