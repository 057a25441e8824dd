"""Pictures of every kind that tests need, made on the spot."""

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image


def photo(seed: int, width: int = 60, height: int = 48) -> Image.Image:
    """A smooth random picture, as photographs are: compression hardly changes it."""
    random = np.random.default_rng(seed)
    coarse = Image.fromarray(random.integers(0, 256, (6, 7, 3), dtype=np.uint8))
    return coarse.resize((width, height), Image.Resampling.BICUBIC)


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    sink = io.BytesIO()
    image.save(sink, kind, **options)
    return sink.getvalue()


def png_bomb(side: int = 30_000) -> bytes:
    """A PNG of side x side zeros, of about 110 kB, that would take 2.7 GB of memory."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    pack = zlib.compressobj(9)
    row = bytes(1 + 3 * side)
    data = b"".join(pack.compress(row) for _ in range(40)) + pack.flush()  # the header is what counts
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def animated_gif() -> bytes:
    frames = [photo(seed).convert("P") for seed in (1, 2, 3)]
    return saved(frames[0], "GIF", save_all=True, append_images=frames[1:])


def class_folders(root: Path, count: int = 12, *, first: int = 0) -> Path:
    """ants/ and bees/ with so many different pictures each."""
    for number, name in enumerate(("ants", "bees")):
        (root / name).mkdir(parents=True, exist_ok=True)
        for place in range(count):
            seed = first + 1000 * number + place
            (root / name / f"{place:02}.jpg").write_bytes(saved(photo(seed), "JPEG", quality=90))
    return root


def coloured_folders(root: Path, count: int = 30, *, first: int = 0) -> Path:
    """ants/ and bees/ that colour tells apart: the one more red, the other more blue, but for every 15th picture."""
    for number, name in enumerate(("ants", "bees")):
        (root / name).mkdir(parents=True, exist_ok=True)
        for place in range(count):
            pixels = np.asarray(photo(first + 1000 * number + place)).astype(np.float32)
            pixels[..., 2 * (number if place % 15 != 14 else 1 - number)] += 60
            image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
            (root / name / f"{place:02}.jpg").write_bytes(saved(image, "JPEG", quality=90))
    return root
