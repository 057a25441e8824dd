"""Classes, labels and numbers from a text's, or a pair's, pooled vector: the model, its batches, its loss, its answers.

A head with one output and targets that are numbers make a regression (Devlin et al. 2019, appendix B.1, of STS-B). The
answers are those of pictures too.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from headway.blocks.ragged import Ragged
from headway.models.heads import Classifier
from headway.tasks.encoder import TextEncoder

HEAD_DROPOUT = 0.1

Input = TypeVar("Input", contravariant=True)


class Batch(NamedTuple):
    """B texts and their targets: int64 [B] of classes, float32 [B] of numbers or [B, C] of labels; ``first`` is the
    layer group that reads the texts, 0 where they are tokens.
    """

    texts: Ragged
    targets: Tensor
    first: int = 0


class Batching(Protocol[Input]):
    """What makes batches of inputs: an encoder of texts, or of pictures."""

    def batches(self, inputs: Sequence[Input], /) -> Iterator[tuple[np.ndarray, Any]]:
        """Yield (rows, batch) over all inputs."""


def build(encoder: TextEncoder, classes: int, seed: int) -> Classifier:
    """Put a fresh head, drawn from ``seed``, on the encoder's backbone (which is trained in place).

    No classes: a head for numbers, of one output.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        head = encoder.backbone.head_class(encoder.backbone.num_pooled, max(classes, 1), HEAD_DROPOUT)
    return Classifier(encoder.backbone, head.to(encoder.device))


def batch(encoder: TextEncoder, ids: Sequence[np.ndarray], targets: np.ndarray) -> Batch:
    """Pack the token ids of B texts with their targets."""
    kind = np.int64 if np.issubdtype(targets.dtype, np.integer) else np.float32
    return Batch(encoder.pack(ids), torch.from_numpy(np.asarray(targets, dtype=kind)).to(encoder.device))


def parts(examples: Batch, tokens: int) -> list[Batch]:
    """Cut a batch into neighbours of at most so many tokens, or of one text that has more."""
    texts, targets, first = examples
    return [Batch(texts.rows(a, b), targets[a:b], first) for a, b in texts.parts(tokens)]


def loss(model: Classifier, examples: Batch) -> Tensor:
    """Return the mean cross-entropy of a batch (of several labels, each for itself), or the mean squared error of
    numbers, in float32 whatever the model multiplies in.
    """
    logits = model(examples.texts, examples.first).float()
    if examples.targets.ndim == 2:
        return F.binary_cross_entropy_with_logits(logits, examples.targets)
    if examples.targets.is_floating_point():
        return F.mse_loss(logits[:, 0], examples.targets)
    return F.cross_entropy(logits, examples.targets)


def probabilities(model: Classifier, encoder: Batching[Input], inputs: Sequence[Input]) -> np.ndarray:
    """Return softmax(logits) of each input, float64 [B, C]."""
    return _outputs(model, encoder, inputs, lambda logits: logits.softmax(dim=1))


def label_shares(model: Classifier, encoder: Batching[Input], inputs: Sequence[Input]) -> np.ndarray:
    """Return each label's own probability, float64 [B, C]."""
    return _outputs(model, encoder, inputs, torch.sigmoid)


def numbers(model: Classifier, encoder: Batching[Input], inputs: Sequence[Input]) -> np.ndarray:
    """Return the one output of each input, float64 [B]."""
    return _outputs(model, encoder, inputs, lambda logits: logits)[:, 0]


def _outputs(
    model: Classifier,
    encoder: Batching[Input],
    inputs: Sequence[Input],
    answer: Callable[[Tensor], Tensor],
) -> np.ndarray:
    out = np.empty((len(inputs), model.head.classifier.out_features))
    model.eval()
    with torch.inference_mode():
        for rows, packed in encoder.batches(inputs):
            out[rows] = answer(model(packed).double()).cpu().numpy()
    return out
