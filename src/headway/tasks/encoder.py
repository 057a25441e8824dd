"""A text encoder: a tokenizer, a backbone and how many tokens it reads, from text to packed batches."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self, cast

import numpy as np
import torch
from torch import nn

from headway.blocks.pooling import mean_pool
from headway.blocks.ragged import Tokens
from headway.core.device import choose_device
from headway.data.tokenizers import FILE as TOKENIZER_FILE
from headway.data.tokenizers import Tokenizer
from headway.weights.cache import fetch
from headway.weights.catalog import find
from headway.weights.pretrained import load_backbone

if TYPE_CHECKING:
    from headway.models.base import Backbone

TOKENS_IN_A_BATCH = 4096  # bounds the memory of prediction, whatever the texts' lengths


@dataclass(frozen=True)
class TextEncoder:
    """What turns texts into vectors."""

    backbone: "Backbone"
    tokenizer: Tokenizer
    max_tokens: int
    device: torch.device

    @classmethod
    def from_zoo(cls, name: str, device: torch.device) -> Self:
        """Load a cached model of the zoo with its own preprocessing; opens no connection."""
        entry = find(name)
        vocabulary = fetch(entry, offline=True) / entry.preprocessing.vocabulary
        tokenizer = Tokenizer.from_wordpiece_vocabulary(vocabulary, lowercase=entry.preprocessing.lowercase)
        backbone = load_backbone(name, offline=True)
        cast("nn.Module", backbone).to(device)
        return cls(backbone, tokenizer, entry.preprocessing.max_tokens, device)

    @classmethod
    def around(cls, backbone: "Backbone", folder: Path, max_tokens: int) -> Self:
        """Put the tokenizer saved in a folder before a backbone, on the fastest device there is."""
        device = choose_device()
        cast("nn.Module", backbone).to(device)
        return cls(backbone, Tokenizer.load(folder / TOKENIZER_FILE), max_tokens, device)

    def tokenize(self, texts: Sequence[str]) -> list[np.ndarray]:
        """Return each text's token ids, cut at ``max_tokens``."""
        return self.tokenizer.encode(texts, self.max_tokens).ids

    def cut(self, texts: Sequence[str]) -> int:
        """Return how many of the texts are longer than the encoder reads."""
        return self.tokenizer.encode(texts, self.max_tokens).cut

    def pack(self, ids: Sequence[np.ndarray]) -> Tokens:
        """Lay token ids end to end, on the encoder's device."""
        return Tokens.pack(ids).to(self.device)

    def batches(self, texts: Sequence[str]) -> Iterator[tuple[np.ndarray, Tokens]]:
        """Yield (rows, batch) over all texts, sorted by length, each batch of a bounded number of tokens."""
        ids = self.tokenize(texts)
        order = np.argsort([len(row) for row in ids], kind="stable")
        start = tokens = 0
        for end, row in enumerate(order):
            if end > start and tokens + len(ids[row]) > TOKENS_IN_A_BATCH:
                yield order[start:end], self.pack([ids[i] for i in order[start:end]])
                start, tokens = end, 0
            tokens += len(ids[row])
        if len(order):
            yield order[start:], self.pack([ids[i] for i in order[start:]])

    def layer_means(self, texts: Sequence[str], depths: int) -> np.ndarray:
        """Return the mean over tokens of each of the last ``depths`` layers' vectors, side by side: [B, depths D]."""
        features = np.empty((len(texts), depths * self.backbone.num_features), np.float32)
        cast("nn.Module", self.backbone).eval()
        with torch.inference_mode():
            for rows, batch in self.batches(texts):
                layers = self.backbone.intermediates(batch)[-depths:]
                features[rows] = torch.cat([mean_pool(layer) for layer in layers], dim=1).cpu().numpy()
        return features
