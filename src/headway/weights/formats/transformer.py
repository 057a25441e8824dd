"""The Transformer of 2017 in our own layout: no published one is opened by others.

The tensors have our names, the encoder's below `encoder.`, the decoder's below `decoder.`; `config.json` has our
configuration's keys.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from headway.core.errors import UsageError, WeightsError
from headway.models.transformer import TransformerConfig
from headway.weights.config_keys import NO_MATHEMATICS
from headway.weights.rules import Drop, Rename, Rule

ENCODER_CLASS = "TransformerEncoder"
CLASSIFIER_CLASS = "Classifier"
ENCODER_DECODER_CLASS = "Transformer"
HEAD_DROPOUT = "classifier_dropout"
OPENED_BY: dict[str, str] = {}  # nothing of others opens it

ENCODER: tuple[Rule, ...] = (Rename("encoder.{rest}", "{rest}"),)

CLASSIFIER: tuple[Rule, ...] = (
    Rename("encoder.{rest}", "backbone.{rest}"),
    Rename("classifier.{part}", "head.classifier.{part}"),
)

_OTHER_PARTS: tuple[Rule, ...] = (
    Drop("decoder.{rest}", "the decoder, not part of the encoder"),
    Drop("classifier.{part}", "a classification head, not part of the encoder"),
)


def rules_for(names: Iterable[str], *, classifier: bool) -> tuple[Rule, ...]:
    """Return the table for a file with tensors of these names: for a classifier, or for its encoder alone."""
    return CLASSIFIER if classifier else (*ENCODER, *_OTHER_PARTS)


def encoder_decoder_rules(config: TransformerConfig) -> tuple[Rule, ...]:
    """Return the table of encoder and decoder."""
    return (Rename("{rest}", "{rest}"),)


def read_config(theirs: Mapping[str, Any], *, where: str = "config.json") -> TransformerConfig:
    """Read our configuration; raises WeightsError on an unknown key."""
    ignored = NO_MATHEMATICS | {"model_type", HEAD_DROPOUT}
    try:
        return TransformerConfig.from_dict({key: theirs[key] for key in theirs if key not in ignored})
    except UsageError as error:
        raise WeightsError(error.problem, where=where, remedy=error.remedy) from error


def write_config(config: TransformerConfig) -> dict[str, Any]:
    """Write our configuration."""
    return {"model_type": "transformer", **config.to_dict()}


def read_head_dropout(theirs: Mapping[str, Any]) -> float:
    """Return the dropout of the classification head."""
    dropout: float = theirs.get(HEAD_DROPOUT, 0.1)
    return dropout
