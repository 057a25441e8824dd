"""What a linear layer reads of a pair of texts, each of which is one vector. It needs no torch."""

from collections.abc import Sequence

import numpy as np


def side_by_side(sides: Sequence[np.ndarray]) -> np.ndarray:
    """Return a text's own features [B, D]; of a pair u, v, |u - v|, u v and the cosine, [B, 4 D + 1].

    Conneau et al. 2017 (arXiv:1705.02364), section 3.1; the cosine is ours.
    """
    if len(sides) == 1:
        return sides[0]
    u, v = sides
    lengths = np.linalg.norm(u, axis=1) * np.linalg.norm(v, axis=1)
    cosine = (u * v).sum(axis=1) / np.maximum(lengths, 1e-12)
    return np.concatenate([u, v, np.abs(u - v), u * v, cosine[:, None]], axis=1)
