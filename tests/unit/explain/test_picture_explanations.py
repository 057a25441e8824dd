"""Explanations of pictures: the gradient's formula, and patches that hide what counts."""

import numpy as np
import pytest
import torch

from headway.data.pictures import Picture
from headway.explain.pictures import PLACES, explain, grad_cam, occlusion
from headway.tasks.picture_classification import build
from headway.tasks.picture_finetuned import TrainedPictureClassifier
from picture_files import photo, saved
from tiny_pictures import tiny_encoder


class Corner:
    """Says "there" as surely as the upper left eighth of a picture is bright."""

    def judge(self, views: list[np.ndarray]) -> np.ndarray:
        there = np.array([view[:8, :8].mean() / 255 for view in views])
        return np.stack([there, 1 - there], axis=1)


def test_covering_what_counts_is_found_and_nothing_else() -> None:
    view = np.zeros((64, 64, 3), np.uint8)
    view[:8, :8] = 255
    found = occlusion(Corner(), view, 0)
    assert found.shape == (PLACES, PLACES) and found[0, 0] == 1 and found.sum() == 1
    assert (occlusion(Corner(), view, 1) == 0).all()  # covering can only make the other class surer


@pytest.mark.parametrize("label", [0, 2])
def test_grad_cam_is_its_formula(label: int) -> None:
    encoder = tiny_encoder()
    network = build(encoder, 3, seed=1).eval()
    with torch.no_grad():
        network.head.classifier.weight[label].add_(
            0.05
        )  # so that more of the maps speaks for the class than against
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    pictures = encoder.pack([pixels])
    maps = encoder.backbone.features(pictures).maps[0].detach()
    # the head reads the maps' mean, so the gradient by a map is the head's weight over the number of places
    of_classes = network.head.classifier.weight.detach()
    weights = (of_classes[label] - of_classes.mean(dim=0)) / maps[0].numel()
    expected = torch.relu((weights[:, None, None] * maps).sum(dim=0)).numpy()
    assert expected.max() > 0
    np.testing.assert_allclose(grad_cam(network, pictures, label), expected / expected.max(), atol=1e-5)
    assert all(parameter.grad is None for parameter in network.parameters())
    with torch.no_grad():
        of_classes -= of_classes[label].clone()  # as a regression of two classes gives the first one nothing
    np.testing.assert_allclose(grad_cam(network, pictures, label), expected / expected.max(), atol=1e-5)


def test_a_predictor_without_pictures_is_not_explained_and_one_with_a_network_is(tmp_path) -> None:
    (tmp_path / "one.jpg").write_bytes(saved(photo(3), "JPEG"))
    picture = Picture.file(tmp_path / "one.jpg")
    encoder = tiny_encoder()
    predictor = TrainedPictureClassifier(("a", "b"), encoder, build(encoder, 2, seed=1), {})
    found = explain(predictor, picture, 1)
    assert found is not None and found.view.shape == (32, 32, 3)
    assert found.grad_cam is not None and found.occlusion.max() <= 1
    assert explain(object(), picture, 0) is None
