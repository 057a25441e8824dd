"""Augmentation: pure functions of the generator, sizes and bounds kept, what each piece does seen in the pixels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headway.core.errors import UsageError
from headway.core.preprocessing import PicturePreprocessing
from headway.data.augmentation import AUGMENTATIONS, OPERATIONS, Augmentation, augment, random_box
from headway.data.images import prepare
from picture_files import photo

COLOURS = PicturePreprocessing(resize=32, crop=32)


def drawn(name: str, seed: int, *, grey: bool = False) -> np.ndarray:
    image = photo(3, 90, 64).convert("L" if grey else "RGB")
    record = (
        PicturePreprocessing(resize=32, crop=32, channels="L", mean=(0.5,), std=(0.5,)) if grey else COLOURS
    )
    return augment(image, AUGMENTATIONS[name], record, np.random.default_rng(seed))


@pytest.mark.parametrize("name", AUGMENTATIONS)
@pytest.mark.parametrize("grey", [False, True])
def test_a_square_of_the_size_asked_for_that_follows_from_the_seed(name: str, grey: bool) -> None:
    first = drawn(name, 1, grey=grey)
    assert first.shape == (32, 32, 1 if grey else 3) and first.dtype == np.uint8
    assert (drawn(name, 1, grey=grey) == first).all()
    others = [(drawn(name, seed, grey=grey) != first).any() for seed in range(2, 12)]
    assert any(others) == AUGMENTATIONS[name].changes


def test_without_changes_it_is_the_middle_square_as_in_evaluation() -> None:
    record = PicturePreprocessing(resize=40, crop=32)
    image = photo(3, 90, 64)
    found = augment(image, AUGMENTATIONS["none"], record, np.random.default_rng(0))
    assert (found == prepare(image, record)).all()


def test_channels_come_in_the_order_that_the_weights_want() -> None:
    record = PicturePreprocessing(resize=32, crop=32, channels="BGR")
    found = augment(photo(3, 90, 64), AUGMENTATIONS["light"], record, np.random.default_rng(4))
    assert (found == drawn("light", 4)[:, :, ::-1]).all()


def test_flipping_mirrors_and_happens_half_of_the_time() -> None:
    plain = drawn("none", 0)
    flipped = [bool((drawn("flip", seed) == plain[:, ::-1]).all()) for seed in range(200)]
    assert (
        all(flip or (drawn("flip", seed) == plain).all() for seed, flip in enumerate(flipped))
        and 70 <= sum(flipped) <= 130
    )


@settings(max_examples=200, deadline=None)
@given(st.integers(8, 500), st.integers(8, 500), st.floats(0.05, 1), st.integers(0, 2**32))
def test_a_box_lies_inside_and_keeps_the_least_area(width: int, height: int, least: float, seed: int) -> None:
    left, top, right, bottom = random_box((width, height), least, np.random.default_rng(seed))
    assert 0 <= left < right <= width + 1e-9 and 0 <= top < bottom <= height + 1e-9
    wide, high = right - left, bottom - top
    square = min(width, height) ** 2
    assert wide * high >= min(least * width * height, square) - 1e-6
    assert 3 / 4 - 1e-9 <= wide / high <= 4 / 3 + 1e-9


def test_every_operation_changes_a_picture_but_the_first_and_none_its_size() -> None:
    image = photo(5, 32, 32).point(lambda value: 40 + value // 2)  # so that contrast has something to do
    for number, operation in enumerate(OPERATIONS):
        for strength in (-0.6, 0.6):
            found = operation(image, strength)
            assert found.size == image.size and found.mode == "RGB"
            assert (np.asarray(found) != np.asarray(image)).any() == (number > 0), number


@pytest.mark.parametrize(
    "wrong", [{"least_area": 0.0}, {"least_area": 1.5}, {"jitter": 2.0}, {"operations": -1}, {"strength": 31}]
)
def test_values_without_meaning_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="Augmentation"):
        Augmentation(**wrong)  # type: ignore[arg-type]
