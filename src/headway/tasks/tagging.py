"""Tags of words from an encoder's vectors: the training's batches and loss, and the predictor.

A linear layer on each word's vector (Devlin et al. 2019, section 5.3). The encoder is fine-tuned with it, or is as
published; then the last layers stand side by side, or are mixed by weights that are learned with the head.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from headway.blocks.scalar_mix import ScalarMix
from headway.core.files import read_json, write_json
from headway.core.remembered import Remembered
from headway.core.tensors import load_arrays, own_lengths, save_arrays
from headway.data.inputs import Sentence
from headway.models.base import Backbone
from headway.models.heads import ClassificationHead, Classifier
from headway.models.linear_head import LinearHead
from headway.tasks.classification import HEAD_DROPOUT
from headway.tasks.encoder import TextEncoder
from headway.tasks.layer_mix import features_of, mix_from, stored_mix
from headway.tasks.word_encoder import Window, WordEncoder
from headway.weights.pretrained import load_encoder, opened_by, save_encoder

_FILE, _HEAD = "tagger.json", "head.safetensors"
_AT_ONCE = 256  # sentences

Vectors = Callable[[Sequence[Sentence], int], np.ndarray]  # sentences, depths -> [B] arrays [W, depths D]


class Tagged(NamedTuple):
    """A window and the tags of its words, [W]."""

    window: Window
    tags: np.ndarray


def build(encoder: TextEncoder, tags: int, seed: int) -> Classifier:
    """Put a fresh head for words, drawn from ``seed``, on the encoder's backbone (which is trained in place)."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        head = ClassificationHead(encoder.backbone.num_features, tags, HEAD_DROPOUT)
    return Classifier(encoder.backbone, head.to(encoder.device))


def tagged_windows(words: WordEncoder, sentences: Sequence[Sentence], targets: np.ndarray) -> list[Tagged]:
    """Return the windows of all sentences with the tags of their words; ``targets`` are [B] arrays of int64."""
    windows = words.windows(sentences)
    ends = [window.first + len(window.places) for window in windows]
    return [Tagged(w, targets[w.sentence][w.first : end]) for w, end in zip(windows, ends, strict=True)]


def parts(batch: Sequence[Tagged], tokens: int) -> list[Sequence[Tagged]]:
    """Cut a batch into neighbours of at most so many tokens, or of one window that has more."""
    found: list[list[Tagged]] = []
    held = tokens
    for one in batch:
        if held + len(one.window.ids) > tokens:
            found.append([])
            held = 0
        found[-1].append(one)
        held += len(one.window.ids)
    return list(found)


def weight(batch: Sequence[Tagged]) -> int:
    """Return over how many words a batch's loss is a mean."""
    return sum(len(one.tags) for one in batch)


def loss(model: Classifier, words: WordEncoder, batch: Sequence[Tagged]) -> Tensor:
    """Return the mean cross-entropy of the words' tags, in float32 whatever the model multiplies in."""
    tokens, places = words.pack([one.window for one in batch])
    vectors = cast("Backbone", model.backbone).features(tokens).tokens.values.index_select(0, places)
    targets = torch.from_numpy(np.concatenate([one.tags for one in batch])).to(vectors.device)
    return F.cross_entropy(model.head(vectors).float(), targets)


def remembering(words: WordEncoder, folder: Path | None = None) -> Vectors:
    """Return ``words.vectors`` with a memory: each sentence is computed once, and kept in the folder if it is given."""
    known: dict[int, Remembered[Sentence]] = {}

    def vectors(sentences: Sequence[Sentence], depths: int) -> np.ndarray:
        if depths not in known:
            known[depths] = Remembered(
                lambda some: words.vectors(some, depths), _key, f"words of {depths} layers", folder
            )
        full = [sentence for sentence in sentences if sentence]
        found = iter(known[depths](full) if full else ())
        nothing = np.empty((0, 0), np.float32)
        return own_lengths((next(found) if one else nothing for one in sentences), len(sentences))

    return vectors


def _key(sentence: Sentence) -> str:
    return hashlib.sha256(json.dumps(sentence).encode()).hexdigest()


class EncoderTagger:
    """An encoder and a linear layer on the vectors of words at its last ``depths`` layers, or on a ``mix`` of them."""

    kind: ClassVar[str] = "encoder_tagger"

    def __init__(
        self,
        labels: tuple[str, ...],
        words: WordEncoder,
        head: LinearHead,
        depths: int,
        settings: dict[str, Any],
        vectors: Vectors | None = None,
        *,
        mix: ScalarMix | None = None,
    ) -> None:
        self.labels = labels
        self.words = words
        self.head = head
        self.depths = depths
        self.mix = mix
        self.settings = settings
        self._vectors = vectors or words.vectors

    @classmethod
    def of_trained(
        cls, labels: tuple[str, ...], words: WordEncoder, model: Classifier, settings: dict[str, Any]
    ) -> Self:
        """Take over the head of a model that was trained as a whole."""
        linear = model.head.classifier
        weights = linear.weight.detach().float().cpu().numpy().T
        size = len(weights)
        head = LinearHead(
            np.zeros(size, np.float32),
            np.ones(size, np.float32),
            np.ascontiguousarray(weights),
            linear.bias.detach().float().cpu().numpy(),
        )
        return cls(labels, words, head, 1, settings)

    @property
    def opens_with(self) -> str | None:
        """How other software opens its folder."""
        kind = opened_by(self.words.encoder.backbone, "encoder")
        return kind and f"transformers {kind} (the encoder; Headway reads head.safetensors beside it)"

    @property
    def parameters(self) -> int:
        """The number of weights, the encoder's among them."""
        module = cast("nn.Module", self.words.encoder.backbone)
        fitted = self.head.weights.size + self.head.bias.size
        mixing = 0 if self.mix is None else len(self.mix.weights) + 1
        return sum(parameter.numel() for parameter in module.parameters()) + fitted + mixing

    def cut(self, sentences: Sequence[Sentence]) -> int:
        """Return how many sentences are longer than the encoder reads at once; their words are tagged all the same."""
        return self.words.cut(sentences)

    def predict(self, sentences: Sequence[Sentence]) -> np.ndarray:
        """Return each word's shares of the tags, [B] arrays [W, C]."""
        found: list[np.ndarray] = []
        for start in range(0, len(sentences), _AT_ONCE):
            vectors = self._vectors(sentences[start : start + _AT_ONCE], self.depths)
            shares = self._shares([own for own in vectors if len(own)])
            found += np.split(shares, np.cumsum([len(own) for own in vectors])[:-1])
        return own_lengths(found, len(sentences))

    def _shares(self, vectors: Sequence[np.ndarray]) -> np.ndarray:
        """Return all words' shares [W, C] of arrays of their vectors."""
        width = len(self.head.mean) * (1 if self.mix is None else len(self.mix.weights))
        kept = np.concatenate([np.empty((0, width), np.float32), *vectors])
        return self.head.probabilities(kept if self.mix is None else features_of([kept], self.mix))

    def save(self, folder: Path) -> None:
        """Write encoder and tokenizer as `transformers` reads them, ``head.safetensors`` and ``tagger.json``."""
        encoder = self.words.encoder
        save_encoder(encoder.backbone, folder)
        encoder.tokenizer.save(folder, max_tokens=encoder.max_tokens)
        save_arrays(folder / _HEAD, vars(self.head))
        stored = {"labels": self.labels, "max_tokens": encoder.max_tokens, "depths": self.depths}
        mix = {} if self.mix is None else {"mix": stored_mix(self.mix)}
        write_json(folder / _FILE, stored | mix | {"settings": self.settings})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what ``save`` wrote, onto the fastest device there is."""
        stored = read_json(folder / _FILE)
        backbone, _ = load_encoder(folder)
        encoder = TextEncoder.around(backbone, folder, stored["max_tokens"])
        head = LinearHead(**load_arrays(folder / _HEAD))
        mix = mix_from(stored["mix"], str(folder / _FILE)) if "mix" in stored else None
        return cls(
            tuple(stored["labels"]),
            WordEncoder(encoder),
            head,
            stored["depths"],
            stored["settings"],
            mix=mix,
        )
