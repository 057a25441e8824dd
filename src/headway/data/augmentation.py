"""Changes of a picture that leave its class as it is, drawn anew each time that it is trained on.

Random resized crop (Szegedy et al. 2015, arXiv:1409.4842, section 6), horizontal flip, colour jitter, and RandAugment
(Cubuk et al. 2020, arXiv:1909.13719): some operations out of a list, drawn with equal chances, all of one strength.
Everything works on 8-bit pixels with Pillow, outside of Python's lock, so that threads help.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from headway.core.config import Config
from headway.core.errors import UsageError
from headway.core.preprocessing import PicturePreprocessing
from headway.data.images import RESAMPLING, Pixels, as_pixels, middle_square

LONGEST_SHAPE = 4 / 3  # of a crop: width to height, or height to width
_ATTEMPTS = 10
_STRONGEST = 30  # RandAugment's scale of strengths
_GREY = 128  # fills what a turned or moved picture leaves free


@dataclass(frozen=True, kw_only=True)
class Augmentation(Config):
    """How much a picture may be changed. Raises UsageError on a value that has no meaning."""

    least_area: float = 1.0  # of the picture that a crop keeps; 1: the middle square, as in evaluation
    flip: bool = False  # left and right, one time in two
    jitter: float = 0.0  # brightness, contrast and colour each take a factor of 1 - jitter to 1 + jitter
    operations: int = 0  # RandAugment's N
    strength: int = 9  # its M, of 30

    def __post_init__(self) -> None:
        if not 0 < self.least_area <= 1 or not 0 <= self.jitter <= 1:
            raise UsageError(
                f"least_area is from above 0 to 1 and jitter from 0 to 1, not {self.least_area} and {self.jitter}",
                where="Augmentation",
            )
        if self.operations < 0 or not 0 <= self.strength <= _STRONGEST:
            raise UsageError(
                f"operations is at least 0 and strength from 0 to {_STRONGEST}, not {self.operations} and"
                f" {self.strength}",
                where="Augmentation",
            )

    @property
    def changes(self) -> bool:
        """Whether a picture is ever changed."""
        return self.least_area < 1 or self.flip or self.jitter > 0 or self.operations > 0


# What a recipe's `augmentation` names.
AUGMENTATIONS: Mapping[str, Augmentation] = MappingProxyType(
    {
        "none": Augmentation(),
        "flip": Augmentation(flip=True),
        "light": Augmentation(least_area=0.35, flip=True),
        "colour": Augmentation(least_area=0.35, flip=True, jitter=0.4),
        "strong": Augmentation(least_area=0.25, flip=True, operations=2),
    }
)


def augment(
    image: Image.Image,
    augmentation: Augmentation,
    preprocessing: PicturePreprocessing,
    random: np.random.Generator,
) -> Pixels:
    """Return a changed square of a picture in RGB (or L), uint8 [crop, crop, C], its channels as they are wanted.

    The result is a pure function of the arguments and of the generator's state.
    """
    crop = preprocessing.crop
    if augmentation.least_area == 1:
        square = middle_square(image, preprocessing)
    else:
        box = random_box(image.size, augmentation.least_area, random)
        square = image.resize((crop, crop), RESAMPLING[preprocessing.interpolation], box=box)
    if augmentation.flip and random.random() < 0.5:
        square = ImageOps.mirror(square)
    if augmentation.jitter:
        for enhance in random.permutation(_JITTER):  # type: ignore[arg-type]  # an array of classes
            square = enhance(square).enhance(1 + augmentation.jitter * random.uniform(-1, 1))
    for number in random.integers(len(OPERATIONS), size=augmentation.operations):
        strength = augmentation.strength / _STRONGEST * (1 if random.random() < 0.5 else -1)
        square = OPERATIONS[number](square, strength)
    return as_pixels(square, preprocessing.channels)


def random_box(
    size: tuple[int, int], least_area: float, random: np.random.Generator
) -> tuple[float, float, float, float]:
    """Draw a box of ``least_area`` to all of the picture, its sides at most 4 : 3; left, top, right, bottom.

    Where ten draws do not fit into the picture it is the middle square.
    """
    width, height = size
    for _ in range(_ATTEMPTS):
        area = width * height * random.uniform(least_area, 1)
        shape = math.exp(random.uniform(-1, 1) * math.log(LONGEST_SHAPE))
        wide, high = math.sqrt(area * shape), math.sqrt(area / shape)
        if wide <= width and high <= height:
            left, top = random.uniform(0, width - wide), random.uniform(0, height - high)
            return left, top, left + wide, top + high
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    return left, top, left + side, top + side


_JITTER = (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color)

# RandAugment's list. Each takes a strength from -1 to 1; where only one direction has a meaning, its size counts.
OPERATIONS: tuple[Callable[[Image.Image, float], Image.Image], ...] = (
    lambda image, s: image,
    lambda image, s: ImageOps.autocontrast(image),
    lambda image, s: ImageOps.equalize(image),
    lambda image, s: image.rotate(30 * s, Image.Resampling.BILINEAR, fillcolor=_fill(image)),
    lambda image, s: ImageOps.solarize(image, 256 - round(256 * abs(s))),
    lambda image, s: ImageOps.posterize(image, 8 - round(4 * abs(s))),
    lambda image, s: ImageEnhance.Color(image).enhance(1 + 0.9 * s),
    lambda image, s: ImageEnhance.Contrast(image).enhance(1 + 0.9 * s),
    lambda image, s: ImageEnhance.Brightness(image).enhance(1 + 0.9 * s),
    lambda image, s: ImageEnhance.Sharpness(image).enhance(1 + 0.9 * s),
    lambda image, s: _moved(image, (1, 0.3 * s, 0, 0, 1, 0)),
    lambda image, s: _moved(image, (1, 0, 0, 0.3 * s, 1, 0)),
    lambda image, s: _moved(image, (1, 0, 0.45 * s * image.width, 0, 1, 0)),
    lambda image, s: _moved(image, (1, 0, 0, 0, 1, 0.45 * s * image.height)),
)


def _moved(image: Image.Image, matrix: tuple[float, ...]) -> Image.Image:
    """Shear or shift: the pixel (x, y) becomes what lay at (a x + b y + c, d x + e y + f)."""
    return image.transform(
        image.size, Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR, fillcolor=_fill(image)
    )


def _fill(image: Image.Image) -> int | tuple[int, ...]:
    return _GREY if image.mode == "L" else (_GREY,) * 3
