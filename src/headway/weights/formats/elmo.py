"""ELMo as it was published: `options.json` and the tensors of `bilm-tf`, out of an HDF5 file.

Our own folders hold the same options and tensors in `config.json` and `model.safetensors`, and beside them what the
published file has no place for: the mix of the depths, which belongs to a task.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import torch
from torch import Tensor

from headway.core import characters
from headway.core.errors import WeightsError
from headway.models.elmo import ElmoConfig
from headway.weights.rules import Default, Omit, Pool, Rename, Rule, Transpose, fill, matches, under

ENCODER_CLASS = "Elmo"
CLASSIFIER_CLASS = "ElmoForSequenceClassification"
HEAD_DROPOUT = "classifier_dropout"

_FORGET_BIAS = 1.0
_CELL = "RNN_{side}/RNN/MultiRNNCell/Cell{i}/LSTMCell/"


@dataclass(frozen=True)
class Kernel:
    """A convolution over characters: theirs is [1, width, in, out], ours, like torch's, [out, in, width]."""

    rule: Rename

    def read(self, pool: Pool) -> Pool:
        """Read by the rule, and turn."""
        return {
            name: tensor[0].permute(2, 1, 0).contiguous() for name, tensor in self.rule.read(pool).items()
        }

    def write(self, pool: Pool) -> Pool:
        """Write by the rule, and turn back."""
        return {
            name: tensor.permute(2, 1, 0)[None].contiguous() for name, tensor in self.rule.write(pool).items()
        }

    def under(self, theirs: str, ours: str) -> Self:
        """Prefix the rule's names."""
        return replace(self, rule=self.rule.under(theirs, ours))


@dataclass(frozen=True)
class Gates:
    """An LSTM's matrix W_0 and bias B.

    - W_0 is [input + projection, 4 cells]: ours are its upper half and its lower half, transposed. (Both have as many
      rows: each layer reads a projection, and so does the first.)
    - Their four blocks are TensorFlow's i, j, f, o: input gate, what is written, forget gate, output gate; ours are
      torch's i, f, g, o.
    - Their cell adds 1 to the forget gate each time it is computed; our bias has it added once for all.
    """

    theirs: str  # what stands before W_0 and B
    ours: str

    def read(self, pool: Pool) -> Pool:
        """Take W_0 and B; where one is missing, none is taken (and the accounting shows it)."""
        found: Pool = {}
        for name, parts in matches(self.theirs + "W_0", pool):
            bias = fill(self.theirs, parts) + "B"
            if bias not in pool:
                continue
            ours = fill(self.ours, parts)
            weight_ih, weight_hh = _ifgo(pool.pop(name).T).chunk(2, dim=1)
            found |= {
                ours + "weight_ih": weight_ih.contiguous(),
                ours + "weight_hh": weight_hh.contiguous(),
                ours + "bias": _remember(_ifgo(pool.pop(bias)), _FORGET_BIAS),
            }
        return found

    def write(self, pool: Pool) -> Pool:
        """Put the three together again."""
        found: Pool = {}
        for name, parts in matches(self.ours + "bias", pool):
            ours, theirs = fill(self.ours, parts), fill(self.theirs, parts)
            whole = torch.cat([pool.pop(ours + "weight_ih"), pool.pop(ours + "weight_hh")], dim=1)
            found[theirs + "W_0"] = _ijfo(whole).T.contiguous()
            found[theirs + "B"] = _ijfo(_remember(pool.pop(name), -_FORGET_BIAS))
        return found

    def under(self, theirs: str, ours: str) -> Self:
        """Prefix both."""
        return replace(self, theirs=theirs + self.theirs, ours=ours + self.ours)


def _ifgo(blocks: Tensor) -> Tensor:
    i, j, f, o = blocks.chunk(4)
    return torch.cat([i, f, j, o])


def _ijfo(blocks: Tensor) -> Tensor:
    i, f, g, o = blocks.chunk(4)
    return torch.cat([i, g, f, o])


def _remember(bias: Tensor, more: float) -> Tensor:
    i, f, g, o = bias.chunk(4)
    return torch.cat([i, f + more, g, o])


def _direction(side: int, ours: str) -> tuple[Rule, ...]:
    cell = _CELL.replace("{side}", str(side))
    return (
        Gates(cell, f"layers.{{i}}.{ours}."),
        Transpose(Rename(cell + "W_P_0", f"layers.{{i}}.{ours}.weight_hr")),
    )


# Their matrices are [in, out].
LANGUAGE: tuple[Rule, ...] = (
    # 261 rows: 256 bytes and five marks. AllenNLP puts a row of zeros before them, for the padding of sentences, and
    # counts from 1; there is none here, so the table stays as it is.
    Rename("char_embed", "characters.embedding.weight"),
    Kernel(Rename("CNN/W_cnn_{i}", "characters.convolutions.{i}.weight")),
    Rename("CNN/b_cnn_{i}", "characters.convolutions.{i}.bias"),
    # Their "carry" gate multiplies what is transformed, and 1 - carry what is carried: it is the T(x) of the paper on
    # highways, and ours, with the same sign. (AllenNLP's gate multiplies what is carried, and turns the sign.)
    Transpose(Rename("CNN_high_{i}/W_carry", "characters.highways.{i}.gate.weight")),
    Rename("CNN_high_{i}/b_carry", "characters.highways.{i}.gate.bias"),
    Transpose(Rename("CNN_high_{i}/W_transform", "characters.highways.{i}.transform.weight")),
    Rename("CNN_high_{i}/b_transform", "characters.highways.{i}.transform.bias"),
    Transpose(Rename("CNN_proj/W_proj", "characters.projection.weight")),
    Rename("CNN_proj/b_proj", "characters.projection.bias"),
    *_direction(0, "left_to_right"),
    *_direction(1, "right_to_left"),
)

_MIX: tuple[Rename, ...] = (Rename("mix.weights", "mix.weights"), Rename("mix.gamma", "mix.gamma"))

ENCODER: tuple[Rule, ...] = (*LANGUAGE, *_MIX)

PUBLISHED: tuple[Rule, ...] = (
    *LANGUAGE,
    Omit("mix.{rest}", "the mix belongs to a task, and the published file has none"),
)

CLASSIFIER: tuple[Rule, ...] = (
    *under(ENCODER, "elmo.", "backbone."),
    Rename("classifier.{part}", "head.classifier.{part}"),
)


def rules_for(names: Iterable[str], *, classifier: bool) -> tuple[Rule, ...]:
    """Return the table for a file with tensors of these names: for a classifier, or for its encoder alone.

    Where a file holds no mix, all depths have the same share.
    """
    if classifier:
        return CLASSIFIER
    layers = len({found[1] for name in names if (found := re.search(r"/Cell(\d+)/", name))})
    mean = (torch.zeros(layers + 1), torch.ones(1))
    return (*LANGUAGE, *(Default(rule, value) for rule, value in zip(_MIX, mean, strict=True)))


_LSTM = {
    "dim": "d_cell",
    "projection_dim": "d_projection",
    "n_layers": "num_layers",
    "cell_clip": "cell_clip",
    "proj_clip": "projection_clip",
    "use_skip_connections": "skip_connections",
}
_CHARACTERS = {
    "n_highway": "num_highways",
    "max_characters_per_token": "max_characters",
    "activation": "activation",
}
_ACTIVATIONS = ("relu", "tanh")
_OURS = {"dropout": "dropout", "mix_layer_norm": "mix_layer_norm"}
_TRAINING = frozenset(  # how a model was trained says nothing about what it computes
    """
    all_clip_norm_val batch_size n_epochs n_batches_per_epoch n_negative_samples_batch n_tokens_vocab n_train_tokens
    sample_softmax share_embedding_softmax unroll_steps learning_rate
    """.split()
)
_WRITTEN = frozenset(f"architectures model_type id2label label2id problem_type {HEAD_DROPOUT}".split())


def read_config(theirs: Mapping[str, Any], *, where: str = "options.json") -> ElmoConfig:
    """Translate their options; raises WeightsError on a key or value that we cannot honour."""
    theirs = dict(theirs)
    lstm = _part(theirs.pop("lstm", None), "lstm", where)
    cnn = _part(theirs.pop("char_cnn", None), "char_cnn", where)
    if theirs.pop("bidirectional", True) is not True:
        raise _error("bidirectional is not true; ELMo reads both ways", where)
    values = {ours: lstm.pop(key) for key, ours in _LSTM.items() if key in lstm}
    values |= {ours: cnn.pop(key) for key, ours in _CHARACTERS.items() if key in cnn}
    values |= {ours: theirs.pop(key) for key, ours in _OURS.items() if key in theirs}
    needed = {"d_cell", "d_projection", "num_layers"} - values.keys()
    if needed or "filters" not in cnn or "embedding" not in cnn:
        raise _error("lacks sizes of the LSTM or of the character convolutions", where)
    # 261 in training; "262" of those who use it counts the row for padding that AllenNLP adds
    if cnn.pop("n_characters", characters.COUNT + 1) not in (characters.COUNT, characters.COUNT + 1):
        raise _error("n_characters is neither 261 nor 262, the bytes and marks of ELMo", where)
    values["d_character"] = _part(cnn.pop("embedding"), "embedding", where).pop("dim", None)
    values["filters"] = tuple((int(width), int(number)) for width, number in cnn.pop("filters"))
    unknown = [*lstm, *cnn, *(key for key in theirs if key not in _TRAINING | _WRITTEN)]
    if unknown:
        raise _error(f"unknown key {unknown[0]!r}; it may change what the model computes", where)
    if values.get("activation", "relu") not in _ACTIVATIONS:
        raise _error(f"activation is {values['activation']!r}; known: {', '.join(_ACTIVATIONS)}", where)
    defaults = {"cell_clip": None, "projection_clip": None, "skip_connections": False, "num_highways": 0}
    return ElmoConfig(**{**defaults, **values})


def write_config(config: ElmoConfig) -> dict[str, Any]:
    """Translate our configuration to their options, and what they have no key for."""
    ours = config.to_dict()
    return {"model_type": "elmo", **write_options(config), **{key: ours[name] for key, name in _OURS.items()}}


def write_options(config: ElmoConfig) -> dict[str, Any]:
    """Return what `options.json` holds for those who use the model."""
    ours = config.to_dict()
    return {
        "lstm": {key: ours[name] for key, name in _LSTM.items()},
        "char_cnn": {
            "embedding": {"dim": config.d_character},
            "filters": [list(pair) for pair in config.filters],
            "n_characters": characters.COUNT + 1,
            **{key: ours[name] for key, name in _CHARACTERS.items()},
        },
    }


def read_head_dropout(theirs: Mapping[str, Any]) -> float:
    """Return the dropout of the classification head."""
    dropout: float = theirs.get(HEAD_DROPOUT, 0.1)
    return dropout


def _part(value: Any, name: str, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _error(f"has no table {name!r}", where)
    return dict(value)


def _error(problem: str, where: str) -> WeightsError:
    return WeightsError(problem, where=where, remedy="Use the options that were published with the weights.")
