"""Training on pictures, against a plain PyTorch and Pillow loop, as torchvision's reference script writes it.

    python benchmarks/pictures.py speed [--network resnet-50] [--side 224] [--pictures 64] [--rounds 3]
    python benchmarks/pictures.py head  [--network mobilenet-v2] [--epochs 10] ...

speed: fine-tuning, pictures a second over one epoch, decoding and augmentation included. The same network, the same
JPEGs, the same batch size (32), random resized crops and flips; the ways take turns in one process. `default` is the
reference script as it comes: float32, contiguous maps, batch norm training, pictures decoded again each epoch, here
in as many worker threads as there are cores. `best` is the same loop at its own best setting: channels last, bfloat16
autocast, batch norm's statistics frozen. Headway decodes once, in the epoch that warms up. The
networks have random weights: speed does not depend on them.

head: training a linear head for so many epochs on the frozen network, from files to the trained head: the plain loop
computes the network in each epoch, Headway once, for each picture and its mirror image.

Expected, on 2 cores of a Zen 4: speed at least 2 times `default` and no slower than `best` with resnet-50; head at
least 10 times.
"""

import argparse
import io
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from timing import alternate, report
from torch import Tensor, nn

from headway.blocks.convolution import freeze_statistics
from headway.blocks.pictures import Pictures
from headway.core.device import cores
from headway.core.progress import Silent
from headway.core.remembered import Remembered
from headway.data.augmentation import AUGMENTATIONS
from headway.data.images import read_whole
from headway.data.pictures import Picture, read_each
from headway.ladder.picture_training import PictureTrunk, fine_tuning_settings, train_on_pictures
from headway.models.heads import Classifier
from headway.models.registry import build_picture_backbone
from headway.tasks.picture_classification import ChangedPictures, build
from headway.tasks.picture_encoder import PictureEncoder, resized
from headway.weights import catalog

BATCH, CLASSES = 32, 6
WARMING = 2 * CLASSES  # pictures
CPU = torch.device("cpu")


def photographs(folder: Path, count: int) -> list[Picture]:
    """Write JPEGs of 640 x 480 pixels, noise over smooth colours."""
    for number in range(count):
        random = np.random.default_rng(number)
        smooth = Image.fromarray(random.integers(0, 256, (12, 16, 3), dtype=np.uint8)).resize((640, 480))
        noisy = np.asarray(smooth) + random.normal(0, 6, (480, 640, 3))
        image = Image.fromarray(noisy.clip(0, 255).astype(np.uint8))
        image.save(folder / f"{number:04}.jpg", quality=90)
    return [Picture.file(path) for path in sorted(folder.glob("*.jpg"))]


def network(name: str, side: int) -> PictureEncoder:
    """Return a network with random weights and running statistics that keep its maps of one size."""
    entry = catalog.find_picture(name)
    torch.manual_seed(0)
    backbone = build_picture_backbone(entry.architecture, dict(entry.config))
    return PictureEncoder.around(backbone, resized(entry.preprocessing, side), CPU)


class PlainLoop:
    """The reference script's loop: a transform per picture, a default collate, forward, backward, SGD."""

    def __init__(self, encoder: PictureEncoder, *, best: bool) -> None:
        self.model = build(encoder, CLASSES, seed=0)
        self.record = encoder.preprocessing
        self.best = best
        if best:
            self.model = self.model.to(memory_format=torch.channels_last)
            freeze_statistics(self.model)
        self.optimizer = torch.optim.SGD(self.model.parameters(), 0.01, momentum=0.9, weight_decay=1e-4)

    def transform(self, data: bytes, random: np.random.Generator) -> Tensor:
        """Open, convert, random resized crop, flip, to a tensor, normalise."""
        with Image.open(io.BytesIO(data)) as opened:
            image = opened.convert("RGB")
        width, height = image.size
        for _ in range(10):
            area, shape = width * height * random.uniform(0.08, 1), np.exp(random.uniform(-0.288, 0.288))
            wide, high = round((area * shape) ** 0.5), round((area / shape) ** 0.5)
            if wide <= width and high <= height:
                break
        else:
            wide = high = min(width, height)
        left, top = random.integers(0, width - wide + 1), random.integers(0, height - high + 1)
        crop = self.record.crop
        image = image.crop((left, top, left + wide, top + high)).resize(
            (crop, crop), Image.Resampling.BILINEAR
        )
        if random.random() < 0.5:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        tensor = torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous().float().div(255)
        mean, std = (torch.tensor(value)[:, None, None] for value in (self.record.mean, self.record.std))
        return tensor.sub_(mean).div_(std)

    def batches(self, pictures: list[Picture], epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield batches, the next ones made meanwhile by workers."""
        order = np.random.default_rng(epoch).permutation(len(pictures))

        def made(row: int) -> Tensor:
            return self.transform(pictures[row].read(), np.random.default_rng((epoch, row)))

        with ThreadPoolExecutor(cores()) as pool:
            futures = [pool.submit(made, int(row)) for row in order]
            for start in range(0, len(order), BATCH):
                images = torch.stack([future.result() for future in futures[start : start + BATCH]])
                if self.best:
                    images = images.contiguous(memory_format=torch.channels_last)
                yield images, torch.from_numpy(order[start : start + BATCH] % CLASSES)

    def epoch(self, pictures: list[Picture], number: int) -> None:
        """Train one epoch."""
        self.model.train()
        for images, targets in self.batches(pictures, number):
            with torch.autocast("cpu", torch.bfloat16, enabled=self.best):
                loss = F.cross_entropy(forward(self.model, images).float(), targets)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()


def forward(model: Classifier, images: Tensor) -> Tensor:
    """Return the logits of a batch."""
    return model(Pictures(images))


class Ours:
    """Headway's training of one epoch."""

    def __init__(self, encoder: PictureEncoder, folder: Path) -> None:
        self.encoder = encoder
        self.model = build(encoder, CLASSES, seed=0)
        record = encoder.preprocessing
        self.decode: Remembered[Picture] = Remembered(
            lambda pictures: read_each(lambda data: read_whole(data, record), pictures),
            lambda picture: picture.sha256,
            "benchmark",
            folder,
        )

    def epoch(self, pictures: list[Picture], number: int) -> None:
        """Train one epoch."""
        chosen = fine_tuning_settings(len(pictures))
        settings = replace(chosen, epochs=1, batch_size=BATCH, average="none")
        targets = np.arange(len(pictures)) % CLASSES
        with ThreadPoolExecutor(cores()) as pool:
            epochs = ChangedPictures(
                self.encoder,
                self.decode(pictures),
                targets,
                CLASSES,
                BATCH,
                AUGMENTATIONS[settings.augmentation],
                "none",
                number,
                pool,
            )
            train_on_pictures(self.model, self.encoder, epochs, settings, number, Silent())


def speed(arguments: argparse.Namespace, pictures: list[Picture], folder: Path) -> None:
    """Time one epoch of each way, in turn."""
    make: dict[str, Callable[[], PlainLoop | Ours]] = {
        "Headway": lambda: Ours(network(arguments.network, arguments.side), folder / "decoded"),
        "best": lambda: PlainLoop(network(arguments.network, arguments.side), best=True),
        "default": lambda: PlainLoop(network(arguments.network, arguments.side), best=False),
    }
    ways = {name: create() for name, create in make.items()}
    rounds = count()

    def turn(way: PlainLoop | Ours) -> Callable[[], object]:
        return lambda: way.epoch(pictures, next(rounds))

    times = alternate({name: turn(way) for name, way in ways.items()}, arguments.rounds)
    report(f"{arguments.network} at {arguments.side} pixels", times, "Headway", len(pictures), "pictures/s")


def head(arguments: argparse.Namespace, pictures: list[Picture], folder: Path) -> None:
    """Time the training of a head from files on; both sides have trained one on a few pictures before."""
    encoder, plain = (network(arguments.network, arguments.side) for _ in range(2))
    loop = PlainLoop(plain, best=False)
    rounds = count()

    def ours(chosen: list[Picture]) -> None:
        trunk = PictureTrunk(arguments.network, CPU)
        trunk.encoder = encoder
        trunk.vectors.keep_in(folder / f"vectors-{next(rounds)}")
        trunk.head(chosen, np.arange(len(chosen)) % CLASSES, CLASSES, Silent())

    def theirs(chosen: list[Picture]) -> None:
        train_plain_head(loop, chosen, arguments.epochs)

    ways = {"Headway": ours, "plain loop": theirs}
    for way in ways.values():
        way(pictures[:WARMING])
    times = alternate(
        {name: partial(way, pictures) for name, way in ways.items()}, arguments.rounds, warm_up=False
    )
    title = (
        f"a head on {arguments.network} at {arguments.side} pixels, in the loop for {arguments.epochs} epochs"
    )
    report(title, times, "Headway", len(pictures), "pictures/s")


def train_plain_head(loop: PlainLoop, pictures: list[Picture], epochs: int) -> None:
    """Train a linear layer on the network, which stays as it is and is computed in each epoch."""
    backbone = loop.model.backbone
    classifier = nn.Linear(backbone.num_features, CLASSES)
    backbone.requires_grad_(False).eval()
    optimizer = torch.optim.SGD(classifier.parameters(), 0.01, momentum=0.9)
    for epoch in range(epochs):
        for images, labels in loop.batches(pictures, epoch):
            logits = classifier(backbone.advance(images, 0).mean(dim=(2, 3)))
            optimizer.zero_grad()
            F.cross_entropy(logits, labels).backward()
            optimizer.step()


def main() -> None:
    """Make the pictures and time."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("part", choices=("speed", "head"))
    parser.add_argument("--network", default="resnet-50")
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--pictures", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=10)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "photos").mkdir()
        pictures = photographs(folder / "photos", arguments.pictures)
        {"speed": speed, "head": head}[arguments.part](arguments, pictures, folder)


main()
