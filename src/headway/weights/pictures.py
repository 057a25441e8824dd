"""Picture models with weights: out of the zoo by name, out of a published file, and out of and into folders.

A folder holds `config.json`, `preprocessor_config.json` and `model.safetensors`. What transformers has a class for,
and can say the configuration of, is written so that it opens it (`AutoModel`, `AutoModelForImageClassification`);
anything else with our own names and configuration.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from torch import nn

from headway.core.errors import WeightsError
from headway.core.files import read_json, write_json
from headway.core.preprocessing import PicturePreprocessing
from headway.core.progress import Progress
from headway.models.base import PictureBackbone
from headway.models.heads import Classifier
from headway.models.registry import PICTURE_BACKBONES, picture_backbone_class
from headway.weights.cache import fetch
from headway.weights.catalog import find_picture
from headway.weights.convert import Conversion, fill_model, to_theirs
from headway.weights.formats import mobilenet_v2, resnet
from headway.weights.formats.pictures import layouts_of, picture_layout
from headway.weights.pretrained import weights_file, without_values
from headway.weights.read import read_tensors, write_safetensors

_TRANSFORMERS: Mapping[str, ModuleType] = {"resnet": resnet, "mobilenet_v2": mobilenet_v2}
_PREPROCESSING = "preprocessor_config.json"
_OWN = "headway"  # the model_type of what transformers cannot say
_RESAMPLE = {
    0: "nearest",
    1: "lanczos",
    2: "bilinear",
    3: "bicubic",
    4: "box",
    5: "hamming",
}  # Pillow's numbers


def load_picture_backbone(
    name: str, *, progress: Progress | None = None, offline: bool = False
) -> PictureBackbone:
    """Return a backbone of the zoo with its weights, fetched if need be, in evaluation mode.

    How its pictures are made is `catalog.find_picture(name).preprocessing`. Raises UsageError (unknown name),
    FetchError, WeightsError.
    """
    entry = find_picture(name)
    path = fetch(entry, progress, offline=offline) / entry.weights
    backbone, _ = read_picture_backbone(path, entry.architecture, entry.config)
    return backbone


def load_picture_classifier(
    name: str, *, progress: Progress | None = None, offline: bool = False
) -> Classifier:
    """Return a model of the zoo with the head that it was published with, in evaluation mode. Raises as above."""
    entry = find_picture(name)
    path = fetch(entry, progress, offline=offline) / entry.weights
    classifier, _ = read_picture_classifier(path, entry.architecture, entry.config, entry.classes)
    return classifier


def read_picture_backbone(
    path: Path, architecture: str, config: Mapping[str, Any]
) -> tuple[PictureBackbone, Conversion]:
    """Read a backbone from a file in any known layout, and what its conversion did; the file's head is dropped.

    Raises WeightsError, LayoutError.
    """
    with without_values():
        backbone = _build(architecture, config)
    conversion = _fill(backbone, backbone, path, architecture, classifier=False)
    return backbone, conversion


def read_picture_classifier(
    path: Path, architecture: str, config: Mapping[str, Any], classes: int, dropout: float = 0.0
) -> tuple[Classifier, Conversion]:
    """Read a backbone with its published head of so many classes. Raises WeightsError, LayoutError."""
    with without_values():
        backbone = _build(architecture, config)
        model = Classifier(backbone, backbone.head_class(backbone.num_features, classes, dropout))
    conversion = _fill(model, backbone, path, architecture, classifier=True)
    return model, conversion


def open_picture_folder(folder: Path) -> tuple[PictureBackbone, PicturePreprocessing]:
    """Read a backbone and its preprocessing from a folder. Raises WeightsError, LayoutError, RunError."""
    architecture, config, _ = _open_config(folder)
    path = weights_file(folder)
    backbone, _ = read_picture_backbone(path, architecture, config)
    return backbone, read_preprocessing(folder)


def open_picture_classifier(folder: Path) -> tuple[Classifier, tuple[str, ...], PicturePreprocessing]:
    """Read a classifier, its label names and its preprocessing. Raises WeightsError, LayoutError, RunError."""
    architecture, config, stored = _open_config(folder)
    names = stored.get("id2label")
    if not names:
        raise WeightsError("has no id2label: this is no classifier", where=str(folder / "config.json"))
    labels = tuple(names[key] for key in sorted(names, key=int))
    own = stored["model_type"] == _OWN
    dropout = stored.get("dropout" if own else _TRANSFORMERS[architecture].HEAD_DROPOUT, 0.0)
    model, _ = read_picture_classifier(weights_file(folder), architecture, config, len(labels), dropout)
    return model, labels, read_preprocessing(folder)


def save_picture_backbone(
    backbone: PictureBackbone, preprocessing: PicturePreprocessing, folder: Path
) -> bool:
    """Write a backbone into an existing folder; return whether transformers' `AutoModel` opens it."""
    return _save(cast("nn.Module", backbone), backbone, {}, preprocessing, folder)


def save_picture_classifier(
    model: Classifier, labels: Sequence[str], preprocessing: PicturePreprocessing, folder: Path
) -> bool:
    """Write a classifier into an existing folder; return whether `AutoModelForImageClassification` opens it."""
    facts = {
        "id2label": {str(index): label for index, label in enumerate(labels)},
        "label2id": {label: index for index, label in enumerate(labels)},
    }
    return _save(model, cast("PictureBackbone", model.backbone), facts, preprocessing, folder)


def picture_opened_by(backbone: PictureBackbone, role: str) -> str | None:
    """Return the class of `transformers` that opens what is written of a backbone, or None.

    role: "backbone", or "classifier", whose head has no dropout.
    """
    architecture = picture_architecture_of(backbone)
    if _their_config(architecture, backbone) is None:
        return None
    form = _TRANSFORMERS[architecture]
    return str(form.BACKBONE_CLASS if role == "backbone" else form.CLASSIFIER_CLASS)


def read_preprocessing(folder: Path) -> PicturePreprocessing:
    """Translate a folder's `preprocessor_config.json`. Raises WeightsError on what we do not do, RunError."""
    path = folder / _PREPROCESSING
    theirs = read_json(path)
    if "headway" in theirs:
        return PicturePreprocessing.from_dict(theirs["headway"])
    if not theirs.get("do_resize", True) or not theirs.get("do_normalize", True):
        raise WeightsError("does not resize or does not normalise, which is not implemented", where=str(path))
    size = theirs.get("size", 224)
    side = size if isinstance(size, int) else size.get("shortest_edge")
    crop = theirs.get("crop_size", side)
    crop = crop if isinstance(crop, int) else crop.get("height")
    if (
        side is None
        or crop is None
        or theirs.get("rescale_factor", 1 / 255) not in (1 / 255, 0.00392156862745098)
    ):
        raise WeightsError(f"has a size or scale that is not implemented: {size!r}", where=str(path))
    if "crop_pct" in theirs and "crop_size" not in theirs:  # ConvNeXT's, which ResNet's weights use
        side, crop = (round(side / theirs["crop_pct"]), side) if side < 384 else (side, side)
    return PicturePreprocessing(
        resize=side,
        crop=crop,
        mean=tuple(theirs["image_mean"]),
        std=tuple(theirs["image_std"]),
        interpolation=_RESAMPLE[theirs.get("resample", 2)],
    )


def picture_architecture_of(backbone: PictureBackbone) -> str:
    """Return the registry's name for the backbone's class."""
    kind = type(backbone)
    path = f"{kind.__module__}:{kind.__qualname__}"
    return next(name for name, known in PICTURE_BACKBONES.items() if known == path)


def _build(architecture: str, config: Mapping[str, Any]) -> PictureBackbone:
    kind = picture_backbone_class(architecture)
    return cast("PictureBackbone", kind(kind.config_class.from_dict(config)))


def _fill(
    model: Any, backbone: PictureBackbone, path: Path, architecture: str, *, classifier: bool
) -> Conversion:
    tensors = read_tensors(path)
    layout = picture_layout(architecture, tensors, str(path))
    module = cast("nn.Module", model)
    module.eval()
    named = layout.names(tensors)
    rules = layout.rules(backbone.config, named, classifier=classifier)
    return fill_model(module, named, rules, where=str(path))


def _open_config(folder: Path) -> tuple[str, Mapping[str, Any], Mapping[str, Any]]:
    """Return the architecture by our name, its configuration as plain values, and all that `config.json` holds."""
    path = folder / "config.json"
    stored = read_json(path)
    kind = str(stored.get("model_type") if isinstance(stored, dict) else None)
    if kind == _OWN:
        return stored["architecture"], stored["config"], stored
    if kind not in _TRANSFORMERS:
        known = ", ".join(sorted({*_TRANSFORMERS, _OWN}))
        raise WeightsError(
            f"model_type is {kind!r}; known for pictures: {known}",
            where=str(path),
            remedy="Use weights of a known architecture.",
        )
    return kind, _TRANSFORMERS[kind].read_config(stored).to_dict(), stored


def _save(
    module: nn.Module,
    backbone: PictureBackbone,
    labels: dict[str, Any],
    preprocessing: PicturePreprocessing,
    folder: Path,
) -> bool:
    """Write a backbone, or a classifier when there are labels."""
    architecture = picture_architecture_of(backbone)
    form, config = _TRANSFORMERS.get(architecture), _their_config(architecture, backbone)
    dropout = cast("Classifier", module).head.dropout.p if labels else 0.0
    if form is None or config is None or (dropout and form.HEAD_DROPOUT is None):
        layout = layouts_of(architecture)[-1]
        config = {"model_type": _OWN, "architecture": architecture, "config": backbone.config.to_dict()}
        config |= {"dropout": dropout} if labels else {}
        opened = False
    else:
        layout = form.LAYOUTS[0]
        config["architectures"] = [form.CLASSIFIER_CLASS if labels else form.BACKBONE_CLASS]
        config |= {form.HEAD_DROPOUT: dropout} if labels and form.HEAD_DROPOUT else {}
        opened = True
    write_json(folder / "config.json", config | labels)
    write_json(folder / _PREPROCESSING, _their_preprocessing(preprocessing))
    rules = layout.rules(backbone.config, (), classifier=bool(labels))
    write_safetensors(folder / "model.safetensors", to_theirs(module.state_dict(), rules))
    return opened


def _their_config(architecture: str, backbone: PictureBackbone) -> dict[str, Any] | None:
    """Return transformers' configuration, None where it has none or cannot say the same."""
    if architecture not in _TRANSFORMERS:
        return None
    try:
        config: dict[str, Any] = _TRANSFORMERS[architecture].write_config(backbone.config)
    except WeightsError:
        return None
    return config


def _their_preprocessing(preprocessing: PicturePreprocessing) -> dict[str, Any]:
    """Return what transformers' image processors call these steps, and the record itself beside it."""
    number = next(number for number, name in _RESAMPLE.items() if name == preprocessing.interpolation)
    return {
        "image_processor_type": "MobileNetV2ImageProcessor",  # whose steps are these, whatever the network
        "do_resize": True,
        "size": {"shortest_edge": preprocessing.resize},
        "do_center_crop": True,
        "crop_size": {"height": preprocessing.crop, "width": preprocessing.crop},
        "resample": number,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": list(preprocessing.mean),
        "image_std": list(preprocessing.std),
        "headway": preprocessing.to_dict(),
    }
