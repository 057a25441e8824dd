"""The published layouts: for each architecture one module with its rule table and its configuration's
translation.

A layout module offers:

    ENCODER                                    rules of the backbone alone
    rules_for(names, classifier) -> rules      the table for a file that holds tensors of these names
    read_config(theirs) -> Config              and write_config(config) -> theirs
    ENCODER_CLASS, CLASSIFIER_CLASS            what transformers calls the two
"""

import importlib
from types import ModuleType

from headway.models.registry import backbone_class


def layout(architecture: str) -> ModuleType:
    """Return the layout of an architecture; raises UsageError on one that is not in the registry."""
    backbone_class(architecture)
    return importlib.import_module(f"headway.weights.formats.{architecture}")
