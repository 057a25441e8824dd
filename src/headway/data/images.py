"""Decoding pictures with Pillow: what kind a file is its content decides, and only a few kinds are opened at all.

What is done with the odd ones:

- the orientation that a camera noted (EXIF) is applied;
- transparency is laid over white, palettes become colours, CMYK becomes RGB, 16 bits a channel become 8 by leaving
  out the lower ones; grey becomes three equal channels where a network reads colours, and colours become grey (ITU-R
  601 luma) where it reads one;
- of a camera's file with several pictures in it (MPO) the first is used;
- refused are animated pictures and documents of several pages, pictures of one colour only, with a side under 8 pixels,
  or of more than `MOST_PIXELS` after the JPEG decoder's own reduction, and every file that ends too early: nothing is
  filled in with grey.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    ImageOps,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from headway.core.errors import PictureError
from headway.core.preprocessing import PicturePreprocessing

Pixels = npt.NDArray[np.uint8]
Item = TypeVar("Item")
Result = TypeVar("Result")

UNREADABLE = "cannot be read"
NO_PICTURE = "is no picture of a known kind"
DAMAGED = "is damaged or ends too early"
TOO_LARGE = "has too many pixels"
TOO_SMALL = "has a side under 8 pixels"
ANIMATED = "is animated, or has several pages"
BLANK = "shows one colour only"
UNKNOWN_PIXELS = "has pixels of a kind that is not read"

MOST_PIXELS = 50_000_000  # 150 MB as RGB, for each thread that decodes
LEAST_SIDE = 8
# A JPEG is decoded at a half, a quarter or an eighth where its shorter side stays this many times the wanted one.
REDUCING_GAP = 1.4

_KINDS: tuple[tuple[bytes, type[ImageFile.ImageFile]], ...] = (
    (b"\xff\xd8\xff", JpegImagePlugin.JpegImageFile),
    (b"\x89PNG\r\n\x1a\n", PngImagePlugin.PngImageFile),
    (b"GIF8", GifImagePlugin.GifImageFile),
    (b"RIFF", WebPImagePlugin.WebPImageFile),
    (b"BM", BmpImagePlugin.BmpImageFile),
    (b"II*\0", TiffImagePlugin.TiffImageFile),
    (b"MM\0*", TiffImagePlugin.TiffImageFile),
    *((b"P%d" % number, PpmImagePlugin.PpmImageFile) for number in range(1, 7)),
)
SUFFIXES = frozenset(".jpg .jpeg .jpe .jfif .png .gif .webp .bmp .tif .tiff .pbm .pgm .ppm .pnm".split())

LONGEST = 3  # longer side to shorter of what is trained on; what a crop takes is at most 4 : 3

RESAMPLING = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
    "box": Image.Resampling.BOX,
    "hamming": Image.Resampling.HAMMING,
}


def decode(data: bytes, *, side: int | None = None, grey: bool = False) -> Image.Image:
    """Return an upright picture in RGB (or in grey), 8 bits a channel.

    side: the pixels that its shorter side will be made; a JPEG may then come out at a reduced scale, still larger.
    Raises PictureError, and nothing else, whatever the bytes are.
    """
    try:
        with _opened(data) as image:
            if side is not None:
                wanted = round(REDUCING_GAP * side)
                image.draft(image.mode, (wanted, wanted))
            width, height = image.size
            if width * height > MOST_PIXELS:
                raise PictureError(TOO_LARGE, f"{width:,} x {height:,}")
            if min(width, height) < LEAST_SIDE:
                raise PictureError(TOO_SMALL, f"{width} x {height}")
            if getattr(image, "is_animated", False):
                raise PictureError(ANIMATED)
            image.load()
            upright = _plain(ImageOps.exif_transpose(image), grey=grey)
    except PictureError:
        raise
    except Exception as error:  # a damaged file fails in whatever way its bytes lead to
        raise _damaged(error) from error
    extrema = upright.getextrema()
    if all(low == high for low, high in ([extrema] if grey else extrema)):  # type: ignore[misc]
        raise PictureError(BLANK)
    return upright


def size_of(data: bytes) -> tuple[int, int]:
    """Return a picture's width and height as its header states them. Raises PictureError, and nothing else."""
    try:
        with _opened(data) as image:
            return image.size
    except PictureError:
        raise
    except Exception as error:
        raise _damaged(error) from error


def prepare(image: Image.Image, preprocessing: PicturePreprocessing) -> Pixels:
    """Resize the shorter side and cut the middle square out, uint8 [crop, crop, C], in the order of its channels."""
    return as_pixels(middle_square(image, preprocessing), preprocessing.channels)


def middle_square(image: Image.Image, preprocessing: PicturePreprocessing) -> Image.Image:
    """Resize the shorter side and cut the middle square out.

    The sizes and places are torchvision's (`Resize`, `CenterCrop`); only the pixels of the square are computed, so that
    a very long picture costs no more than another.
    """
    resize, crop = preprocessing.resize, preprocessing.crop
    shorter = min(image.size)
    sizes = [int(resize * length / shorter) for length in image.size]
    starts = [round((size - crop) / 2) for size in sizes]
    scales = [length / size for length, size in zip(image.size, sizes, strict=True)]
    left, top = (start * scale for start, scale in zip(starts, scales, strict=True))
    right, bottom = (
        min((start + crop) * scale, length)
        for start, scale, length in zip(starts, scales, image.size, strict=True)
    )
    return image.resize((crop, crop), RESAMPLING[preprocessing.interpolation], box=(left, top, right, bottom))


def as_pixels(image: Image.Image, channels: str) -> Pixels:
    """Return the numbers of a picture in RGB or L, uint8 [H, W, C], its channels in this order: RGB, BGR or L."""
    pixels = np.asarray(image)
    if channels == "L":
        return pixels[:, :, None]
    return pixels[:, :, ::-1] if channels == "BGR" else pixels


def read_pixels(data: bytes, preprocessing: PicturePreprocessing) -> Pixels:
    """Return a picture as weights want it, but for mean and deviation: uint8 [crop, crop, C]. Raises PictureError."""
    image = decode(data, side=preprocessing.resize, grey=preprocessing.channels == "L")
    return prepare(image, preprocessing)


def read_whole(data: bytes, preprocessing: PicturePreprocessing) -> Pixels:
    """Return a picture to be changed and trained on: uint8 [H, W, 3], or [H, W] where the weights read grey.

    Its shorter side has at most as many pixels as the weights resize it to; of one longer than `LONGEST` times that,
    the middle is kept. Raises PictureError.
    """
    image = decode(data, side=preprocessing.resize, grey=preprocessing.channels == "L")
    side = min(preprocessing.resize, *image.size)
    scale = side / min(image.size)
    wanted = [min(round(scale * length), LONGEST * side) for length in image.size]
    kept = [min(length, size / scale) for length, size in zip(image.size, wanted, strict=True)]
    left, top = ((length - part) / 2 for length, part in zip(image.size, kept, strict=True))
    box = (left, top, left + kept[0], top + kept[1])
    size = (wanted[0], wanted[1])
    return np.asarray(image.resize(size, RESAMPLING[preprocessing.interpolation], box=box))


def in_threads(
    work: Callable[[Item], Result], items: Iterable[Item], threads: int
) -> Iterator[Result | PictureError]:
    """Yield the work's results in order, a PictureError in the place of what could not be used.

    Pillow decodes outside of Python's lock, so threads are enough. At most twice as many items as threads are in work
    or wait to be taken, which bounds the memory.
    """
    rest = iter(items)
    with ThreadPoolExecutor(threads, thread_name_prefix="pictures") as pool:
        waiting: list[Future[Result | PictureError]] = [
            pool.submit(_attempt, work, item) for item in islice(rest, 2 * threads)
        ]
        try:
            while waiting:
                result = waiting.pop(0).result()
                waiting += [pool.submit(_attempt, work, item) for item in islice(rest, 1)]
                yield result
        finally:
            for future in waiting:
                future.cancel()


def _attempt(work: Callable[[Item], Result], item: Item) -> Result | PictureError:
    try:
        return work(item)
    except PictureError as error:
        return error


def _opened(data: bytes) -> ImageFile.ImageFile:
    """Read a picture's header by the kind that its first bytes show; nothing is decoded."""
    for beginning, kind in _KINDS:
        if data.startswith(beginning):
            return kind(io.BytesIO(data))
    raise PictureError(NO_PICTURE, f"it begins with {data[:8]!r}" if data else "it is empty")


def _damaged(error: Exception) -> PictureError:
    return PictureError(DAMAGED, str(error) or type(error).__name__)


def _plain(image: Image.Image, *, grey: bool) -> Image.Image:
    """Return the picture in RGB or L, whatever its mode was."""
    if image.mode in ("I;16", "I;16L", "I;16B", "I;16N", "I"):
        deep = np.asarray(image.convert("I"))  # a file's 16 bits, in 32
        image = Image.fromarray((deep.clip(0, 65535) >> 8).astype(np.uint8))
    if image.mode == "F":
        raise PictureError(UNKNOWN_PIXELS, "floating-point numbers")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    return image.convert("L" if grey else "RGB")
