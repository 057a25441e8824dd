"""The recipe of a training on questions: what every training has, and how contexts are read."""

from dataclasses import dataclass, fields

from headway.core.errors import UsageError
from headway.data.reading_windows import ReadingConfig
from headway.training.settings import TrainingSettings


@dataclass(frozen=True, kw_only=True)
class ReadingSettings(TrainingSettings):
    """Settings of training on questions and contexts. Raises UsageError on a value that has no meaning."""

    window: int = ReadingConfig.window
    stride: int = ReadingConfig.stride
    longest: int = ReadingConfig.longest

    def __post_init__(self) -> None:
        super().__post_init__()
        _ = self.reading
        for name, wanted in (("shard", 0), ("start", "fresh"), ("contrastive", 0)):
            if getattr(self, name) != wanted:
                raise UsageError(
                    "is for texts and pairs of them, and these are questions on contexts", where=name
                )

    @property
    def reading(self) -> ReadingConfig:
        """How contexts are read."""
        return ReadingConfig(**{field.name: getattr(self, field.name) for field in fields(ReadingConfig)})
