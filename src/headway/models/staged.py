"""What the convolutional backbones share: a stem, then stages of blocks, read at the mean of the last maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor, nn

from headway.blocks.convolution import initialize_convolutions
from headway.blocks.pictures import Pictures
from headway.blocks.pooling import mean_of_maps
from headway.core.config import Config
from headway.core.errors import UsageError
from headway.models.base import LayerGroup, MapFeatures
from headway.models.heads import ClassificationHead


@dataclass(frozen=True, kw_only=True)
class StagedConfig(Config):
    """What all of them are told; lists are taken for tuples, as JSON has no others."""

    num_channels: int = 3

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if isinstance(value, list):
                object.__setattr__(self, name, tuple(map(tuple, value) if _is_table(value) else value))


class StagedBackbone(nn.Module):
    """Implements `models.base.PictureBackbone`: a group is the stem, a stage, or what stands behind them."""

    config: StagedConfig
    config_class: ClassVar[type[Config]]
    head_class: ClassVar[type[ClassificationHead]] = ClassificationHead

    def __init__(
        self,
        config: StagedConfig,
        *,
        stem: nn.Module,
        stages: Sequence[nn.Sequential],
        last: nn.Module | None = None,
        num_features: int,
    ) -> None:
        super().__init__()
        self.config = config
        self.stem = stem
        self.stages = nn.ModuleList(stages)
        self.last = last
        self._num_features = num_features
        initialize_convolutions(self)

    @property
    def num_features(self) -> int:
        """D, the channels of the last maps."""
        return self._num_features

    @property
    def num_pooled(self) -> int:
        """D: a picture's vector is the mean of its last maps."""
        return self._num_features

    def features(self, batch: Pictures, state: Any = None) -> MapFeatures:
        """Return the last maps [B, D, H, W]. Raises UsageError on a state or on pictures of other channels."""
        if state is not None:
            raise UsageError(f"{type(self).__name__} keeps no state from batch to batch", where="state")
        return MapFeatures(self.advance(self._checked(batch), 0))

    def pooled(self, features: MapFeatures) -> Tensor:
        """Return the mean over all places of the last maps, [B, D]."""
        return mean_of_maps(features.maps)

    def summarize(self, batch: Pictures, first: int = 0) -> Tensor:
        """Return ``pooled(features(batch))``, [B, D]; or of the maps that came out of the layer groups before one."""
        return mean_of_maps(self.advance(batch.values if first else self._checked(batch), first))

    def intermediates(self, batch: Pictures) -> list[Tensor]:
        """Return the maps after each layer group."""
        x = self._checked(batch)
        depths = []
        for _, module in self._groups():
            x = module(x)
            depths.append(x)
        return depths

    def advance(self, maps: Tensor, first: int, last: int | None = None) -> Tensor:
        """Compute the layer groups ``first`` to ``last`` (not included) on the maps that come before them."""
        for _, module in self._groups()[first:last]:
            maps = module(maps)
        return maps

    def layer_groups(self) -> list[LayerGroup]:
        """Return stem, each stage, and what stands behind them."""
        return [LayerGroup(name, tuple(module.parameters())) for name, module in self._groups()]

    def _groups(self) -> list[tuple[str, nn.Module]]:
        stages = [(f"stages.{i}", stage) for i, stage in enumerate(self.stages)]
        behind = [] if self.last is None else [("last", self.last)]
        return [("stem", self.stem), *stages, *behind]

    def _checked(self, batch: Pictures) -> Tensor:
        channels = batch.values.shape[1]
        if channels != self.config.num_channels:
            raise UsageError(
                f"pictures of {channels} channels, but the model reads {self.config.num_channels}",
                where="batch",
                remedy="Decode the pictures as the model's preprocessing says.",
            )
        return batch.values


def _is_table(value: list[Any]) -> bool:
    return all(isinstance(row, list | tuple) for row in value)
