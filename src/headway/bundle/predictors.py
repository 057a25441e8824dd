"""Predictors on disk: a folder each, with `predictor.json` naming its kind and its temperature."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from headway.core.errors import RunError
from headway.core.files import read_json, write_json
from headway.metrics.calibration import tempered

if TYPE_CHECKING:
    from headway.models.base import Predictor

# kind -> where its class is; imported only when such a predictor is loaded, so that n-grams need no torch
KINDS = {
    "majority": "headway.models.majority:Majority",
    "mean": "headway.models.mean:Mean",
    "tag_lexicon": "headway.models.tag_lexicon:TagLexicon",
    "linear_tagger": "headway.models.linear_tagger:LinearTagger",
    "vector_tagger": "headway.models.vector_tagger:VectorTagger",
    "encoder_tagger": "headway.tasks.tagging:EncoderTagger",
    "unanswered": "headway.models.unanswered:Unanswered",
    "lexical_reader": "headway.models.lexical_reader:LexicalReader",
    "reader": "headway.tasks.reader:ExtractiveReader",
    "bag": "headway.models.bag:Bag",
    "embedding_bag": "headway.models.embedding_bag:EmbeddingBag",
    "averaged_vectors": "headway.models.averaged_vectors:AveragedVectors",
    "static": "headway.tasks.static:StaticClassifier",
    "frozen": "headway.tasks.frozen:FrozenClassifier",
    "finetuned": "headway.tasks.finetuned:FineTunedClassifier",
    "ensemble": "headway.tasks.ensemble:Ensemble",
    "pixels": "headway.tasks.pixels:PixelClassifier",
    "frozen_pictures": "headway.tasks.picture_frozen:FrozenPictureClassifier",
    "trained_pictures": "headway.tasks.picture_finetuned:TrainedPictureClassifier",
}
FORMAT = 1


@dataclass(frozen=True)
class Calibrated:
    """A predictor and the temperature that its held-out rows gave: p proportional to p^(1/temperature).

    None where it gives no probabilities.
    """

    predictor: "Predictor"
    temperature: float | None

    @property
    def labels(self) -> tuple[str, ...]:
        """The class names, in the order of the columns."""
        return self.predictor.labels

    def predict(self, inputs: Sequence[Any]) -> np.ndarray:
        """Return what the predictor does, probabilities [B, C] calibrated; the classes' ranking is its own."""
        outputs = self.predictor.predict(inputs)
        return outputs if self.temperature is None else tempered(log_probabilities(outputs), self.temperature)


def log_probabilities(probabilities: np.ndarray) -> np.ndarray:
    """Return the logarithms of probabilities [B, C], finite also where a probability is 0."""
    logs: np.ndarray = np.log(np.maximum(probabilities, np.finfo(np.float64).tiny))
    return logs


def save_predictor(predictor: "Predictor", folder: Path, temperature: float | None = 1.0) -> None:
    """Write the predictor's own files and `predictor.json` into an existing empty folder."""
    predictor.save(folder)
    write_json(
        folder / "predictor.json", {"format": FORMAT, "kind": predictor.kind, "temperature": temperature}
    )


def set_temperature(folder: Path, temperature: float | None) -> None:
    """Give a saved predictor another temperature."""
    path = folder / "predictor.json"
    write_json(path, read_json(path) | {"temperature": temperature})


def load_predictor(folder: Path) -> Calibrated:
    """Load the predictor in a folder; raises RunError when there is none, or one of a later version."""
    if not (folder / "predictor.json").is_file():
        raise RunError("holds no predictor", where=str(folder))
    stored = read_json(folder / "predictor.json")
    try:
        kind, temperature, version = stored["kind"], stored["temperature"], stored["format"]
        temperature = None if temperature is None else float(temperature)
        module, name = KINDS[kind].split(":")
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(
            f"is damaged or of a later version: {json.dumps(stored)[:200]}", where=str(folder)
        ) from error
    if version != FORMAT:
        raise RunError(f"has format {version}, this version reads {FORMAT}", where=str(folder))
    kind_class: type[Predictor] = getattr(import_module(module), name)
    return Calibrated(kind_class.load(folder), temperature)
