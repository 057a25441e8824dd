"""The frozen classifier of pictures as a predictor: the backbone as published, a linear layer on its pooled vector.

The layer is fitted to each picture and to its mirror image, and judges the mean of both vectors.
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Self, cast

import numpy as np
from torch import nn

from headway.core.files import read_json, write_json
from headway.core.tensors import load_arrays, save_arrays
from headway.data.images import Pixels
from headway.data.pictures import Picture
from headway.models.heads import Classifier
from headway.models.linear_head import LinearHead
from headway.tasks.picture_classification import build
from headway.tasks.picture_encoder import PictureEncoder
from headway.weights.pictures import open_picture_folder, picture_opened_by, save_picture_backbone

_FILE = "frozen.json"
_HEAD = "head.safetensors"

# scikit-learn's C, on scaled vectors, two of each picture
INVERSE_REGULARISATION = 0.005

Embed = Callable[[Sequence[Picture]], Sequence[np.ndarray]]


class FrozenPictureClassifier:
    """A published backbone and a linear head; ``embed`` gives the vectors (by default the encoder computes them)."""

    kind: ClassVar[str] = "frozen_pictures"

    def __init__(
        self, labels: tuple[str, ...], encoder: PictureEncoder, head: LinearHead, embed: Embed | None = None
    ) -> None:
        self.labels = labels
        self.encoder = encoder
        self.head = head
        self.embed = embed or (lambda pictures: list(encoder.both_ways(encoder.pixels(pictures))))

    @property
    def opens_with(self) -> str | None:
        """How other software opens its folder."""
        kind = picture_opened_by(self.encoder.backbone, "backbone")
        return kind and f"transformers {kind} (the backbone; Headway reads head.safetensors beside it)"

    @property
    def parameters(self) -> int:
        """The number of weights, the backbone's among them."""
        module = cast("nn.Module", self.encoder.backbone)
        fitted = self.head.weights.size + self.head.bias.size
        return sum(parameter.numel() for parameter in module.parameters()) + fitted

    @property
    def settings(self) -> dict[str, Any]:
        """How pictures are read, and the regularisation."""
        return {"inverse_regularisation": INVERSE_REGULARISATION} | self.encoder.settings

    def cut(self, pictures: Sequence[Picture]) -> int:
        """Return 0: every picture is read."""
        return self.encoder.cut(pictures)

    def predict(self, pictures: Sequence[Picture]) -> np.ndarray:
        """Return the classes' probabilities, [B, C]. Raises PictureError."""
        if not pictures:
            return np.empty((0, len(self.labels)))
        return self._probabilities(self.embed(pictures))

    def view(self, picture: Picture) -> Pixels:
        """Return what is read of a picture. Raises PictureError."""
        return self.encoder.view(picture)

    def judge(self, views: Sequence[Pixels]) -> np.ndarray:
        """Return the classes' probabilities of decoded pictures, [B, C]."""
        return self._probabilities(list(self.encoder.both_ways(views)))

    def _probabilities(self, vectors: Sequence[np.ndarray]) -> np.ndarray:
        return self.head.probabilities(np.mean(vectors, axis=1))

    @cached_property
    def network(self) -> Classifier:
        """Backbone and head as one, on a picture alone."""
        return build(self.encoder, len(self.labels), 0, self.head)

    def save(self, folder: Path) -> None:
        """Write the backbone as `transformers` reads it, ``head.safetensors`` and ``frozen.json``."""
        save_picture_backbone(self.encoder.backbone, self.encoder.preprocessing, folder)
        save_arrays(folder / _HEAD, vars(self.head))
        write_json(folder / _FILE, {"labels": self.labels})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what ``save`` wrote, onto the fastest device there is."""
        backbone, preprocessing = open_picture_folder(folder)
        head = LinearHead(**load_arrays(folder / _HEAD))
        labels = tuple(read_json(folder / _FILE)["labels"])
        return cls(labels, PictureEncoder.around(backbone, preprocessing), head)
