"""Pictures as training sees them: pure functions of the seed, mixed by shares, frozen maps the same as the pictures."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from headway.blocks.convolution import BatchNorm
from headway.blocks.pictures import Pictures
from headway.core.progress import Silent
from headway.data.augmentation import AUGMENTATIONS
from headway.data.examples import Examples
from headway.data.images import read_pixels, read_whole
from headway.data.pictures import Picture
from headway.ladder.picture_training import (
    FrozenPictureTraining,
    PictureTrunk,
    fine_tuning_settings,
    scratch_settings,
    train_on_pictures,
)
from headway.models.linear_head import LinearHead
from headway.tasks.picture_classification import Batch, ChangedPictures, FrozenMaps, build, loss, mixed
from headway.tasks.picture_encoder import PictureEncoder
from headway.training.companions import Thaw
from headway.training.picture_settings import PictureSettings
from picture_files import photo, saved
from tiny_pictures import RECORD, tiny_encoder

ENCODER = tiny_encoder()
TARGETS = np.arange(10) % 3


class _Trunk(PictureTrunk):
    """The tiny network in the place of a published one."""

    def __init__(self) -> None:
        super().__init__("tiny", ENCODER.device)

    def open(self) -> PictureEncoder:
        return ENCODER


def _examples(pictures: list[Picture]) -> Examples:
    names = Examples.of_texts([picture.sha256 for picture in pictures], list("abcabcabca"), "made up")
    return replace(names, inputs=tuple(pictures))


@pytest.fixture
def pictures(tmp_path: Path) -> list[Picture]:
    for number in range(10):
        (tmp_path / f"{number}.jpg").write_bytes(saved(photo(number), "JPEG", quality=90))
    return [Picture.file(tmp_path / f"{number}.jpg") for number in range(10)]


def changed(pool: ThreadPoolExecutor, augmentation: str = "strong", mix: str = "none") -> ChangedPictures:
    images = [read_whole(saved(photo(number), "JPEG"), RECORD) for number in range(10)]
    return ChangedPictures(
        ENCODER, images, TARGETS, 3, 4, AUGMENTATIONS[augmentation], mix, seed=5, pool=pool
    )


@pytest.mark.parametrize("mix", ["none", "mixup", "cutmix"])
def test_an_epoch_is_a_pure_function_of_the_seed_wherever_one_begins_in_it(mix: str) -> None:
    with ThreadPoolExecutor(3) as pool:
        source = changed(pool, mix=mix)
        first, again, other = source(2), source(2), source(3)
        assert [len(batch.maps) for batch in list(first)] == [4, 4, 2] and len(first) == 3
        last = again[2]
        assert torch.equal(last.maps.values, source(2)[2].maps.values)
        assert torch.equal(last.targets, source(2)[2].targets)
        assert not torch.equal(other[0].maps.values, source(2)[0].maps.values)
        seen = np.concatenate([batch.targets.numpy() for batch in changed(pool)(0)])
        assert sorted(seen.tolist()) == sorted(TARGETS.tolist())


@pytest.mark.parametrize("mix", ["mixup", "cutmix"])
def test_targets_are_mixed_in_the_shares_of_the_pixels(mix: str) -> None:
    ones = torch.eye(4)
    plain = torch.arange(4.0)[:, None, None, None].expand(4, 1, 20, 20)  # picture i is all i
    for seed in range(20):
        batch = mixed(Pictures(plain.clone()), ones, mix, np.random.default_rng(seed))
        assert torch.allclose(batch.targets.sum(dim=1), torch.ones(4))
        expected = batch.targets @ torch.arange(4.0)
        assert torch.allclose(batch.maps.values.mean(dim=(1, 2, 3)), expected, atol=1e-5)


def test_parts_of_a_batch_are_the_batch() -> None:
    whole = Batch(Pictures(torch.randn(10, 3, 8, 8)), torch.arange(10), first=2)
    parts = whole.parts(4)
    assert [len(part.maps) for part in parts] == [4, 4, 2] and {part.first for part in parts} == {2}
    assert torch.equal(torch.cat([part.maps.values for part in parts]), whole.maps.values)
    assert torch.equal(torch.cat([part.targets for part in parts]), whole.targets)


def test_a_head_that_starts_from_a_probe_says_what_the_probe_says() -> None:
    random = np.random.default_rng(0)
    vectors = random.normal(2, 3, (60, 24)).astype(np.float32)
    probe = LinearHead.fit(vectors, np.arange(60) % 3, 3, 0.1)
    model = build(ENCODER, 3, seed=0, start=probe)
    with torch.no_grad():
        found = model.head(torch.from_numpy(vectors)).softmax(dim=1).numpy()
    np.testing.assert_allclose(found, probe.probabilities(vectors), atol=1e-5)


def test_maps_before_a_group_give_the_same_loss_and_gradients_as_the_pictures(
    pictures: list[Picture],
) -> None:
    model = build(ENCODER, 3, seed=0).eval()
    groups = ENCODER.backbone.layer_groups()
    maps = FrozenMaps(ENCODER, pictures, TARGETS, 10, 5, Thaw(groups, 1, 2).lowest)
    pixels = [read_pixels(picture.read(), RECORD) for picture in pictures]
    found = []
    for epoch, first in ((0, 4), (1, 3), (5, 2)):
        (batch,) = maps(epoch)
        assert batch.first == first
        assert torch.equal(batch.targets, maps(epoch)[0].targets)  # the same order again
        model.zero_grad()
        value = loss(model, batch)
        value.backward()
        found.append((value.item(), groups[4].parameters[0].grad.clone()))
    whole = loss(model, Batch(ENCODER.pack(pixels), torch.from_numpy(TARGETS)))
    model.zero_grad()
    whole.backward()
    for value, gradient in found:
        assert abs(value - whole.item()) < 1e-5
        assert torch.allclose(gradient, groups[4].parameters[0].grad, atol=1e-5)


def test_what_is_computed_for_a_picture_does_not_depend_on_those_beside_it(pictures: list[Picture]) -> None:
    together = np.stack(list(ENCODER.vectors(pictures)))
    alone = np.concatenate([list(ENCODER.vectors([picture])) for picture in pictures[::-1]])[::-1]
    assert (together == alone).all()


def test_a_frozen_classifier_judges_a_picture_and_its_mirror_image_alike(pictures: list[Picture]) -> None:
    classifier = FrozenPictureTraining(_Trunk()).fit(_examples(pictures), 0, Silent())
    views = [classifier.view(picture) for picture in pictures]
    assert not np.array_equal(views[0], views[0][:, ::-1])
    said = classifier.predict(pictures)
    assert np.ptp(said, axis=0).min() > 0.01
    np.testing.assert_allclose(classifier.judge(views), said, atol=1e-6)
    np.testing.assert_allclose(classifier.judge([view[:, ::-1] for view in views]), said, atol=1e-6)
    vectors = np.stack(classifier.embed(pictures))
    assert vectors.shape[:2] == (10, 2)
    np.testing.assert_allclose(classifier.head.probabilities(vectors.mean(axis=1)), said)
    assert not np.allclose(classifier.head.probabilities(vectors[:, 0]), said)


@pytest.mark.parametrize("statistics", ["frozen", "batch"])
def test_whether_statistics_are_kept_is_part_of_the_recipe(statistics: str) -> None:
    encoder = tiny_encoder()
    model = build(encoder, 3, seed=0)
    norms = [module for module in model.modules() if isinstance(module, BatchNorm)]
    before = [(norm.running_mean.clone(), norm.weight.detach().clone()) for norm in norms]
    settings = replace(
        fine_tuning_settings(10), epochs=2, batch_size=4, statistics=statistics, average="none", start="fresh"
    )
    with ThreadPoolExecutor(2) as pool:
        train_on_pictures(model, encoder, changed(pool, "light"), settings, 5, Silent())
    kept = [torch.equal(norm.running_mean, mean) for norm, (mean, _) in zip(norms, before, strict=True)]
    assert all(kept) if statistics == "frozen" else not any(kept)
    moved = [not torch.equal(norm.weight, weight) for norm, (_, weight) in zip(norms, before, strict=True)]
    assert all(moved) and not any(norm.frozen for norm in norms)


def test_only_what_stays_the_same_is_kept() -> None:
    still = PictureSettings(epochs=1, learning_rate=0.1, augmentation="none", frozen_groups=2)
    assert still.keeps_maps and replace(still, frozen_groups=0, thaw=1).keeps_maps
    for other in ({"augmentation": "flip"}, {"mix": "mixup"}, {"statistics": "batch"}, {"frozen_groups": 0}):
        assert not replace(still, **other).keeps_maps
    assert not scratch_settings(500).keeps_maps
