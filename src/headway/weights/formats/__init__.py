"""The published layouts: for each architecture one module with its rule table and its configuration's
translation.

A layout module offers:

    ENCODER                                    rules of the backbone alone
    rules_for(names, classifier) -> rules      the table for a file that holds tensors of these names
    read_config(theirs) -> Config              and write_config(config) -> theirs
    ENCODER_CLASS, CLASSIFIER_CLASS            what transformers calls the two
    OPENED_BY                                  what in transformers opens an "encoder", a "classifier"; none: left out
    read_head_dropout(theirs) -> float         the classifier's dropout, which HEAD_DROPOUT is their key for

Where transformers has a class that reads answers out of a context, it also offers READER, the rules of a backbone with
such a head, and READER_CLASS.
That of a language model also offers LANGUAGE, the rules of the model with its head, and LANGUAGE_CLASS; and where that
is a class around the backbone, language_rules(tensors) to read it.
That of an encoder-decoder also offers encoder_decoder_rules(config) and ENCODER_DECODER_CLASS.
"""

import importlib
from pathlib import Path
from types import ModuleType

from headway.models.registry import backbone_class

MODEL_TYPES = {"openai-gpt": "gpt"}  # their name of an architecture -> ours, where the two differ


def layout(architecture: str) -> ModuleType:
    """Return the layout of an architecture; raises UsageError on one that is not in the registry."""
    backbone_class(architecture)
    return importlib.import_module(f"headway.weights.formats.{architecture}")


def layout_of(architecture: str, path: Path) -> ModuleType:
    """Return the layout that a weights file is in: a TensorFlow checkpoint (`.index`) has one of its own."""
    if path.suffix == ".index":
        return importlib.import_module("headway.weights.formats.bert_tensorflow")
    return layout(architecture)
