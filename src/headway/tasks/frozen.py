"""A frozen encoder as a predictor: the encoder as published, a linear layer on its vectors, for classes or numbers.

A text's features are the means over its tokens of the last layers' vectors, side by side: the last layer serves
what the encoder was trained for, those below it hold more of what other tasks need (Peters et al. 2018, section 5.3;
Liu et al. 2019, arXiv:1903.08855). They are scaled to mean 0 and deviation 1, then multinomial logistic regression, or
ridge regression for numbers. Of a pair of texts the features are those of both, u and v, and

    |u - v|,  u v,  and their cosine      (Conneau et al. 2017, arXiv:1705.02364, section 3.1)

Or the depths are not side by side but mixed, by weights that are learned with the head (`tasks.layer_mix`).
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Self, cast

import numpy as np
from torch import nn

from headway.blocks.scalar_mix import ScalarMix
from headway.core.config import Config
from headway.core.files import read_json, write_json
from headway.core.remembered import Remembered
from headway.core.tensors import load_arrays, save_arrays
from headway.data.inputs import are_pairs, texts_of
from headway.models.linear_head import LinearHead
from headway.models.pair_features import side_by_side
from headway.tasks import layer_mix
from headway.tasks.encoder import TextEncoder
from headway.weights.pretrained import load_encoder, opened_by, save_encoder

_FILE = "frozen.json"
_HEAD = "head.safetensors"

Embed = Callable[[Sequence[str], int], np.ndarray]  # texts, depths -> features [B, depths D]


@dataclass(frozen=True, kw_only=True)
class FrozenConfig(Config):
    """Chosen by 3-fold cross-validation on training rows of trec, sst2, sms_spam and banking77 (400 to 5,450 rows):

    everywhere within a point of the best of 1 to 4 layers and of C from 0.001 to 0.1. Of pairs on 1,500 training rows
    of mrpc, of numbers on one fold of 700 of stsb: thin ground.
    """

    depths: int = 3  # how many of the last layers
    inverse_regularisation: float = 0.01  # scikit-learn's C, on scaled features
    ridge: float = 1000.0  # of numbers: the weight of the squared weights, on scaled features


class FrozenClassifier:
    """A published encoder and a linear head; ``embed`` computes the features of texts (by default the encoder does).

    It gives numbers where it has no labels. With a ``mix`` the head reads the mixed depths in place of all of them.
    """

    kind: ClassVar[str] = "frozen"

    def __init__(
        self,
        labels: tuple[str, ...],
        encoder: TextEncoder,
        head: LinearHead,
        config: FrozenConfig,
        embed: Embed | None = None,
        *,
        several: bool = False,
        mix: ScalarMix | None = None,
    ) -> None:
        self.several = several  # whether an input may have several labels, or none
        self.mix = mix
        self.labels = labels
        self.encoder = encoder
        self.head = head
        self.config = config
        self.embed = embed or encoder.layer_means

    @classmethod
    def fit(
        cls,
        labels: tuple[str, ...],
        inputs: Sequence[Any],
        targets: np.ndarray,
        encoder: TextEncoder,
        config: FrozenConfig,
        embed: Embed | None = None,
        *,
        mixed: bool = False,
    ) -> Self:
        """Fit the head; ``targets`` [B] are indexes into ``labels``, or numbers where there are none, or [B, C] which
        input has which label. mixed: together with a mix of the ``config.depths``.
        """
        sides = sides_of(inputs, embed or encoder.layer_means, config.depths)
        if mixed:
            penalty = 1 / config.inverse_regularisation if labels else config.ridge
            mix, head = layer_mix.learn(sides, config.depths, targets, len(labels), penalty)
            return cls(labels, encoder, head, config, embed, several=targets.ndim == 2, mix=mix)
        strictness = config.inverse_regularisation, config.ridge
        head = LinearHead.fit_targets(side_by_side(sides), targets, len(labels), *strictness)
        return cls(labels, encoder, head, config, embed, several=targets.ndim == 2)

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
        mixing = 0 if self.mix is None else len(self.mix.weights) + 1
        return sum(parameter.numel() for parameter in module.parameters()) + fitted + mixing

    @property
    def settings(self) -> dict[str, Any]:
        """Which layers are read, and the regularisation; of a mix what it has become."""
        chosen = self.config.to_dict()
        del chosen["ridge" if self.labels else "inverse_regularisation"]
        mix = {} if self.mix is None else layer_mix.mix_settings(self.mix)
        return chosen | mix | self.encoder.settings

    def cut(self, inputs: Sequence[Any]) -> int:
        """Return how many texts are longer than the encoder reads."""
        return self.encoder.cut(texts_of(inputs))

    def predict(self, inputs: Sequence[Any]) -> np.ndarray:
        """Return probabilities [B, C], or numbers [B]."""
        if not inputs:
            return np.empty((0, len(self.labels)) if self.labels else 0)
        sides = sides_of(inputs, self.embed, self.config.depths)
        features = side_by_side(sides) if self.mix is None else layer_mix.features_of(sides, self.mix)
        return self.head.outputs(features, len(self.labels), several=self.several)

    def save(self, folder: Path) -> None:
        """Write encoder and tokenizer as `transformers` reads them, ``head.safetensors`` and ``frozen.json``."""
        save_encoder(self.encoder.backbone, folder)
        self.encoder.tokenizer.save(folder, max_tokens=self.encoder.max_tokens)
        save_arrays(folder / _HEAD, vars(self.head))
        write_json(
            folder / _FILE,
            {"labels": self.labels, "max_tokens": self.encoder.max_tokens, "config": self.config.to_dict()}
            | ({"several": True} if self.several else {})
            | ({"stand_in": self.encoder.stand_in} if self.encoder.stand_in else {})
            | ({} if self.mix is None else {"mix": layer_mix.stored_mix(self.mix)}),
        )

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what ``save`` wrote, onto the fastest device there is."""
        stored = read_json(folder / _FILE)
        backbone, _ = load_encoder(folder)
        encoder = TextEncoder.around(backbone, folder, stored["max_tokens"])
        encoder = replace(encoder, stand_in=stored.get("stand_in", ""))
        head = LinearHead(**load_arrays(folder / _HEAD))
        config = FrozenConfig.from_dict(stored["config"])
        several = stored.get("several", False)
        mix = layer_mix.mix_from(stored["mix"], str(folder / _FILE)) if "mix" in stored else None
        return cls(tuple(stored["labels"]), encoder, head, config, several=several, mix=mix)


def sides_of(inputs: Sequence[Any], embed: Embed, depths: int) -> list[np.ndarray]:
    """Return the features of texts, one array [B, depths D], or of each side of pairs: two."""
    if not are_pairs(inputs):
        return [embed(inputs, depths)]
    return [embed([pair[side] for pair in inputs], depths) for side in (0, 1)]


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
