"""Encoders with their pretraining heads, out of and into folders in Hugging Face's layout.

transformers opens what is written here with `AutoModelForPreTraining` (BERT with both heads) or
`AutoModelForMaskedLM`.
"""

from __future__ import annotations

from pathlib import Path

from headway.core.errors import WeightsError
from headway.core.files import write_json
from headway.models.bert import Bert
from headway.models.pretraining_heads import BertPretraining, MaskedLanguageModel
from headway.models.registry import backbone_class
from headway.weights.convert import Conversion, fill_model, to_theirs
from headway.weights.formats import bert, layout, layout_of
from headway.weights.pretrained import architecture_of, open_config, weights_file
from headway.weights.read import read_tensors, write_safetensors


def load_pretraining(folder: Path) -> tuple[BertPretraining, Conversion]:
    """Read a BERT with both of its heads, in evaluation mode. Raises WeightsError, LayoutError."""
    architecture, config = open_config(folder)
    if architecture != "bert":
        raise WeightsError(
            f"is a {architecture}; only a bert is pretrained on next sentences",
            where=str(folder / "config.json"),
            remedy="Read its masked-token head with load_masked_language.",
        )
    model = BertPretraining(Bert(bert.read_config(config))).eval()
    path = weights_file(folder)
    rules = layout_of(architecture, path).PRETRAINING
    return model, fill_model(model, read_tensors(path), rules, where=str(path))


def save_pretraining(model: BertPretraining, folder: Path) -> None:
    """Write a BERT with both of its heads into an existing folder."""
    config = {"architectures": [bert.PRETRAINING_CLASS], **bert.write_config(model.backbone.config)}
    write_json(folder / "config.json", config)
    write_safetensors(folder / "model.safetensors", to_theirs(model.state_dict(), bert.PRETRAINING))


def load_masked_language(folder: Path) -> tuple[MaskedLanguageModel, Conversion]:
    """Read a BERT or DistilBERT with its masked-token head, in evaluation mode. Raises WeightsError, LayoutError.

    A pooler that the file lacks is freshly drawn (the head does not read it) and named in the conversion.
    """
    architecture, config = open_config(folder)
    config_of = layout(architecture).read_config
    model = MaskedLanguageModel(backbone_class(architecture)(config_of(config))).eval()
    path = weights_file(folder)
    rules = layout_of(architecture, path).MASKED_LANGUAGE
    fresh = ("backbone.pooler.",)
    return model, fill_model(model, read_tensors(path), rules, fresh=fresh, where=str(path))


def save_masked_language(model: MaskedLanguageModel, folder: Path) -> None:
    """Write an encoder with its masked-token head into an existing folder; a pooler is left out, as in theirs."""
    form = layout(architecture_of(model.backbone))
    config = {"architectures": [form.MASKED_LANGUAGE_CLASS], **form.write_config(model.backbone.config)}
    write_json(folder / "config.json", config)
    write_safetensors(folder / "model.safetensors", to_theirs(model.state_dict(), form.MASKED_LANGUAGE))
