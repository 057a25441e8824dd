"""A text of 100,000 words and AWD-LSTM: read whole, in no more memory than one of 2,000."""

import numpy as np
import torch

from headway.blocks.ragged import Tokens
from headway.models.awd_lstm import AwdLstm, AwdLstmConfig


def _held(model: AwdLstm, words: int) -> int:
    """The most activations that the graph of a summary holds, in bytes."""
    ids = np.random.default_rng(0).integers(0, 20, words)
    held = 0

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        nonlocal held
        held += tensor.numel() * tensor.element_size()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        out = model.summarize(Tokens.pack([ids]))
    out.sum().backward()
    assert out.isfinite().all()
    return held


def test_memory_does_not_grow_with_the_text() -> None:
    torch.manual_seed(0)
    model = AwdLstm(AwdLstmConfig(vocab_size=20, d_model=8, d_cell=8, num_layers=2)).train()
    short = _held(model, 2_000)
    assert _held(model, 100_000) < 1.5 * short
