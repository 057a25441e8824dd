"""Pixel features: histograms and gradients against what can be said of simple pictures by hand."""

import numpy as np
import pytest

from headway.models.pixel_features import (
    LEVELS,
    ORIENTATIONS,
    SIDE,
    colour_histograms,
    oriented_gradients,
    pixel_features,
)


def plain(*colour: int) -> np.ndarray:
    return np.full((SIDE, SIDE, 3), colour, np.uint8)


def test_a_picture_of_one_colour_has_one_share_in_each_histogram_and_no_gradient() -> None:
    found = colour_histograms(plain(255, 0, 128)).reshape(5, LEVELS, LEVELS, LEVELS)
    assert (found[:, 5, 0, 3] == 1).all() and found.sum() == 5
    assert (oriented_gradients(plain(255, 0, 128)) == 0).all()


def test_the_whole_is_counted_first_and_then_its_quarters() -> None:
    picture = plain(0, 0, 0)
    picture[: SIDE // 2, SIDE // 2 :] = 255  # above, right
    shares = colour_histograms(picture).reshape(5, -1) ** 2
    assert np.allclose(shares[:, -1], [0.25, 0, 1, 0, 0])
    assert np.allclose(shares.sum(axis=1), 1)


@pytest.mark.parametrize(("axis", "orientation"), [(1, 0), (0, 4)])
def test_an_edge_counts_for_the_orientation_of_its_gradient(axis: int, orientation: int) -> None:
    ramp = np.broadcast_to(np.linspace(0, 255, SIDE, dtype=np.uint8), (SIDE, SIDE))
    picture = np.repeat((ramp if axis == 1 else ramp.T)[:, :, None], 3, axis=2)
    found = oriented_gradients(picture).reshape(-1, ORIENTATIONS).sum(axis=0)
    # a gradient at 0 lies between the last orientation and the first, one at a right angle on the middle one
    expected = {0, ORIENTATIONS - 1} if orientation == 0 else {4}
    assert set(np.flatnonzero(found > 0.01 * found.max())) == expected


def test_blocks_have_length_one_and_brightness_does_not_matter() -> None:
    random = np.random.default_rng(0)
    picture = random.integers(0, 120, (SIDE, SIDE, 3), dtype=np.uint8)
    found = oriented_gradients(picture)
    assert np.allclose(np.linalg.norm(found.reshape(-1, 4 * ORIENTATIONS), axis=1), 1, atol=1e-4)
    assert np.allclose(found, oriented_gradients(2 * picture), atol=2e-3)
    assert pixel_features(picture).dtype == np.float32
