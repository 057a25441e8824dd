"""Decoding, cropping and resizing camera-size JPEGs to 224 pixels, against the same steps written plainly with Pillow.

    python benchmarks/decode_pictures.py [FOLDER]

The plain way is what torchvision's reference script does in evaluation: open, convert, resize to 256, crop 224, to a
float tensor, normalise. FOLDER holds JPEGs; without it, noise over smooth colours of 4000 x 3000 pixels is made. They
alternate in one process on one thread; ratios of processor time, which a busy machine disturbs little.
"""

import argparse
import io
import statistics
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from headway.blocks.pictures import Pictures
from headway.core.preprocessing import PicturePreprocessing
from headway.data.images import read_pixels

RECORD = PicturePreprocessing()
ROUNDS = 5


def plain(data: bytes) -> torch.Tensor:
    with Image.open(io.BytesIO(data)) as opened:
        image = opened.convert("RGB")
    scale = 256 / min(image.size)
    width, height = (int(side * scale) for side in image.size)
    image = image.resize((width, height), Image.Resampling.BILINEAR)
    left, top = round((width - 224) / 2), round((height - 224) / 2)
    pixels = np.array(image.crop((left, top, left + 224, top + 224)))
    tensor = torch.from_numpy(pixels).permute(2, 0, 1).contiguous().float().div(255)
    mean, std = (torch.tensor(value)[:, None, None] for value in (RECORD.mean, RECORD.std))
    return tensor.sub(mean).div(std)[None]


def ours(data: bytes) -> torch.Tensor:
    return Pictures.pack([read_pixels(data, RECORD)], RECORD.mean, RECORD.std).values


def photographs(folder: str | None) -> list[bytes]:
    if folder:
        return [path.read_bytes() for path in sorted(Path(folder).rglob("*.jpg"))[:20]]
    made = []
    for seed in range(2):
        random = np.random.default_rng(seed)
        smooth = Image.fromarray(random.integers(0, 256, (30, 40, 3), dtype=np.uint8)).resize((4000, 3000))
        noisy = np.asarray(smooth) + random.normal(0, 6, (3000, 4000, 3))
        sink = io.BytesIO()
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(sink, "JPEG", quality=90)
        made.append(sink.getvalue())
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("folder", nargs="?", help="with JPEGs; by default some are made")
    folder = parser.parse_args().folder
    pictures = photographs(folder)
    if not pictures:
        parser.error(f"{folder} holds no .jpg")
    torch.set_num_threads(1)
    seconds: dict[str, list[float]] = {"plain": [], "ours": []}
    for _ in range(ROUNDS):
        for name, way in (("plain", plain), ("ours", ours)):
            started = time.process_time()
            for data in pictures:
                way(data)
            seconds[name].append((time.process_time() - started) / len(pictures))
    ratios = [a / b for a, b in zip(seconds["plain"], seconds["ours"], strict=True)]
    distance = max(float((plain(data) - ours(data)).abs().mean()) for data in pictures)
    for name, values in seconds.items():
        print(f"{name:6} {1 / statistics.median(values):8.1f} pictures a second of processor time (median)")
    print(f"ratio  {statistics.median(ratios):.2f} (from {min(ratios):.2f} to {max(ratios):.2f})")
    print(f"mean difference of normalised pixels, at most: {distance:.4f}")


main()
