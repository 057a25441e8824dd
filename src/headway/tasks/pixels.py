"""The pixel classifier as a predictor: colour histograms and oriented gradients, a linear layer. It needs no torch."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from headway.core.files import read_json, write_json
from headway.core.preprocessing import PicturePreprocessing
from headway.core.tensors import load_arrays, save_arrays
from headway.data.images import Pixels, read_pixels
from headway.data.pictures import Picture, read_each
from headway.models.linear_head import LinearHead
from headway.models.pixel_features import SIDE, pixel_features

_FILE, _HEAD = "pixels.json", "pixels.safetensors"

READING = PicturePreprocessing(resize=SIDE, crop=SIDE, interpolation="box")
INVERSE_REGULARISATION = 0.01  # scikit-learn's C, on scaled features

Describe = Callable[[Sequence[Picture]], Sequence[np.ndarray]]


class PixelClassifier:
    """A linear head on what the pixels themselves tell; ``describe`` gives that (by default it is computed)."""

    opens_with: ClassVar[str | None] = None
    kind: ClassVar[str] = "pixels"

    def __init__(self, labels: tuple[str, ...], head: LinearHead, describe: Describe | None = None) -> None:
        self.labels = labels
        self.head = head
        self.describe = describe or (lambda pictures: list(described(pictures)))

    @classmethod
    def fit(
        cls,
        labels: tuple[str, ...],
        pictures: Sequence[Picture],
        targets: np.ndarray,
        describe: Describe | None = None,
    ) -> Self:
        """Fit the head; ``targets`` [B] are indexes into ``labels``."""
        features = np.stack((describe or (lambda those: list(described(those))))(pictures))
        head = LinearHead.fit(features, targets, len(labels), INVERSE_REGULARISATION)
        return cls(labels, head, describe)

    @property
    def parameters(self) -> int:
        """The number of fitted values."""
        return self.head.weights.size + self.head.bias.size

    @property
    def settings(self) -> dict[str, Any]:
        """How pictures are read, and the regularisation."""
        return {"side": SIDE, "inverse_regularisation": INVERSE_REGULARISATION}

    def cut(self, pictures: Sequence[Picture]) -> int:
        """Return 0: every picture is read."""
        return 0

    def predict(self, pictures: Sequence[Picture]) -> np.ndarray:
        """Return the classes' probabilities, [B, C]. Raises PictureError."""
        if not pictures:
            return np.empty((0, len(self.labels)))
        return self.head.probabilities(np.stack(self.describe(pictures)))

    def view(self, picture: Picture) -> Pixels:
        """Return what is read of a picture. Raises PictureError."""
        return next(read_each(_read, [picture]))

    def judge(self, views: Sequence[Pixels]) -> np.ndarray:
        """Return the classes' probabilities of what is read, [B, C]."""
        return self.head.probabilities(np.stack([pixel_features(view) for view in views]))

    def save(self, folder: Path) -> None:
        """Write ``pixels.json`` and ``pixels.safetensors``."""
        write_json(folder / _FILE, {"labels": self.labels})
        save_arrays(folder / _HEAD, vars(self.head))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what ``save`` wrote."""
        labels = tuple(read_json(folder / _FILE)["labels"])
        return cls(labels, LinearHead(**load_arrays(folder / _HEAD)))


def described(pictures: Sequence[Picture]) -> Iterator[np.ndarray]:
    """Yield each picture's `pixel_features`. Raises PictureError, which names the picture."""
    return read_each(lambda data: pixel_features(_read(data)), pictures)


def _read(data: bytes) -> Pixels:
    return read_pixels(data, READING)
