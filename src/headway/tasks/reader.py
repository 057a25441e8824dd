"""A fine-tuned encoder that reads answers out of contexts, as a predictor."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

import numpy as np

from headway.core.answers import MOST
from headway.core.files import read_json, write_json
from headway.data.reading_windows import ReadingConfig
from headway.models.heads import TokenClassifier
from headway.tasks import reading
from headway.tasks.encoder import TextEncoder
from headway.weights.pretrained import load_reader, opened_by, save_reader

if TYPE_CHECKING:
    from headway.models.base import Backbone

_FILE = "reader.json"


class ExtractiveReader:
    """Encoder and a head on each token, trained together; saved in the layout that `transformers` opens."""

    kind: ClassVar[str] = "reader"
    labels: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        encoder: TextEncoder,
        model: TokenClassifier,
        config: ReadingConfig,
        threshold: float | None,
        settings: dict[str, Any],
    ) -> None:
        self.encoder = encoder  # its backbone is the model's
        self.model = model
        self.config = config
        self.threshold = (
            threshold  # of the score of no answer above the best passage's; None: there always is one
        )
        self.settings = settings

    @property
    def opens_with(self) -> str | None:
        """How other software opens its folder."""
        kind = opened_by(self.encoder.backbone, "reader")
        return kind and f"transformers {kind} (the logits of the answer's ends)"

    @property
    def parameters(self) -> int:
        """The number of weights."""
        return sum(parameter.numel() for parameter in self.model.parameters())

    def cut(self, inputs: Sequence[Any]) -> int:
        """Return how many questions are longer than it reads; contexts are read whole, in windows."""
        return reading.cut(self.encoder, inputs, self.config).cut

    def predict(self, inputs: Sequence[Any]) -> np.ndarray:
        """Return the likeliest answers to pairs of question and context, [B, 20, 3] (`core.answers`)."""
        found = reading.find(self.model, self.encoder, inputs, self.config) if inputs else []
        return np.array([one.answers(self.threshold) for one in found]).reshape(-1, MOST, 3)

    def save(self, folder: Path) -> None:
        """Write model and tokenizer as `transformers` reads them, and ``reader.json``."""
        save_reader(self.model, folder)
        self.encoder.tokenizer.save(folder, max_tokens=self.encoder.max_tokens)
        stored = {"max_tokens": self.encoder.max_tokens, "config": self.config.to_dict()}
        write_json(folder / _FILE, stored | {"threshold": self.threshold, "settings": self.settings})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what ``save`` wrote, onto the fastest device there is."""
        stored = read_json(folder / _FILE)
        model = load_reader(folder)
        encoder = TextEncoder.around(cast("Backbone", model.backbone), folder, stored["max_tokens"])
        model.to(encoder.device)
        config = ReadingConfig.from_dict(stored["config"])
        return cls(replace(encoder, pairs=True), model, config, stored["threshold"], stored["settings"])
