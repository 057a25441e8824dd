"""What the parity tests of BERT and DistilBERT share: tiny sizes, a reference full of noise, texts."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from noise import fill
from torch import Tensor, nn

BERT: dict[str, Any] = {
    "vocab_size": 97,
    "hidden_size": 20,
    "num_attention_heads": 4,
    "intermediate_size": 36,
    "num_hidden_layers": 3,
    "max_position_embeddings": 24,
    "type_vocab_size": 2,
    "layer_norm_eps": 1e-3,  # large enough to be seen
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
    "pad_token_id": 0,
}
DISTILBERT: dict[str, Any] = {
    "vocab_size": 97,
    "dim": 20,
    "n_heads": 4,
    "hidden_dim": 36,
    "n_layers": 3,
    "max_position_embeddings": 24,
    "dropout": 0.0,
    "attention_dropout": 0.0,
    "qa_dropout": 0.0,
    "pad_token_id": 0,
}
LENGTHS = (7, 24, 1, 7, 12, 3)


def noisy(kind: str, **more: Any) -> Any:
    """A model of transformers by its class's name, filled with noise, in float64."""
    import transformers

    config, sizes = ("DistilBertConfig", DISTILBERT) if kind.startswith("Distil") else ("BertConfig", BERT)
    configured = getattr(transformers, config)(**sizes | more, attn_implementation="eager")
    model: nn.Module = getattr(transformers, kind)(configured)
    fill(model)
    return model.double().eval()


def texts() -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Token ids of ragged lengths, and segment ids: the second half of a text is of segment 1."""
    random = np.random.default_rng(0)
    ids = [random.integers(1, 97, length) for length in LENGTHS]
    return ids, [(np.arange(length) >= length / 2).astype(np.int64) for length in LENGTHS]


def padded(arrays: Sequence[np.ndarray], value: int = 0) -> Tensor:
    """The rows as a rectangle."""
    tensors = [torch.from_numpy(array) for array in arrays]
    return nn.utils.rnn.pad_sequence(tensors, batch_first=True, padding_value=value)


def packed(rectangle: Tensor) -> Tensor:
    """The real tokens of a rectangle, end to end."""
    return torch.cat([row[:length] for row, length in zip(rectangle, LENGTHS, strict=True)])
