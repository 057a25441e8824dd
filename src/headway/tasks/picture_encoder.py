"""A picture encoder: a backbone and what its weights want pictures to be, from files to packed batches."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np
import torch
from torch import nn

from headway.blocks.convolution import folded
from headway.blocks.pictures import Pictures
from headway.core.allocation import memory_kept
from headway.core.arithmetic import FILE as ARITHMETIC_FILE
from headway.core.arithmetic import Arithmetic, decide
from headway.core.device import choose_device
from headway.core.errors import UsageError
from headway.core.preprocessing import PicturePreprocessing
from headway.data.images import Pixels, read_pixels
from headway.data.pictures import Picture, read_each
from headway.weights import catalog
from headway.weights.cache import cache_folder
from headway.weights.pictures import load_picture_backbone, open_picture_folder

if TYPE_CHECKING:
    from headway.models.base import PictureBackbone

# Computed at once on a CPU: of more, the largest maps no longer lie in memory that the allocator keeps (32 MiB), and
# half of the time goes into page faults, unless it is told to keep all (core.allocation). Never more than so many
# pictures.
PIXELS_AT_ONCE = 4 * 224**2
PIXELS_IN_KEPT_MEMORY = 16 * 224**2
PICTURES_AT_ONCE = 64
LEAST_SIDE = 32  # pixels; networks halve it five times


@dataclass(frozen=True)
class PictureEncoder:
    """What turns pictures into vectors."""

    backbone: "PictureBackbone"
    preprocessing: PicturePreprocessing
    device: torch.device

    @classmethod
    def open(cls, model: str, device: torch.device, side: int = 0) -> Self:
        """Load a cached model of the zoo by its name, or a folder's model; opens no connection.

        side: of the square that it reads, where that is not to be what its weights were trained on.
        """
        if model in catalog.PICTURES:
            backbone = load_picture_backbone(model, offline=True)
            preprocessing = catalog.PICTURES[model].preprocessing
        else:
            backbone, preprocessing = open_picture_folder(Path(model))
        return cls.around(backbone, resized(preprocessing, side), device)

    @classmethod
    def around(
        cls,
        backbone: "PictureBackbone",
        preprocessing: PicturePreprocessing,
        device: torch.device | None = None,
    ) -> Self:
        """Put the reading of pictures before a backbone, by default on the fastest device there is."""
        chosen = device or choose_device()
        cast("nn.Module", backbone).to(chosen)
        return cls(backbone, preprocessing, chosen)

    @property
    def settings(self) -> dict[str, Any]:
        """What pictures are made into."""
        return {"side": self.preprocessing.crop}

    @cached_property
    def arithmetic(self) -> Arithmetic:
        """What training computes with on the encoder's device."""
        return decide(self.device, cache_folder() / ARITHMETIC_FILE)

    @property
    def at_once(self) -> int:
        """How many pictures are computed at once, which bounds the memory too."""
        return self._pictures_of(PIXELS_AT_ONCE)

    @property
    def at_once_in_kept_memory(self) -> int:
        """The same where the allocator keeps what is freed."""
        return self._pictures_of(PIXELS_IN_KEPT_MEMORY)

    def _pictures_of(self, pixels: int) -> int:
        if self.device.type != "cpu":
            return PICTURES_AT_ONCE
        return min(PICTURES_AT_ONCE, max(1, pixels // self.preprocessing.crop**2))

    def pixels(self, pictures: Sequence[Picture]) -> Iterator[Pixels]:
        """Decode pictures as the weights want them, uint8 [crop, crop, C]. Raises PictureError, which names one."""
        return read_each(lambda data: read_pixels(data, self.preprocessing), pictures)

    def pack(self, pixels: Sequence[np.ndarray]) -> Pictures:
        """Stack pixels and scale them, on the encoder's device."""
        return Pictures.pack(pixels, self.preprocessing.mean, self.preprocessing.std).to(self.device)

    def batches(self, pictures: Sequence[Picture]) -> Iterator[tuple[np.ndarray, Pictures]]:
        """Yield (rows, batch) over all pictures. Raises PictureError, which names one."""
        return self.packed(self.pixels(pictures), self.at_once)

    def packed(self, pixels: Iterable[Pixels], size: int) -> Iterator[tuple[np.ndarray, Pictures]]:
        """Yield (rows, batch) over pictures that are decoded, at most so many in a batch."""
        start, rest = 0, iter(pixels)
        while waiting := list(islice(rest, size)):
            yield np.arange(start, start + len(waiting)), self.pack(waiting)
            start += len(waiting)

    @property
    def of_pixels(self) -> "DecodedPictures":
        """The same for pictures that are decoded."""
        return DecodedPictures(self)

    def cut(self, pictures: Sequence[Picture]) -> int:
        """Return 0: of every picture the middle square is read."""
        return 0

    @cached_property
    def identity(self) -> str:
        """What vectors follow from, beside the pictures: the hash of the weights, and the reading of pictures."""
        digest = hashlib.sha256(json.dumps(self.preprocessing.to_dict()).encode())
        for name, tensor in cast("nn.Module", self.backbone).state_dict().items():
            digest.update(name.encode() + tensor.cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()

    @cached_property
    def _folded(self) -> "PictureBackbone":
        return cast("PictureBackbone", folded(cast("nn.Module", self.backbone)))

    def view(self, picture: Picture) -> Pixels:
        """Return what is read of a picture, uint8 [crop, crop, C]. Raises PictureError."""
        return next(self.pixels([picture]))

    def pooled(self, pixels: Iterable[Pixels]) -> Iterator[np.ndarray]:
        """Yield the pooled vector of each decoded picture, float32 [D], the weights as they are at the first call."""
        return self._pooled(pixels, self.at_once, full=False)

    def _pooled(self, pixels: Iterable[Pixels], size: int, *, full: bool) -> Iterator[np.ndarray]:
        with torch.inference_mode():
            for rows, batch in self.packed(pixels, size):
                whole = filled(batch, size) if full else batch
                yield from self._folded.summarize(whole).cpu().numpy()[: len(rows)]

    def both_ways(self, pixels: Iterable[Pixels]) -> Iterator[np.ndarray]:
        """Yield the pooled vectors of each decoded picture and of its mirror image, float32 [2, D]."""
        return _by_twos(self.pooled(_with_mirrors(pixels)))

    def vectors(self, pictures: Sequence[Picture]) -> Iterator[np.ndarray]:
        """Yield what `both_ways` does of each picture, which does not depend on the pictures beside it.

        The last batch is filled up to the size of the others. Memory is kept until the last vector is taken.
        """
        views = _with_mirrors(self.pixels(pictures))
        with memory_kept():
            yield from _by_twos(self._pooled(views, self.at_once_in_kept_memory, full=True))

    def maps(self, pictures: Sequence[Picture], first: int) -> Iterator[np.ndarray]:
        """Yield what the layer group ``first`` reads of each picture, float32 [C, H, W], beside others as `vectors`."""
        backbone = self.backbone
        cast("nn.Module", backbone).eval()
        with torch.inference_mode():
            for rows, batch in self.batches(pictures):
                yield from (
                    backbone.advance(filled(batch, self.at_once).values, 0, first).cpu().numpy()[: len(rows)]
                )

    def fresh(self, seed: int) -> Self:
        """Return the same network with fresh weights drawn from ``seed``, which reads pictures in the same way."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            backbone = type(self.backbone)(self.backbone.config)  # type: ignore[call-arg]
        return self.around(backbone, self.preprocessing, self.device)


@dataclass(frozen=True)
class DecodedPictures:
    """Makes batches of decoded pictures."""

    encoder: PictureEncoder

    def batches(self, pixels: Sequence[Pixels]) -> Iterator[tuple[np.ndarray, Pictures]]:
        """Yield (rows, batch) over all pictures."""
        return self.encoder.packed(pixels, self.encoder.at_once)


def resized(preprocessing: PicturePreprocessing, side: int) -> PicturePreprocessing:
    """Return the record for a square of another side (0: the same), the same share of the picture cut off.

    Raises UsageError on a side that no network can read.
    """
    if not side:
        return preprocessing
    if side < LEAST_SIDE:
        raise UsageError(f"must be at least {LEAST_SIDE} pixels, found {side}", where="side")
    return replace(preprocessing, crop=side, resize=round(side * preprocessing.resize / preprocessing.crop))


def _with_mirrors(pixels: Iterable[Pixels]) -> Iterator[Pixels]:
    return (view for one in pixels for view in (one, np.ascontiguousarray(one[:, ::-1])))


def _by_twos(vectors: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    return map(np.stack, zip(vectors, vectors, strict=True))


def filled(batch: Pictures, size: int) -> Pictures:
    """Return the batch with pictures of zeros behind it, so that it has so many."""
    short = size - len(batch)
    if short <= 0:
        return batch
    zeros = batch.values.new_zeros(short, *batch.values.shape[1:])
    values = torch.cat([batch.values, zeros]).contiguous(memory_format=torch.channels_last)
    return Pictures(values)
