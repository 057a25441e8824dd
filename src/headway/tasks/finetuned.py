"""The fine-tuned classifier as a predictor: every weight was trained on the task."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

import numpy as np

from headway.core.files import read_json, write_json
from headway.models.heads import Classifier
from headway.tasks import classification
from headway.tasks.encoder import TextEncoder
from headway.weights.pretrained import load_classifier, opened_by, save_classifier

if TYPE_CHECKING:
    from headway.models.base import Backbone

_FILE = "finetuned.json"


class FineTunedClassifier:
    """Encoder, pooler and a linear head, trained together; saved in the layout that `transformers` opens."""

    kind: ClassVar[str] = "finetuned"

    def __init__(
        self, labels: tuple[str, ...], encoder: TextEncoder, model: Classifier, settings: dict[str, Any]
    ) -> None:
        self.labels = labels
        self.encoder = encoder  # its backbone is the model's
        self.model = model
        self.settings = settings

    @property
    def opens_with(self) -> str | None:
        """How other software opens its folder."""
        kind = opened_by(self.encoder.backbone, "classifier")
        return kind and f"transformers {kind} (uncalibrated logits)"

    @property
    def parameters(self) -> int:
        """The number of weights."""
        return sum(parameter.numel() for parameter in self.model.parameters())

    def cut(self, texts: Sequence[str]) -> int:
        """Return how many texts are longer than the encoder reads."""
        return self.encoder.cut(texts)

    def predict(self, texts: Sequence[str]) -> np.ndarray:
        """Return softmax(logits), [B, C]."""
        return classification.probabilities(self.model, self.encoder, texts)

    def save(self, folder: Path) -> None:
        """Write model and tokenizer as `transformers` reads them, and ``finetuned.json``."""
        save_classifier(self.model, self.labels, folder)
        self.encoder.tokenizer.save(folder, max_tokens=self.encoder.max_tokens)
        write_json(folder / _FILE, {"max_tokens": self.encoder.max_tokens, "settings": self.settings})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what ``save`` wrote, onto the fastest device there is."""
        stored = read_json(folder / _FILE)
        model, labels = load_classifier(folder)
        encoder = TextEncoder.around(cast("Backbone", model.backbone), folder, stored["max_tokens"])
        model.to(encoder.device)
        return cls(labels, encoder, model, stored["settings"])
