"""The trained classifier of pictures as a predictor: backbone and head, fine-tuned or from scratch."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

import numpy as np

from headway.blocks.convolution import folded
from headway.core.files import read_json, write_json
from headway.data.images import Pixels
from headway.data.pictures import Picture
from headway.models.heads import Classifier
from headway.tasks import classification
from headway.tasks.picture_encoder import PictureEncoder
from headway.weights.pictures import open_picture_classifier, picture_opened_by, save_picture_classifier

if TYPE_CHECKING:
    from headway.models.base import PictureBackbone

_FILE = "finetuned.json"


class TrainedPictureClassifier:
    """Backbone and linear head, trained together; saved in the layout that `transformers` opens, if it has one."""

    kind: ClassVar[str] = "trained_pictures"

    def __init__(
        self, labels: tuple[str, ...], encoder: PictureEncoder, model: Classifier, settings: dict[str, Any]
    ) -> None:
        self.labels = labels
        self.encoder = encoder  # its backbone is the model's
        self.model = self.network = model
        self.settings = settings

    @property
    def opens_with(self) -> str | None:
        """How other software opens its folder."""
        kind = picture_opened_by(self.encoder.backbone, "classifier")
        return kind and f"transformers {kind} (uncalibrated logits)"

    @property
    def parameters(self) -> int:
        """The number of weights."""
        return sum(parameter.numel() for parameter in self.model.parameters())

    def cut(self, pictures: Sequence[Picture]) -> int:
        """Return 0: every picture is read."""
        return self.encoder.cut(pictures)

    @cached_property
    def _folded(self) -> Classifier:
        return folded(self.model)

    def predict(self, pictures: Sequence[Picture]) -> np.ndarray:
        """Return softmax(logits), [B, C]. Raises PictureError."""
        return classification.probabilities(self._folded, self.encoder, pictures)

    def view(self, picture: Picture) -> Pixels:
        """Return what is read of a picture. Raises PictureError."""
        return self.encoder.view(picture)

    def judge(self, views: Sequence[Pixels]) -> np.ndarray:
        """Return the classes' probabilities of decoded pictures, [B, C]."""
        return classification.probabilities(self._folded, self.encoder.of_pixels, views)

    def save(self, folder: Path) -> None:
        """Write the model as `transformers` reads it, if it can, and ``finetuned.json``."""
        save_picture_classifier(self.model, self.labels, self.encoder.preprocessing, folder)
        write_json(folder / _FILE, {"settings": self.settings})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what ``save`` wrote, onto the fastest device there is."""
        stored = read_json(folder / _FILE)
        model, labels, preprocessing = open_picture_classifier(folder)
        encoder = PictureEncoder.around(cast("PictureBackbone", model.backbone), preprocessing)
        return cls(labels, encoder, model.to(encoder.device), stored["settings"])
