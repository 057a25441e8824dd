"""The frozen classifier as a predictor: the encoder as published, a linear layer on its vectors.

A text's features are the means over its tokens of the last layers' vectors, side by side: the last layer serves
what the encoder was trained for, those below it hold more of what other tasks need (Peters et al. 2018, section 5.3;
Liu et al. 2019, arXiv:1903.08855). They are scaled to mean 0 and deviation 1, then multinomial logistic regression.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Self, cast

import numpy as np
from torch import nn

from headway.core.config import Config
from headway.core.files import read_json, write_json
from headway.core.remembered import Remembered
from headway.core.tensors import load_arrays, save_arrays
from headway.models.linear_head import LinearHead
from headway.tasks.encoder import TextEncoder
from headway.weights.pretrained import load_encoder, opened_by, save_encoder

_FILE = "frozen.json"
_HEAD = "head.safetensors"

Embed = Callable[[Sequence[str], int], np.ndarray]  # texts, depths -> features [B, depths D]


@dataclass(frozen=True, kw_only=True)
class FrozenConfig(Config):
    """Chosen by 3-fold cross-validation on training rows of trec, sst2, sms_spam and banking77 (400 to 5,450 rows):

    everywhere within a point of the best of 1 to 4 layers and of C from 0.001 to 0.1.
    """

    depths: int = 3  # how many of the last layers
    inverse_regularisation: float = 0.01  # scikit-learn's C, on scaled features


class FrozenClassifier:
    """A published encoder and a linear head; ``embed`` computes the features (by default the encoder does)."""

    kind: ClassVar[str] = "frozen"

    def __init__(
        self,
        labels: tuple[str, ...],
        encoder: TextEncoder,
        head: LinearHead,
        config: FrozenConfig,
        embed: Embed | None = None,
    ) -> None:
        self.labels = labels
        self.encoder = encoder
        self.head = head
        self.config = config
        self.embed = embed or encoder.layer_means

    @classmethod
    def fit(
        cls,
        labels: tuple[str, ...],
        texts: Sequence[str],
        targets: np.ndarray,
        encoder: TextEncoder,
        config: FrozenConfig,
        embed: Embed | None = None,
    ) -> Self:
        """Fit the head; ``targets`` [B] are indexes into ``labels``."""
        features = (embed or encoder.layer_means)(texts, config.depths)
        head = LinearHead.fit(features, targets, len(labels), config.inverse_regularisation)
        return cls(labels, encoder, head, config, embed)

    @property
    def opens_with(self) -> str | None:
        """How other software opens its folder."""
        kind = opened_by(self.encoder.backbone, "encoder")
        return kind and f"transformers {kind} (the encoder; Headway reads head.safetensors beside it)"

    @property
    def parameters(self) -> int:
        """The number of weights, the encoder's among them."""
        module = cast("nn.Module", self.encoder.backbone)
        fitted = self.head.weights.size + self.head.bias.size
        return sum(parameter.numel() for parameter in module.parameters()) + fitted

    @property
    def settings(self) -> dict[str, Any]:
        """Which layers are read, and the regularisation."""
        return self.config.to_dict() | self.encoder.settings

    def cut(self, texts: Sequence[str]) -> int:
        """Return how many texts are longer than the encoder reads."""
        return self.encoder.cut(texts)

    def predict(self, texts: Sequence[str]) -> np.ndarray:
        """Return [B, C]."""
        return self.head.probabilities(self.embed(texts, self.config.depths))

    def save(self, folder: Path) -> None:
        """Write encoder and tokenizer as `transformers` reads them, ``head.safetensors`` and ``frozen.json``."""
        save_encoder(self.encoder.backbone, folder)
        self.encoder.tokenizer.save(folder, max_tokens=self.encoder.max_tokens)
        save_arrays(folder / _HEAD, vars(self.head))
        write_json(
            folder / _FILE,
            {"labels": self.labels, "max_tokens": self.encoder.max_tokens, "config": self.config.to_dict()},
        )

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what ``save`` wrote, onto the fastest device there is."""
        stored = read_json(folder / _FILE)
        backbone, _ = load_encoder(folder)
        encoder = TextEncoder.around(backbone, folder, stored["max_tokens"])
        head = LinearHead(**load_arrays(folder / _HEAD))
        return cls(tuple(stored["labels"]), encoder, head, FrozenConfig.from_dict(stored["config"]))


def remembering(encoder: TextEncoder, folder: Path | None = None) -> Embed:
    """Return an ``embed`` that computes each text's features once, for a climb that needs them again and again.

    With a folder they are kept there too, and those that it holds are not computed again.
    """
    known: dict[int, Remembered[str]] = {}

    def embed(texts: Sequence[str], depths: int) -> np.ndarray:
        if depths not in known:
            compute = partial(encoder.layer_means, depths=depths)
            known[depths] = Remembered(compute, _key, f"means of {depths} layers", folder)
        return np.stack(known[depths](texts)) if texts else encoder.layer_means([], depths)

    return embed


def _key(text: str) -> str:
    return hashlib.sha256(json.dumps(text).encode()).hexdigest()  # any text, a lone surrogate too
