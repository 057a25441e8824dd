"""Models with weights: out of the zoo by name, and out of and into folders in Hugging Face's layout.

A folder holds `config.json` and `model.safetensors` (or `pytorch_model.bin`), an ELMo's `options.json` and its HDF5
file, or a ULMFiT's vocabulary and weights as fastai published them. transformers opens what is written here, of an
architecture that it knows, with `AutoModel` (an encoder) or `AutoModelForSequenceClassification` (a classifier).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from headway.core.errors import WeightsError
from headway.core.files import read_json, write_json
from headway.core.progress import Progress
from headway.models.base import Backbone, LanguageModel
from headway.models.heads import ClassificationHead, Classifier, TokenClassifier
from headway.models.registry import (
    BACKBONES,
    LANGUAGE_MODELS,
    backbone_class,
    build_backbone,
    language_model_class,
)
from headway.weights.cache import fetch
from headway.weights.catalog import find
from headway.weights.convert import Conversion, fill_model, to_theirs
from headway.weights.formats import MODEL_TYPES, layout, layout_of
from headway.weights.read import read_tensors, write_safetensors
from headway.weights.rules import Rename

HEAD_FILE = "head.safetensors"
ANSWER_ENDS = 2  # logits of a token: that an answer begins with it, and that one ends with it
WEIGHTS_FILES = ("model.safetensors", "pytorch_model.bin")
GOOGLE_CONFIG = "bert_config.json"
ELMO_CONFIG = "options.json"
FASTAI_WORDS = (
    "*itos*.pkl"  # the vocabulary that ULMFiT's models were published with, without a configuration
)


def load_backbone(name: str, *, progress: Progress | None = None, offline: bool = False) -> Backbone:
    """Return a model of the zoo with its weights, fetched if need be, in evaluation mode.

    Raises UsageError (unknown name), FetchError, WeightsError.
    """
    entry = find(name)
    path = fetch(entry, progress, offline=offline) / entry.weights
    with without_values():
        backbone = build_backbone(entry.architecture, dict(entry.config))
    _fill_encoder(backbone, entry.architecture, path, ())
    return backbone


def load_encoder(folder: Path, *, fresh: Sequence[str] = ()) -> tuple[Backbone, Conversion]:
    """Read an encoder and what its conversion did; of a larger model's file, its heads are dropped.

    fresh: prefixes of our tensor names that the file may lack, such as "pooler.". Raises WeightsError,
    LayoutError.
    """
    architecture, config = open_config(folder)
    backbone = cast("Backbone", backbone_class(architecture)(layout(architecture).read_config(config)))
    return backbone, _fill_encoder(backbone, architecture, weights_file(folder), fresh)


def load_classifier(folder: Path) -> tuple[Classifier, tuple[str, ...]]:
    """Read a classifier and its label names. Raises WeightsError, LayoutError."""
    architecture, config = open_config(folder)
    names = config.get("id2label")
    if not names:
        raise WeightsError("has no id2label: this is no classifier", where=str(folder / "config.json"))
    labels = tuple(names[key] for key in sorted(names, key=int))
    with without_values():
        form = layout(architecture)
        backbone = cast("Backbone", backbone_class(architecture)(form.read_config(config)))
        head = backbone.head_class(backbone.num_pooled, len(labels), form.read_head_dropout(config))
        model = Classifier(backbone, head)
    path = weights_file(folder)
    tensors = read_tensors(path)
    fill_model(model, tensors, form.rules_for(tensors, classifier=True), where=str(path))
    model.eval()
    return model, labels


def save_encoder(backbone: Backbone, folder: Path) -> None:
    """Write an encoder into an existing folder, for `AutoModel`."""
    architecture = architecture_of(backbone)
    form = layout(architecture)
    write_json(
        folder / "config.json", {"architectures": [form.ENCODER_CLASS], **form.write_config(backbone.config)}
    )
    state = cast("nn.Module", backbone).state_dict()
    write_safetensors(folder / "model.safetensors", to_theirs(state, form.ENCODER))


def load_language_model(folder: Path) -> tuple[LanguageModel, Conversion]:
    """Read a language model and what its conversion did. Raises WeightsError, LayoutError.

    Where the registry's backbone writes by itself, it is the model.
    """
    architecture, config = open_config(folder)
    if architecture not in LANGUAGE_MODELS:
        model, conversion = load_encoder(folder)
        return cast("LanguageModel", model), conversion
    form = layout(architecture)
    backbone = backbone_class(architecture)(form.read_config(config))
    language_model = language_model_class(architecture)(backbone).eval()
    path = weights_file(folder)
    tensors = read_tensors(path)
    return language_model, fill_model(language_model, tensors, form.language_rules(tensors), where=str(path))


def save_language_model(model: LanguageModel, folder: Path) -> None:
    """Write a language model with its head into an existing folder, for `AutoModelForCausalLM` where transformers has
    its architecture.
    """
    backbone = cast("Backbone", getattr(model, "backbone", model))
    form = layout(architecture_of(backbone))
    write_json(
        folder / "config.json", {"architectures": [form.LANGUAGE_CLASS], **form.write_config(backbone.config)}
    )
    state = cast("nn.Module", model).state_dict()
    write_safetensors(folder / "model.safetensors", to_theirs(state, form.LANGUAGE))


def save_classifier(model: Classifier, labels: Sequence[str], folder: Path, *, several: bool = False) -> None:
    """Write a classifier with its label names into an existing folder, for
    `AutoModelForSequenceClassification`; one without labels is a regression. several: an input may have several.
    """
    kind = "multi_label_classification" if several else "single_label_classification"
    named = labels or ["number"]
    backbone = cast("Backbone", model.backbone)
    form = layout(architecture_of(backbone))
    config = {
        "architectures": [form.CLASSIFIER_CLASS],
        **form.write_config(backbone.config),
        form.HEAD_DROPOUT: model.head.dropout.p,
        "id2label": {str(index): label for index, label in enumerate(named)},
        "label2id": {label: index for index, label in enumerate(named)},
        "problem_type": kind if labels else "regression",
    }
    write_json(folder / "config.json", config)
    write_safetensors(folder / "model.safetensors", to_theirs(model.state_dict(), form.CLASSIFIER))


def save_reader(model: TokenClassifier, folder: Path) -> None:
    """Write what reads answers out of a context into an existing folder, for `AutoModelForQuestionAnswering` where
    transformers has the architecture's, else for `AutoModel` with the head beside it.
    """
    backbone = cast("Backbone", model.backbone)
    form = layout(architecture_of(backbone))
    if not hasattr(form, "READER"):
        save_encoder(backbone, folder)
        write_safetensors(folder / HEAD_FILE, model.head.state_dict())
        return
    config = {"architectures": [form.READER_CLASS], **form.write_config(backbone.config)}
    write_json(folder / "config.json", config)
    write_safetensors(folder / "model.safetensors", to_theirs(model.state_dict(), form.READER))


def load_reader(folder: Path) -> TokenClassifier:
    """Read what `save_reader` wrote. Raises WeightsError, LayoutError."""
    architecture, config = open_config(folder)
    form = layout(architecture)
    if not hasattr(form, "READER"):
        backbone, _ = load_encoder(folder)
        model = TokenClassifier(backbone, ClassificationHead(backbone.num_features, ANSWER_ENDS, 0.0))
        path = folder / HEAD_FILE
        fill_model(model.head, read_tensors(path), (Rename("{rest}", "{rest}"),), where=str(path))
        return model.eval()
    with without_values():
        backbone = cast("Backbone", backbone_class(architecture)(form.read_config(config)))
        model = TokenClassifier(backbone, ClassificationHead(backbone.num_features, ANSWER_ENDS, 0.0))
    path = weights_file(folder)
    fill_model(model, read_tensors(path), form.READER, where=str(path))
    return model.eval()


def architecture_of(backbone: Backbone) -> str:
    """Return the registry's name for the backbone's class."""
    kind = type(backbone)
    return next(name for name, path in BACKBONES.items() if path == f"{kind.__module__}:{kind.__qualname__}")


def opened_by(backbone: Backbone, part: str) -> str | None:
    """Return what in transformers opens a folder with the "encoder", "classifier" or "reader"; None: nothing."""
    opened: dict[str, str] = getattr(layout(architecture_of(backbone)), "OPENED_BY", {})
    return opened.get(part)


class _NoDraws(TorchFunctionMode):
    """Leaves out whatever `torch.nn.init` would draw."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if getattr(function, "__module__", None) == "torch.nn.init":  # a getter has no module
            return kwargs["tensor"] if "tensor" in kwargs else args[0]
        return function(*args, **kwargs)


@contextmanager
def without_values() -> Iterator[None]:
    """Build modules whose tensors have shapes only: every value will come out of a file.

    Drawing them first would take half a second; drawing mere shapes makes torch load its compiler: two.
    """
    with torch.device("meta"), _NoDraws():
        yield


def _fill_encoder(backbone: Backbone, architecture: str, path: Path, fresh: Sequence[str]) -> Conversion:
    tensors = read_tensors(path)
    rules = layout_of(architecture, path).rules_for(tensors, classifier=False)
    module = cast("nn.Module", backbone)
    module.eval()
    return fill_model(module, tensors, rules, fresh=fresh, where=str(path))


def open_config(folder: Path) -> tuple[str, dict[str, Any]]:
    """Return the architecture, by our name, and the configuration in a folder. Raises WeightsError, RunError."""
    path = folder / "config.json"
    if not path.exists() and (folder / GOOGLE_CONFIG).is_file():  # the same keys, without model_type
        return "bert", read_json(folder / GOOGLE_CONFIG)
    options = sorted(folder.glob(f"*{ELMO_CONFIG}"))  # published with the model's name before it
    if not path.exists() and len(options) == 1:
        return "elmo", read_json(options[0])
    if not path.exists() and any(folder.glob(FASTAI_WORDS)):
        weights = weights_file(folder)
        return "awd_lstm", layout("awd_lstm").sizes_of(read_tensors(weights), where=str(weights))
    config = read_json(path)
    model_type = config.get("model_type") if isinstance(config, dict) else None
    architecture = MODEL_TYPES.get(str(model_type), model_type)
    if architecture not in BACKBONES:
        raise WeightsError(
            f"model_type is {model_type!r}; known: {', '.join(sorted(BACKBONES))}",
            where=str(path),
            remedy="Use weights of a known architecture.",
        )
    return architecture, config


def weights_file(folder: Path) -> Path:
    """Return the file with the tensors in a folder; of a TensorFlow checkpoint its index. Raises WeightsError."""
    for name in WEIGHTS_FILES:
        if (folder / name).is_file():
            return folder / name
    for pattern in ("*.ckpt*.index", "*weights*.hdf5", "*.pth", "*.h5"):
        found = sorted(folder.glob(pattern))
        if len(found) == 1:
            return found[0]
    raise WeightsError(f"has no weights file ({' or '.join(WEIGHTS_FILES)})", where=str(folder))
