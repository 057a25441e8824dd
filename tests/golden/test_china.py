"""scikit-learn's sample photograph china.jpg under the zoo's weights, from bytes to the top class."""

from pathlib import Path

import numpy as np
import pytest
import sklearn.datasets
import torch
from PIL import Image

from headway.blocks.convolution import folded
from headway.blocks.pictures import Pictures
from headway.data.images import read_pixels
from headway.weights import cache, catalog
from headway.weights.pictures import load_picture_classifier

CHINA = Path(sklearn.datasets.__file__).parent / "images" / "china.jpg"
PALACE = 698  # of ImageNet's 1,000 classes


@pytest.mark.parametrize(("name", "probability"), [("mobilenet-v2", 0.70), ("efficientnet-lite0", None)])
def test_the_palace(name: str, probability: float | None) -> None:
    entry = catalog.find_picture(name)
    if not cache.is_cached(entry):
        pytest.skip(f"{name} is not in the cache (headway zoo fetch {name})")
    record = entry.preprocessing
    batch = Pictures.pack([read_pixels(CHINA.read_bytes(), record)], record.mean, record.std)
    model = load_picture_classifier(name, offline=True)
    assert sum(parameter.numel() for parameter in model.parameters()) == entry.parameters
    with torch.inference_mode():
        logits = model(batch)
        found = logits.softmax(1)[0]
        assert (folded(model)(batch) - logits).abs().max() <= 1e-4 * logits.abs().max()
    assert found.argmax() == PALACE
    if probability is not None:
        assert found[PALACE].item() == pytest.approx(probability, abs=0.01)


def test_its_pixels_are_those_of_resize_and_centre_crop() -> None:
    record = catalog.find_picture("mobilenet-v2").preprocessing
    with Image.open(CHINA) as image:
        width, height = image.size
        whole = image.resize((256 * width // height, 256), Image.Resampling.BILINEAR)
        left = round((whole.width - 224) / 2)
        wanted = np.asarray(whole.crop((left, 16, left + 224, 240)))
    assert np.abs(read_pixels(CHINA.read_bytes(), record).astype(int) - wanted).max() <= 1
