"""Single-label classification of pictures: how the model is built, its batches, its loss.

An epoch's pictures are changed ones, or, where the lower layers stay as they are, what these once made of them. The
targets of mixed pictures are shares of the classes.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Protocol, cast

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from headway.blocks.pictures import Pictures
from headway.core.remembered import Remembered
from headway.core.seeding import derive, generator
from headway.data.augmentation import Augmentation, augment
from headway.data.batches import epoch_order
from headway.data.images import Pixels
from headway.data.pictures import Picture
from headway.models.base import MapFeatures
from headway.models.heads import Classifier
from headway.models.linear_head import LinearHead
from headway.tasks.picture_encoder import PictureEncoder

MIXES = ("none", "mixup", "cutmix")


AHEAD = 2  # batches that are made while one is trained on


class Batch(NamedTuple):
    """Maps and their targets; ``first`` is the layer group that reads the maps, 0 where they are the pictures."""

    maps: Pictures
    targets: Tensor  # classes [B], or their shares [B, C]
    first: int = 0

    def parts(self, size: int) -> list["Batch"]:
        """Cut it into batches of at most so many pictures."""
        starts = range(0, len(self.maps), size)
        return [
            Batch(Pictures(self.maps.values[at : at + size]), self.targets[at : at + size], self.first)
            for at in starts
        ]


class Epochs(Protocol):
    """What a training goes through."""

    def __call__(self, epoch: int) -> Sequence[Batch]:
        """Return the batches of an epoch, the same number each time."""


@dataclass(frozen=True, eq=False)
class ChangedPictures:
    """Decoded pictures [N], uint8 [H, W, 3] or [H, W], changed anew in each epoch by the pool's threads."""

    encoder: PictureEncoder
    images: Sequence[np.ndarray]
    targets: np.ndarray  # [N]
    classes: int
    batch_size: int
    augmentation: Augmentation
    mix: str
    seed: int
    pool: Executor

    def __call__(self, epoch: int) -> Sequence[Batch]:
        """Return an epoch's batches, each made when it is asked for."""
        order = epoch_order(len(self.images), self.seed, epoch)
        return _ChangedEpoch(self, epoch, _cut(order, self.batch_size))

    def changed(self, epoch: int, row: int) -> Pixels:
        """Return a picture as an epoch sees it: a pure function of seed, epoch and row."""
        random = generator(self.seed, "change", epoch, row)
        image = Image.fromarray(self.images[row])
        return augment(image, self.augmentation, self.encoder.preprocessing, random)

    def batch(self, rows: np.ndarray, pixels: Sequence[Pixels], epoch: int, number: int) -> Batch:
        """Pack changed pictures; what they are mixed with is a pure function of seed, epoch and number."""
        pictures = self.encoder.pack(pixels)
        targets = torch.from_numpy(self.targets[rows]).to(self.encoder.device)
        if self.mix == "none":
            return Batch(pictures, targets)
        random = generator(self.seed, "mix", epoch, number)
        return mixed(pictures, F.one_hot(targets, self.classes).float(), self.mix, random)


class _ChangedEpoch(Sequence[Batch]):
    """While one batch is trained on, the next ones are made."""

    def __init__(self, source: ChangedPictures, epoch: int, rows: list[np.ndarray]) -> None:
        self._source = source
        self._epoch = epoch
        self._rows = rows
        self._waiting: dict[int, list[Future[Pixels]]] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, number: int) -> Batch:  # type: ignore[override]  # no slices
        source, epoch, own = self._source, self._epoch, self._rows[number]
        for each in range(number, min(number + 1 + AHEAD, len(self))):
            if each not in self._waiting:
                rows = self._rows[each].tolist()
                self._waiting[each] = [source.pool.submit(source.changed, epoch, row) for row in rows]
        pixels = [future.result() for future in self._waiting.pop(number)]
        return source.batch(own, pixels, epoch, number)


@dataclass(frozen=True, eq=False)
class FrozenMaps:
    """What comes out of the lower layer groups as long as they stay as they are, computed once a picture.

    ``lowest`` says which group is the first to learn in an epoch; where that is a lower one than before, the maps
    before it are computed. The pictures are not changed.
    """

    encoder: PictureEncoder  # as published: another than the one that is trained
    pictures: Sequence[Picture]
    targets: np.ndarray
    batch_size: int
    seed: int
    lowest: Callable[[int], int]
    folder: Path | None = None

    def __call__(self, epoch: int) -> Sequence[Batch]:
        """Return an epoch's batches."""
        first = self.lowest(epoch)
        compute = partial(self.encoder.maps, first=first)
        identity = f"{self.encoder.identity}, maps before group {first}"
        known = Remembered(compute, lambda picture: picture.sha256, identity, self.folder)
        order = epoch_order(len(self.pictures), self.seed, epoch)
        return _MapEpoch(self, known(self.pictures), _cut(order, self.batch_size), first)


class _MapEpoch(Sequence[Batch]):
    def __init__(
        self, source: FrozenMaps, maps: list[np.ndarray], rows: list[np.ndarray], first: int
    ) -> None:
        self._source = source
        self._maps = maps
        self._rows = rows
        self._first = first

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, number: int) -> Batch:  # type: ignore[override]  # no slices
        rows, device = self._rows[number], self._source.encoder.device
        values = torch.from_numpy(np.stack([self._maps[row] for row in rows.tolist()])).to(device)
        maps = Pictures(values.contiguous(memory_format=torch.channels_last))
        return Batch(maps, torch.from_numpy(self._source.targets[rows]).to(device), self._first)


def _cut(order: np.ndarray, batch_size: int) -> list[np.ndarray]:
    return [order[start : start + batch_size] for start in range(0, len(order), batch_size)]


def mixed(pictures: Pictures, shares: Tensor, mix: str, random: np.random.Generator) -> Batch:
    """Mix each picture and its target with another's of the batch; ``shares`` [B, C].

    mixup (Zhang et al. 2018, arXiv:1710.09412): x = l x_i + (1 - l) x_j, l uniform (their alpha is 1 here);
    cutmix (Yun et al. 2019, arXiv:1905.04899): a box of x_j, of a share 1 - l of the area, takes the place of x_i's.
    """
    share = float(random.beta(1.0, 1.0))
    other = torch.from_numpy(random.permutation(len(pictures))).to(shares.device)
    values = pictures.values
    if mix == "mixup":
        values = share * values + (1 - share) * values[other]
    else:
        height, width = values.shape[2:]
        high, wide = (round(length * (1 - share) ** 0.5) for length in (height, width))
        top, left = (int(random.integers(0, length + 1)) for length in (height - high, width - wide))
        values = values.clone()
        inside = (..., slice(top, top + high), slice(left, left + wide))
        values[inside] = pictures.values[other][inside]
        share = 1 - high * wide / (height * width)
    return Batch(Pictures(values), share * shares + (1 - share) * shares[other])


def loss(model: Classifier, batch: Batch) -> Tensor:
    """Return the mean cross-entropy of a batch, in float32 whatever the model multiplies in."""
    backbone = cast("Any", model.backbone)
    pooled = backbone.pooled(MapFeatures(backbone.advance(batch.maps.values, batch.first)))
    return F.cross_entropy(model.head(pooled).float(), batch.targets)


def build(encoder: PictureEncoder, classes: int, seed: int, start: LinearHead | None = None) -> Classifier:
    """Put a linear head on the encoder's backbone: a fresh one drawn from ``seed``, or one fitted to its vectors."""
    backbone = encoder.backbone
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, "head"))
        head = backbone.head_class(backbone.num_pooled, classes, 0.0)
    if start is not None:
        head.begin_with(start)
    return Classifier(backbone, head.to(encoder.device))
