"""The recipe of a training on pictures: what every training has, and what is done to pictures and batch norms."""

from dataclasses import dataclass

from headway.core.errors import UsageError
from headway.data.augmentation import AUGMENTATIONS
from headway.tasks.picture_classification import MIXES
from headway.training.settings import TrainingSettings

_WORDS = {
    "augmentation": tuple(AUGMENTATIONS),
    "mix": MIXES,
    "statistics": ("frozen", "batch"),
}


@dataclass(frozen=True, kw_only=True)
class PictureSettings(TrainingSettings):
    """Settings of training on pictures. Raises UsageError on a value that has no meaning."""

    side: int = 0  # pixels of the square that the network reads; 0: as its weights want
    augmentation: str = "light"  # a key of data.augmentation.AUGMENTATIONS
    mix: str = "none"  # pictures of a batch with each other: "mixup" or "cutmix"
    statistics: str = "frozen"  # batch norm's in training: those of the weights, or each "batch"'s
    start: str = "probe"

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, known in _WORDS.items():
            if getattr(self, name) not in known:
                raise UsageError(
                    f"unknown {name} {getattr(self, name)!r}",
                    where=name,
                    remedy=f"Known: {', '.join(known)}.",
                )
        for name in ("fresh_layers", "contrastive", "tokens_at_once", "shard"):
            if getattr(self, name):
                raise UsageError("is for texts, and these are pictures", where=name)

    @property
    def keeps_maps(self) -> bool:
        """Whether what frozen lower groups make of a picture is the same each time, and so need be computed once."""
        still = self.augmentation == "none" and self.mix == "none" and self.statistics == "frozen"
        return still and (self.frozen_groups > 0 or self.thaw > 0)
