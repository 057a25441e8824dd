"""Encoder-decoders with their heads, out of and into folders in their published layout.

transformers opens a T5 that is written here with `AutoModelForSeq2SeqLM`.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

from torch import nn

from headway.core.errors import WeightsError
from headway.core.files import write_json
from headway.models.base import EncoderDecoder
from headway.models.registry import ENCODER_DECODERS, encoder_decoder_class
from headway.weights.convert import Conversion, fill_model, to_theirs
from headway.weights.formats import layout
from headway.weights.pretrained import open_config, weights_file
from headway.weights.read import read_tensors, write_safetensors


def load_encoder_decoder(folder: Path) -> tuple[EncoderDecoder, Conversion]:
    """Read an encoder-decoder, in evaluation mode, and what its conversion did. Raises WeightsError, LayoutError."""
    architecture, values = open_config(folder)
    if architecture not in ENCODER_DECODERS:
        raise WeightsError(
            f"is a {architecture}, which is no encoder-decoder",
            where=str(folder / "config.json"),
            remedy=f"Known encoder-decoders: {', '.join(sorted(ENCODER_DECODERS))}.",
        )
    form = layout(architecture)
    config = form.read_config(values)
    model = encoder_decoder_class(architecture)(config).eval()
    path = weights_file(folder)
    return model, fill_model(model, read_tensors(path), form.encoder_decoder_rules(config), where=str(path))


def save_encoder_decoder(model: EncoderDecoder, folder: Path) -> None:
    """Write an encoder-decoder into an existing folder."""
    kind = type(model)
    path = f"{kind.__module__}:{kind.__qualname__}"
    form = layout(next(name for name, known in ENCODER_DECODERS.items() if known == path))
    config = {"architectures": [form.ENCODER_DECODER_CLASS], **form.write_config(model.config)}
    write_json(folder / "config.json", config)
    rules = form.encoder_decoder_rules(model.config)
    state = cast("nn.Module", model).state_dict()
    write_safetensors(folder / "model.safetensors", to_theirs(state, rules))
