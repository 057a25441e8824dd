"""How near ours must come to a reference's numbers."""

import torch
from torch import Tensor

PRECISION = {torch.float64: 1e-10, torch.float32: 1e-5}


def close(found: Tensor, wanted: Tensor) -> None:
    """Equal up to the precision of the type, as a share of the largest magnitude."""
    assert found.dtype == wanted.dtype and found.shape == wanted.shape
    assert (found - wanted).abs().max() <= PRECISION[wanted.dtype] * wanted.abs().max()
