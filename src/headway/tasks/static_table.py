"""Distilling a pretrained encoder into a static table: one vector a token, without what stands around it. Loads torch.

Each token of the vocabulary goes through the encoder alone, between the marks that begin and end a text; the mean over
these few places is its vector, reduced by principal components (van Dongen and Tulkens 2024, Model2Vec). The table
is a pure function of the encoder and is kept in the cache under a hash of its weights and vocabulary.
"""

from __future__ import annotations

import hashlib
from typing import cast

import numpy as np
import torch
from torch import nn

from headway.blocks.pooling import mean_pool
from headway.core.errors import UsageError
from headway.core.progress import Progress
from headway.core.tensors import load_arrays, save_arrays
from headway.data.tokenizers import Tokenizer
from headway.tasks.encoder import TextEncoder
from headway.weights.cache import cache_folder

DIMENSIONS = 256
FOLDER = "static"  # in the cache folder
_TOKENS_AT_ONCE = 1024


def tokenizer_of(encoder: TextEncoder) -> Tokenizer:
    """Return the encoder's tokenizer; raises UsageError where it has no tokens to make a table of."""
    if not isinstance(encoder.tokenizer, Tokenizer):
        raise UsageError(
            "has no vocabulary of tokens that a table could be made of",
            where="model",
            remedy="Use an encoder with word pieces or byte pairs, such as minilm.",
        )
    return encoder.tokenizer


def static_table(encoder: TextEncoder, progress: Progress) -> np.ndarray:
    """Return each token's vector, [V, at most 256] float16, from the cache or distilled now."""
    path = cache_folder() / FOLDER / f"{_fingerprint(encoder)}.safetensors"
    if not path.is_file():
        save_arrays(path, {"table": distil(encoder, progress)})
    return load_arrays(path)["table"]


def is_distilled(encoder: TextEncoder) -> bool:
    """Return whether the table is in the cache."""
    return (cache_folder() / FOLDER / f"{_fingerprint(encoder)}.safetensors").is_file()


def distil(encoder: TextEncoder, progress: Progress) -> np.ndarray:
    """Send every token through the encoder and reduce what comes out."""
    tokenizer = tokenizer_of(encoder)
    vectors: list[np.ndarray] = []
    progress.begin("distilling tokens", tokenizer.vocab_size, "tokens")
    for start in range(0, tokenizer.vocab_size, _TOKENS_AT_ONCE):
        tokens = range(start, min(start + _TOKENS_AT_ONCE, tokenizer.vocab_size))
        vectors.append(token_vectors(encoder, tokens))
        progress.advance(len(tokens))
    progress.end()
    return reduced(np.concatenate(vectors)).astype(np.float16)


def token_vectors(encoder: TextEncoder, tokens: range) -> np.ndarray:
    """Return the mean over [CLS] token [SEP] (or the token alone, where there are none) of each, [N, D]."""
    marks = tokenizer_of(encoder).special
    before, after = ([marks[name]] if name in marks else [] for name in ("cls", "sep"))
    ids = [np.array([*before, token, *after], np.int32) for token in tokens]
    cast("nn.Module", encoder.backbone).eval()
    with torch.inference_mode():
        means = mean_pool(encoder.backbone.features(encoder.pack(ids)).tokens)
    return means.float().cpu().numpy()


def reduced(vectors: np.ndarray, dimensions: int = DIMENSIONS) -> np.ndarray:
    """Return the principal components of vectors [V, D], each with its largest weight positive: the signs are fixed."""
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    _, directions = np.linalg.eigh(centred.T @ centred)  # ascending
    directions = directions[:, ::-1][:, :dimensions]
    largest = np.take_along_axis(directions, np.abs(directions).argmax(axis=0)[None], axis=0)
    components: np.ndarray = centred @ (directions * np.sign(largest))
    return components


def _fingerprint(encoder: TextEncoder) -> str:
    """Return a hash of the encoder's weights and its tokens."""
    digest = hashlib.sha256("\n".join(tokenizer_of(encoder).vocabulary).encode())
    for name, tensor in cast("nn.Module", encoder.backbone).state_dict().items():
        digest.update(name.encode() + tensor.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:32]
