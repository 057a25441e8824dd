"""AWD-LSTM in fastai's layout, in which ULMFiT's wt103 models were published: a language model is a list of the
encoder (0) and the decoder (1).

The published files hold the word embeddings three times (as embedding, as what embedding dropout works on, and as the
output matrix), and the recurrent matrices twice: raw, as they are trained, and a copy with the last step's dropped
weights. `config.json` is ours, with fastai's names; they published none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import torch
from torch import Tensor

from headway.core.errors import WeightsError
from headway.models.awd_lstm import AwdLstmConfig
from headway.weights.rules import Default, Drop, Pool, Rename, Rule, Tie, fill, matches, under

ENCODER_CLASS = "AWD_LSTM"
CLASSIFIER_CLASS = "AWD_LSTMForSequenceClassification"
LANGUAGE_CLASS = "AWD_LSTMForCausalLM"
HEAD_DROPOUT = "classifier_dropout"

_BIAS = Rename("1.decoder.bias", "bias")

# Torch's gates on both sides: i, f, g, o.
_BODY: tuple[Rule, ...] = (
    Tie("encoder_dp.emb.weight", "encoder.weight"),  # fastai 1 and 2
    Tie("encoder_with_dropout.embed.weight", "encoder.weight"),  # fastai 0.7, of 2018
    Rename("encoder.weight", "embeddings.word.weight"),
    Drop(
        "rnns.{i}.module.weight_hh_l0",
        "a copy of the recurrent matrix without the weights that the last training step had dropped",
    ),
    Rename("rnns.{i}.weight_hh_l0_raw", "layers.{i}.weight_hh"),
    Rename("rnns.{i}.module.weight_hh_l0_raw", "layers.{i}.weight_hh"),  # fastai 0.7
    Rename("rnns.{i}.module.{part}_l0", "layers.{i}.{part}"),
)

ENCODER: tuple[Rule, ...] = under(_BODY, "0.", "")

LANGUAGE: tuple[Rule, ...] = (
    Tie("1.decoder.weight", "0.encoder.weight"),
    *under(_BODY, "0.", "backbone."),
    _BIAS,
)

CLASSIFIER: tuple[Rule, ...] = (
    *under(_BODY, "0.module.", "backbone."),
    Drop("1.layers.{i}.num_batches_tracked", "how many batches a norm has seen"),
    Rename("1.layers.0.{part}", "head.norm.{part}"),
    Rename("1.layers.2.{part}", "head.hidden.{part}"),
    Rename("1.layers.4.{part}", "head.hidden_norm.{part}"),
    Rename("1.layers.6.{part}", "head.classifier.{part}"),
)


@dataclass(frozen=True)
class _Copied:
    """What a rule writes, and copies of it under other names, where fastai wants them; reading is the others' work."""

    rule: Rename
    copies: tuple[str, ...]

    def read(self, pool: Pool) -> Pool:
        return self.rule.read(pool)

    def write(self, pool: Pool) -> Pool:
        found: Pool = {}
        for name, parts in matches(self.rule.ours, pool):
            tensor = pool.pop(name)
            found |= {fill(theirs, parts): tensor.clone() for theirs in (self.rule.theirs, *self.copies)}
        return found

    def under(self, theirs: str, ours: str) -> Self:
        copies = tuple(theirs + copy for copy in self.copies)
        return replace(self, rule=self.rule.under(theirs, ours), copies=copies)


# What fastai itself loads: with all the copies, the recurrent one being the raw one. For writing.
PUBLISHED: tuple[Rule, ...] = (
    _Copied(
        Rename("0.encoder.weight", "backbone.embeddings.word.weight"),
        ("0.encoder_dp.emb.weight", "1.decoder.weight"),
    ),
    _Copied(
        Rename("0.rnns.{i}.weight_hh_l0_raw", "backbone.layers.{i}.weight_hh"),
        ("0.rnns.{i}.module.weight_hh_l0",),
    ),
    Rename("0.rnns.{i}.module.{part}_l0", "backbone.layers.{i}.{part}"),
    _BIAS,
)


def rules_for(names: Iterable[str], *, classifier: bool) -> tuple[Rule, ...]:
    """Return the table for a file with tensors of these names: for a classifier, or for its encoder alone."""
    if classifier:
        return CLASSIFIER
    return (
        Drop("1.decoder.{part}", "the output layer of the language model, not part of the encoder"),
        *ENCODER,
    )


def language_rules(tensors: Mapping[str, Tensor]) -> tuple[Rule, ...]:
    """Return the table for a language model's file; that of 2018 has no bias, which counts as zeros."""
    words = tensors.get("0.encoder.weight", torch.empty(0))
    return (*LANGUAGE[:-1], Default(_BIAS, torch.zeros(len(words))))


_SAME = {
    "vocab_size": "vocab_size",
    "emb_sz": "d_model",
    "n_hid": "d_cell",
    "n_layers": "num_layers",
    "embed_p": "embedding_dropout",
    "input_p": "input_dropout",
    "hidden_p": "hidden_dropout",
    "output_p": "output_dropout",
    "weight_p": "weight_dropout",
}
_CONSTANTS: dict[str, tuple[Any, ...]] = {
    "bidir": (False,),
    "tie_weights": (True,),
    "out_bias": (True, False),  # without one it is zeros
    "qrnn": (False,),
}
_NO_MATHEMATICS = frozenset(
    f"model_type architectures pad_token id2label label2id problem_type {HEAD_DROPOUT}".split()
)


def read_config(theirs: Mapping[str, Any], *, where: str = "config.json") -> AwdLstmConfig:
    """Translate fastai's configuration; raises WeightsError on a key or value that we cannot honour."""
    for key, value in theirs.items():
        if key in _CONSTANTS and value not in _CONSTANTS[key]:
            raise _error(f"{key} is {value!r}; this model has {_CONSTANTS[key][0]!r}", where)
        if key not in _SAME and key not in _CONSTANTS and key not in _NO_MATHEMATICS:
            raise _error(f"unknown key {key!r}; it may change what the model computes", where)
    if "vocab_size" not in theirs:
        raise _error("lacks vocab_size", where)
    return AwdLstmConfig(**{ours: theirs[key] for key, ours in _SAME.items() if key in theirs})


def sizes_of(tensors: Mapping[str, Tensor], *, where: str) -> dict[str, Any]:
    """Return the configuration of a published language model, which came without one: its tensors' shapes tell it.

    Raises WeightsError where they are not those of an AWD-LSTM.
    """
    layers = [name for name in tensors if re.fullmatch(r"0\.rnns\.\d+\.module\.weight_ih_l0", name)]
    try:
        vocab_size, d_model = tensors["0.encoder.weight"].shape
        d_cell = len(tensors["0.rnns.0.module.bias_ih_l0"]) // 4
    except (KeyError, ValueError) as error:
        raise _error("holds no AWD-LSTM as fastai published it", where) from error
    return {"vocab_size": vocab_size, "emb_sz": d_model, "n_hid": d_cell, "n_layers": len(layers)}


def write_config(config: AwdLstmConfig) -> dict[str, Any]:
    """Translate our configuration to fastai's names."""
    ours = config.to_dict()
    return {"model_type": "awd_lstm", **{key: ours[name] for key, name in _SAME.items()}}


def read_head_dropout(theirs: Mapping[str, Any]) -> float:
    """Return the dropout of the classification head."""
    dropout: float = theirs.get(HEAD_DROPOUT, 0.1)
    return dropout


def _error(problem: str, where: str) -> WeightsError:
    return WeightsError(problem, where=where, remedy="Only the published AWD-LSTM is implemented.")
