"""A text encoder: a tokenizer, a backbone and how many tokens it reads, from text to packed batches."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np
import torch
from torch import nn

from headway.blocks.pooling import mean_pool
from headway.blocks.ragged import Tokens
from headway.core.arithmetic import FILE as ARITHMETIC_FILE
from headway.core.arithmetic import Arithmetic, decide
from headway.core.device import choose_device
from headway.core.errors import WeightsError
from headway.core.files import read_json
from headway.data.characters import CharacterTokenizer
from headway.data.pair_encoding import encode_pairs
from headway.data.tokenizers import Encoded, Tokenizer
from headway.tasks.tokenizer_files import AnyTokenizer, published_reader, reader_in
from headway.weights import catalog
from headway.weights.cache import cache_folder, fetch
from headway.weights.catalog import find
from headway.weights.pretrained import load_backbone, load_encoder
from headway.weights.text_rows import PUBLISHED

if TYPE_CHECKING:
    from headway.models.base import Backbone

DEFAULT_MAX_TOKENS = 512  # where neither tokenizer nor positions set a bound
UNBOUNDED = 10_000_000  # where a backbone reads texts of any length in constant memory
TOKENS_IN_A_BATCH = 4096  # bounds the memory of prediction, whatever the texts' lengths


@dataclass(frozen=True)
class TextEncoder:
    """What turns texts, or pairs of them, into vectors."""

    backbone: "Backbone"
    tokenizer: AnyTokenizer | CharacterTokenizer
    max_tokens: int
    device: torch.device
    pairs: bool = False  # whether an input is two texts, read as one sequence
    stand_in: str = ""  # what users are told of the zoo's weights where these are not the published ones

    @classmethod
    def open(cls, model: str, device: torch.device) -> Self:
        """Load a cached model of the zoo by its name, or a folder's model; opens no connection."""
        return (
            cls.from_zoo(model, device) if model in catalog.CATALOG else cls.from_folder(Path(model), device)
        )

    @classmethod
    def from_folder(cls, folder: Path, device: torch.device) -> Self:
        """Load a model and its tokenizer from a folder in a published layout; heads in it are left behind.

        It reads as many tokens as `tokenizer_config.json` and its positions allow. Raises DataError, WeightsError,
        LayoutError.
        """
        backbone, _ = load_encoder(folder)
        tokenizer = reader_in(folder)
        rows: int = cast("Any", backbone.config).vocab_size
        if tokenizer.vocab_size > rows:
            raise WeightsError(
                f"the vocabulary has {tokenizer.vocab_size:,} pieces, the model's embedding {rows:,} rows",
                where=str(folder),
                remedy="Use the vocabulary that the model was trained with.",
            )
        cast("nn.Module", backbone).to(device)
        return cls(backbone, tokenizer, _max_tokens(folder, backbone), device)

    @classmethod
    def from_zoo(cls, name: str, device: torch.device) -> Self:
        """Load a cached model of the zoo with its own preprocessing; opens no connection."""
        entry = find(name)
        tokenizer = published_reader(entry, fetch(entry, offline=True))
        backbone = load_backbone(name, offline=True)
        cast("nn.Module", backbone).to(device)
        stand_in = "" if entry.origin == PUBLISHED else entry.origin
        most = entry.preprocessing.max_tokens or UNBOUNDED
        return cls(backbone, tokenizer, most, device, stand_in=stand_in)

    @classmethod
    def around(cls, backbone: "Backbone", folder: Path, max_tokens: int) -> Self:
        """Put the tokenizer saved in a folder before a backbone, on the fastest device there is."""
        device = choose_device()
        cast("nn.Module", backbone).to(device)
        return cls(backbone, reader_in(folder), max_tokens, device)

    @property
    def settings(self) -> dict[str, str]:
        """How texts are cut, where that is our choice and did not come with the weights; what stands in for these."""
        told = {"reads": self.tokenizer.reads, "weights": self.stand_in}
        return {name: value for name, value in told.items() if value}

    @cached_property
    def arithmetic(self) -> Arithmetic:
        """What training computes with on the encoder's device."""
        return decide(self.device, cache_folder() / ARITHMETIC_FILE)

    @cached_property
    def depth_sizes(self) -> tuple[int, ...]:
        """How many numbers a token has at each depth: the embeddings', then each layer's."""
        cast("nn.Module", self.backbone).eval()
        with torch.inference_mode():
            means = self._mean_depths(self.pack([self.tokenizer.nothing]))
        return tuple(mean.shape[1] for mean in means)

    def tokenize(self, inputs: Sequence[Any]) -> list[np.ndarray]:
        """Return each input's ids, cut at ``max_tokens``; one without any is what stands for nothing."""
        return [ids if len(ids) else self.tokenizer.nothing for ids in self._encode(inputs).ids]

    def cut(self, inputs: Sequence[Any]) -> int:
        """Return how many of the inputs are longer than the encoder reads."""
        return self._encode(inputs).cut

    def _encode(self, inputs: Sequence[Any]) -> Encoded:
        encode = partial(encode_pairs, self.tokenizer) if self.pairs else self.tokenizer.encode
        return encode(inputs, self.max_tokens)

    def pack(self, ids: Sequence[np.ndarray]) -> Tokens:
        """Lay token ids end to end, on the encoder's device; of pairs, what follows the first [SEP] is segment 1."""
        joined = self.pairs and isinstance(self.tokenizer, Tokenizer) and self.tokenizer.joins_pairs
        separator = (
            self.tokenizer.special["sep"] if joined and isinstance(self.tokenizer, Tokenizer) else None
        )
        segments = None if separator is None else [_segments(row, separator) for row in ids]
        return Tokens.pack(ids, segments).to(self.device)

    def batches(self, inputs: Sequence[Any]) -> Iterator[tuple[np.ndarray, Tokens]]:
        """Yield (rows, batch) over all inputs, sorted by length, each batch of a bounded number of tokens."""
        ids = self.tokenize(inputs)
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
        """Return the mean over tokens of each of the last ``depths`` layers' vectors, side by side: [B, depths D].

        A model with fewer layers gives those it has, and its embeddings.
        """
        if not texts:
            return self.layer_means([""], depths)[:0]
        features = np.empty(0, np.float32)
        cast("nn.Module", self.backbone).eval()
        with torch.inference_mode():
            for rows, batch in self.batches(texts):
                means = torch.cat(self._mean_depths(batch)[-depths:], dim=1).cpu().numpy()
                if not features.size:
                    features = np.empty((len(texts), means.shape[1]), np.float32)
                features[rows] = means
        return features

    def _mean_depths(self, batch: Tokens) -> list[torch.Tensor]:
        windowed = getattr(self.backbone, "mean_depths", None)  # of a backbone that reads texts of any length
        if windowed is not None:
            means: list[torch.Tensor] = windowed(batch)
            return means
        return [mean_pool(layer) for layer in self.backbone.intermediates(batch)]


def _segments(ids: np.ndarray, separator: int) -> np.ndarray:
    """Return 0 for each token up to the first separator, and 1 for those behind it."""
    found = ids == separator
    behind: np.ndarray = (np.cumsum(found) - found > 0).astype(np.int64)
    return behind


def _max_tokens(folder: Path, backbone: "Backbone") -> int:
    """Return how many tokens of a text a folder's model reads."""
    unbounded = getattr(backbone, "unbounded", False)
    bounds = [
        UNBOUNDED if unbounded else getattr(backbone.config, "max_positions", None) or DEFAULT_MAX_TOKENS
    ]
    stated = folder / "tokenizer_config.json"
    if stated.is_file():
        bounds.append(int(read_json(stated).get("model_max_length") or bounds[0]))
    return min(bounds)
