"""Published configurations: which of their keys are ours, and which say nothing about what a model computes.

A key that changes the mathematics is read or must equal a constant; any other that is unknown is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from headway.core.errors import WeightsError

ACTIVATIONS = {  # transformers' names -> those of blocks.feedforward
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "relu": "relu",
}

# What transformers' configurations of every architecture may hold, and no encoder or decoder computes with.
NO_MATHEMATICS = frozenset(
    """
    architectures attn_implementation _attn_implementation attn_implementation_autoset
    _attn_implementation_autoset _name_or_path bos_token_id chunk_size_feed_forward
    cross_attention_hidden_size decoder_start_token_id dtype eos_token_id finetuning_task
    gradient_checkpointing id2label initializer_range label2id name num_labels _num_labels
    output_attentions output_hidden_states output_past pad_token_id prefix problem_type
    return_dict sep_token_id task_specific_params tie_encoder_decoder tie_word_embeddings tokenizer_class
    torch_dtype torchscript transformers_version use_bfloat16 use_cache
    """.split()
)


@dataclass(frozen=True, kw_only=True)
class ConfigKeys:
    """The keys of one published configuration."""

    same: Mapping[str, str]  # their key -> ours, of the same value
    activation: (
        str | None
    )  # the key whose value is one of `activations`; ours is `activation`. None: there is none
    constants: Mapping[str, tuple[Any, ...]]  # keys that change the mathematics -> the values this model has
    defaults: Mapping[str, Any]  # transformers leaves a key out when it has this value
    no_mathematics: frozenset[str]  # beside NO_MATHEMATICS
    remedy: str
    activations: Mapping[str, str] = field(default_factory=lambda: ACTIVATIONS)

    def read(self, theirs: Mapping[str, Any], where: str) -> dict[str, Any]:
        """Return our values; raises WeightsError on a key or value that we cannot honour."""
        ignored = NO_MATHEMATICS | self.no_mathematics
        for key, value in theirs.items():
            if key in self.constants:
                if value not in self.constants[key]:
                    wanted = self.constants[key][0]
                    raise self._error(f"{key} is {value!r}; this model has {wanted!r}", where)
            elif key not in self.same and key not in ignored and key != self.activation:
                raise self._error(
                    f"unknown key {key!r} (value {value!r}); it may change what the model computes", where
                )
        values = {**self.defaults, **theirs}
        ours = {ours: values[key] for key, ours in self.same.items() if key in values}
        if self.activation is None:
            return ours
        if values[self.activation] not in self.activations:
            raise self._error(
                f"{self.activation} is {values[self.activation]!r}; known: {', '.join(self.activations)}",
                where,
            )
        return ours | {"activation": self.activations[values[self.activation]]}

    def write(self, ours: Mapping[str, Any]) -> dict[str, Any]:
        """Return their values; the constants that a reader needs to know are the caller's to add."""
        theirs = {key: ours[name] for key, name in self.same.items()}
        if self.activation is None:
            return theirs
        activation = next(name for name, value in self.activations.items() if value == ours["activation"])
        return theirs | {self.activation: activation}

    def _error(self, problem: str, where: str) -> WeightsError:
        return WeightsError(problem, where=where, remedy=self.remedy)
