"""The objective of GPT (Radford et al. 2018, section 3.1): each token of a text is predicted from those before it."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from headway.blocks.ragged import Tokens
from headway.models.base import LanguageModel


class Batch(NamedTuple):
    """What the model reads, and what follows each of its N tokens, [N]."""

    tokens: Tokens
    targets: Tensor


def batch(rows: Sequence[np.ndarray], device: torch.device) -> Batch:
    """Pack windows of tokens: of each, all but the last are read, all but the first predicted."""
    tokens = Tokens.pack([row[:-1] for row in rows]).to(device)
    return Batch(tokens, Tokens.pack([row[1:] for row in rows]).values.to(device))


def loss(model: LanguageModel, examples: Batch) -> Tensor:
    """Return the mean cross-entropy of the targets, in nats."""
    return F.cross_entropy(model.logits(examples.tokens), examples.targets)
