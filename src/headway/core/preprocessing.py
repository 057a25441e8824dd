"""How pictures become the numbers that a network was trained on. Such a record belongs to weights, not to networks."""

from __future__ import annotations

from dataclasses import dataclass

from headway.core.config import Config
from headway.core.errors import UsageError

INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos", "box", "hamming")


@dataclass(frozen=True, kw_only=True)
class PicturePreprocessing(Config):
    """Resize the shorter side, cut the middle square out, scale to 0..1, then (x - mean) / std for each channel.

    The defaults are those of ImageNet's weights in torchvision.
    """

    resize: int = 256  # pixels of the shorter side
    crop: int = 224  # pixels of the square's side
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)  # in the order of `channels`
    std: tuple[float, ...] = (0.229, 0.224, 0.225)
    interpolation: str = "bilinear"
    channels: str = "RGB"  # or "BGR", or "L": one channel of grey

    def __post_init__(self) -> None:
        for name in ("mean", "std"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if self.channels not in ("RGB", "BGR", "L"):
            raise UsageError(
                f"channels is {self.channels!r}; known: RGB, BGR, L", where="PicturePreprocessing"
            )
        if self.interpolation not in INTERPOLATIONS:
            raise UsageError(
                f"interpolation is {self.interpolation!r}; known: {', '.join(INTERPOLATIONS)}",
                where="PicturePreprocessing",
            )
        if not len(self.mean) == len(self.std) == len(self.channels) or min(self.std) <= 0:
            raise UsageError(
                "mean and std need one number for each channel, std none below 0",
                where="PicturePreprocessing",
            )
        if not 1 <= self.crop <= self.resize:
            raise UsageError(
                f"crop is {self.crop}, which must be from 1 to resize, {self.resize}",
                where="PicturePreprocessing",
            )
