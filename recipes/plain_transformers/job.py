"""What both sides begin with, drawn as Headway draws it: the rows of every batch in their order, and the head's values.

With these and no dropout, nothing but arithmetic tells a plain loop from Headway's training on the same rows.
"""

from collections.abc import Sequence
from typing import Any

from headway.data.batches import epoch_order, length_batches
from headway.models.heads import ClassificationHead


def common(
    lengths: Sequence[int], head: ClassificationHead, *, seed: int, epochs: int, batch: int
) -> dict[str, Any]:
    """Return ``batches`` [[row, ...], ...], all epochs' one after the other, of rows of so many tokens, and ``head``,
    the values of its last layer's weights [C, D].
    """
    batches = [
        rows.tolist()
        for epoch in range(epochs)
        for rows in length_batches(lengths, epoch_order(len(lengths), seed, epoch), batch)
    ]
    return {"seed": seed, "batches": batches, "head": head.classifier.weight.tolist()}
