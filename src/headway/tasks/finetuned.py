"""A fine-tuned encoder as a predictor: every weight was trained on the task."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

import numpy as np

from headway.core.errors import RunError
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
        self,
        labels: tuple[str, ...],
        encoder: TextEncoder,
        model: Classifier,
        settings: dict[str, Any],
        *,
        several: bool = False,
    ) -> None:
        self.labels = labels  # none where it gives numbers
        self.several = several  # whether an input may have several labels, or none
        self.encoder = encoder  # its backbone is the model's
        self.model = model
        self.settings = settings

    @property
    def opens_with(self) -> str | None:
        """How other software opens its folder."""
        kind = opened_by(self.encoder.backbone, "classifier")
        what = "uncalibrated logits" if self.labels else "the numbers"
        return kind and f"transformers {kind} ({what})"

    @property
    def parameters(self) -> int:
        """The number of weights."""
        return sum(parameter.numel() for parameter in self.model.parameters())

    def cut(self, inputs: Sequence[Any]) -> int:
        """Return how many inputs are longer than the encoder reads."""
        return self.encoder.cut(inputs)

    def predict(self, inputs: Sequence[Any]) -> np.ndarray:
        """Return softmax(logits), [B, C], of several labels each one's sigmoid, or numbers [B]."""
        if not self.labels:
            return classification.numbers(self.model, self.encoder, inputs)
        answers = classification.label_shares if self.several else classification.probabilities
        return answers(self.model, self.encoder, inputs)

    def save(self, folder: Path) -> None:
        """Write model and tokenizer as `transformers` reads them, and ``finetuned.json``."""
        save_classifier(self.model, self.labels, folder, several=self.several)
        self.encoder.tokenizer.save(folder, max_tokens=self.encoder.max_tokens)
        stored = {"max_tokens": self.encoder.max_tokens, "settings": self.settings}
        kept = {"pairs": self.encoder.pairs, "numbers": not self.labels, "several": self.several}
        kept["backward"] = self.encoder.tokenizer.backward
        write_json(folder / _FILE, stored | {name: True for name, value in kept.items() if value})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what ``save`` wrote, onto the fastest device there is."""
        stored = read_json(folder / _FILE)
        model, labels = load_classifier(folder)
        encoder = TextEncoder.around(cast("Backbone", model.backbone), folder, stored["max_tokens"])
        encoder = replace(encoder, pairs=stored.get("pairs", False))
        if encoder.tokenizer.backward != stored.get("backward", False):
            raise RunError(
                "reads texts in another direction than it was trained to",
                where=str(folder / "tokenizer_config.json"),
                remedy="Put back the file that was saved with the model.",
            )
        model.to(encoder.device)
        labels = () if stored.get("numbers") else labels
        return cls(labels, encoder, model, stored["settings"], several=stored.get("several", False))
