"""The masked-token objective of BERT (Devlin et al. 2019, sections 3.1 and A.1).

Of each text 15 % of the tokens are chosen. A chosen one is replaced by [MASK] in 80 % of the cases, by any ordinary
token in 10 %, and left as it is in 10 %; the model says which token stood there. Special tokens are never chosen.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from headway.blocks.ragged import Tokens
from headway.models.pretraining_heads import MaskedLanguageModel
from headway.tasks.unigram import Score

SHARE = 0.15
MASKED, REPLACED = 0.8, 0.1  # of the chosen tokens; the rest stays


@dataclass(frozen=True)
class Vocabulary:
    """What masking needs to know of a tokenizer: V, the id of [MASK], and the ids of all special tokens."""

    size: int
    mask: int
    special: tuple[int, ...]

    @cached_property
    def ordinary(self) -> np.ndarray:
        """All other ids, ascending."""
        return np.setdiff1d(np.arange(self.size), self.special)


@dataclass(frozen=True, eq=False)
class Masked:
    """One text as the model reads it, [T], and the M places where it is asked: ascending, with what stood there."""

    ids: np.ndarray
    places: np.ndarray
    targets: np.ndarray


def mask(
    ids: np.ndarray, vocabulary: Vocabulary, random: np.random.Generator, share: float = SHARE
) -> Masked:
    """Mask a text: ``share`` of its ordinary tokens, rounded, and at least one where it has any."""
    candidates = np.flatnonzero(~np.isin(ids, vocabulary.special))
    count = min(len(candidates), max(1, round(share * len(candidates))))
    places = np.sort(random.choice(candidates, count, replace=False))
    read = ids.copy()
    lot = random.random(count)
    read[places[lot < MASKED]] = vocabulary.mask
    replaced = places[(lot >= MASKED) & (lot < MASKED + REPLACED)]
    read[replaced] = random.choice(vocabulary.ordinary, len(replaced))
    return Masked(read, places, ids[places])


class Batch(NamedTuple):
    """Masked texts, and the M places asked for as indexes into their N packed tokens, with the targets [M]."""

    tokens: Tokens
    places: Tensor
    targets: Tensor


def batch(
    texts: Sequence[Masked], device: torch.device, segments: Sequence[np.ndarray] | None = None
) -> Batch:
    """Pack masked texts (and their segment ids); their places move along."""
    starts = accumulate((len(text.ids) for text in texts), initial=0)
    places = np.concatenate([start + text.places for text, start in zip(texts, starts, strict=False)])
    targets = np.concatenate([text.targets for text in texts]).astype(np.int64)
    return Batch(
        Tokens.pack([text.ids for text in texts], segments).to(device),
        torch.from_numpy(places).to(device),
        torch.from_numpy(targets).to(device),
    )


def loss(model: MaskedLanguageModel, examples: Batch) -> Tensor:
    """Return the mean cross-entropy over a batch's places, in nats."""
    return F.cross_entropy(model(examples.tokens, examples.places), examples.targets)


def score(model: MaskedLanguageModel, batches: Iterable[Batch]) -> Score:
    """Score a model over the places of all batches."""
    right = total = 0
    nats = 0.0
    model.eval()
    with torch.inference_mode():
        for examples in batches:
            logits = model(examples.tokens, examples.places)
            right += int((logits.argmax(1) == examples.targets).sum())
            nats += float(F.cross_entropy(logits.double(), examples.targets, reduction="sum"))
            total += len(examples.targets)
    return Score(right / total, nats / total)
