"""A tiny network for pictures, with weights of its own."""

from pathlib import Path

import torch

from headway.core.preprocessing import PicturePreprocessing
from headway.models.mobilenet_v2 import MobileNetV2, MobileNetV2Config
from headway.tasks.picture_encoder import PictureEncoder
from headway.weights.pictures import save_picture_backbone

RECORD = PicturePreprocessing(resize=36, crop=32)


def tiny_backbone() -> MobileNetV2:
    """A MobileNetV2 with three stages, its running statistics not those of a fresh one."""
    torch.manual_seed(0)
    stages = ((1, 8, 1, 1, 3), (4, 12, 1, 2, 3), (4, 16, 1, 2, 3))
    backbone = MobileNetV2(MobileNetV2Config(stages=stages, stem_width=8, last_width=24))
    for name, buffer in backbone.named_buffers():
        buffer.uniform_(0.5, 1.5) if name.endswith("var") else buffer.normal_(0, 0.2)
    return backbone.eval()


def tiny_encoder() -> PictureEncoder:
    """The network with its reading of pictures."""
    return PictureEncoder.around(tiny_backbone(), RECORD, torch.device("cpu"))


def tiny_network(folder: Path) -> Path:
    """The network in a folder."""
    save_picture_backbone(tiny_backbone(), RECORD, folder)
    return folder
