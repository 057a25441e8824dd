"""The CIFAR ResNets of shared/fixtures on the 3,000 test pictures of shared/data: 81.0 and 82.9 %.

The pictures are JPEG copies, on which a plain forward measured that; on the original bitmaps 91.7 and 93.4 % are
published.
"""

import numpy as np
import pytest
import torch

from headway.blocks.convolution import folded
from headway.blocks.pictures import Pictures
from headway.core.preprocessing import PicturePreprocessing
from headway.data.images import in_threads, read_pixels
from headway.data.pictures import list_pictures
from headway.models.resnet import ResNetConfig
from headway.weights.pictures import read_picture_classifier
from shared_files import DATA, FIXTURES

RECORD = PicturePreprocessing(resize=32, crop=32)
ARCHIVE = DATA / "cifar10" / "cifar10.zip"


@pytest.fixture(scope="module")
def test_part() -> tuple[torch.Tensor, torch.Tensor]:
    if not ARCHIVE.is_file():
        pytest.skip(f"shared data is absent: {ARCHIVE}")
    pictures = list_pictures(ARCHIVE)
    assert pictures.test is not None and len(pictures) == 13_000
    part = pictures.take(np.flatnonzero(pictures.test))
    assert np.bincount(part.labels).tolist() == [300] * 10  # names sorted, which is CIFAR-10's own order
    pixels = list(in_threads(lambda row: read_pixels(part.read(row), RECORD), range(len(part)), 2))
    batch = Pictures.pack(pixels, RECORD.mean, RECORD.std)  # type: ignore[arg-type]
    return batch.values, torch.from_numpy(part.labels)


@pytest.mark.parametrize(
    ("layers", "file", "accuracy"), [(20, "resnet20-12fca82f.th", 0.810), (56, "resnet56-4bfd9763.th", 0.829)]
)
def test_accuracy(
    layers: int, file: str, accuracy: float, test_part: tuple[torch.Tensor, torch.Tensor]
) -> None:
    path = FIXTURES / "resnet_cifar10" / file
    if not path.is_file():
        pytest.skip(f"the fixture is absent: {path}")
    model, conversion = read_picture_classifier(path, "resnet", ResNetConfig.of(layers).to_dict(), 10)
    assert conversion.dropped == {}
    values, labels = test_part
    short = folded(model).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    with torch.inference_mode():
        guesses = torch.cat([short(Pictures(part)).argmax(1) for part in values.split(250)])
        few = Pictures(values[:20])
        torch.testing.assert_close(short(few), model(few), rtol=1e-4, atol=1e-4)
    assert (guesses == labels).double().mean().item() == pytest.approx(accuracy, abs=0.003)
