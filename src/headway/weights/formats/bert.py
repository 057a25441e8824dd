"""BERT in Hugging Face's layout: `config.json` and the tensors of `BertModel` and
`BertForSequenceClassification`.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from headway.core.errors import WeightsError
from headway.models.bert import BertConfig
from headway.weights.rules import Concat, Drop, Rename, Respell, Rule, under

ENCODER_CLASS = "BertModel"
CLASSIFIER_CLASS = "BertForSequenceClassification"

_LAYER = "encoder.layer.{i}."

# {part} is weight or bias. Torch's Linear is [out, in] on both sides: nothing is transposed.
ENCODER: tuple[Rule, ...] = (
    Respell("LayerNorm.gamma", "LayerNorm.weight"),  # as converted from TensorFlow in 2018
    Respell("LayerNorm.beta", "LayerNorm.bias"),
    Drop("embeddings.position_ids", "a constant that older files hold: 0, 1, 2, ..."),
    Rename("embeddings.word_embeddings.weight", "embeddings.word.weight"),
    Rename("embeddings.position_embeddings.weight", "embeddings.position.weight"),
    Rename("embeddings.token_type_embeddings.weight", "embeddings.segment.weight"),
    Rename("embeddings.LayerNorm.{part}", "embeddings.norm.{part}"),
    Concat(
        tuple(f"{_LAYER}attention.self.{name}.{{part}}" for name in ("query", "key", "value")),
        "layers.{i}.attention.qkv.{part}",
    ),
    Rename(_LAYER + "attention.output.dense.{part}", "layers.{i}.attention.output.{part}"),
    Rename(_LAYER + "attention.output.LayerNorm.{part}", "layers.{i}.attention_norm_after.{part}"),
    Rename(_LAYER + "intermediate.dense.{part}", "layers.{i}.feedforward.inner.{part}"),
    Rename(_LAYER + "output.dense.{part}", "layers.{i}.feedforward.outer.{part}"),
    Rename(_LAYER + "output.LayerNorm.{part}", "layers.{i}.feedforward_norm_after.{part}"),
    Rename("pooler.dense.{part}", "pooler.{part}"),
)

CLASSIFIER: tuple[Rule, ...] = (
    *under(ENCODER, "bert.", "backbone."),
    Rename("classifier.{part}", "head.classifier.{part}"),
)

_OTHER_HEADS: tuple[Rule, ...] = (
    Drop("cls.{rest}", "a pretraining head, not part of the encoder"),
    Drop("classifier.{part}", "a classification head, not part of the encoder"),
)

_SAME = {  # their key -> ours
    "vocab_size": "vocab_size",
    "hidden_size": "d_model",
    "intermediate_size": "d_ff",
    "num_attention_heads": "num_heads",
    "num_hidden_layers": "num_layers",
    "max_position_embeddings": "max_positions",
    "type_vocab_size": "num_segments",
    "hidden_dropout_prob": "dropout",
    "attention_probs_dropout_prob": "attention_dropout",
    "layer_norm_eps": "norm_eps",
}
_DEFAULTS: dict[str, Any] = {  # transformers leaves a key out when it has this value
    "vocab_size": 30522,
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_attention_heads": 12,
    "num_hidden_layers": 12,
    "hidden_act": "gelu",
}
_ACTIVATIONS = {"gelu": "gelu", "gelu_new": "gelu_tanh", "gelu_pytorch_tanh": "gelu_tanh", "relu": "relu"}
_CONSTANTS: dict[
    str, tuple[Any, ...]
] = {  # keys that change the mathematics -> the values that this model has
    "model_type": ("bert",),
    "position_embedding_type": ("absolute",),
    "is_decoder": (False,),
    "is_encoder_decoder": (False,),
    "add_cross_attention": (False,),
    "pruned_heads": ({}, None),
    "quantization_config": (None,),
}
# Keys that say nothing about the encoder's function.
_NO_MATHEMATICS = frozenset(
    """
    architectures attn_implementation _attn_implementation attn_implementation_autoset
    _attn_implementation_autoset _name_or_path bos_token_id chunk_size_feed_forward classifier_dropout
    cross_attention_hidden_size decoder_start_token_id directionality dtype eos_token_id finetuning_task
    gradient_checkpointing id2label initializer_range label2id language name num_labels _num_labels
    output_attentions output_hidden_states output_past pad_token_id pooler_fc_size
    pooler_num_attention_heads pooler_num_fc_layers pooler_size_per_head pooler_type prefix problem_type
    return_dict sep_token_id task_specific_params tie_encoder_decoder tie_word_embeddings tokenizer_class
    torch_dtype torchscript transformers_version use_bfloat16 use_cache
    """.split()
)


def rules_for(names: Iterable[str], *, classifier: bool) -> tuple[Rule, ...]:
    """Return the table for a file with tensors of these names: for a classifier, or for its encoder alone."""
    if classifier:
        return CLASSIFIER
    prefixed = any(name.startswith("bert.") for name in names)
    return (*under(ENCODER, "bert." if prefixed else "", ""), *_OTHER_HEADS)


def read_config(theirs: Mapping[str, Any], *, where: str = "config.json") -> BertConfig:
    """Translate transformers' configuration; raises WeightsError on a key or value that we cannot honour."""
    for key, value in theirs.items():
        if key in _CONSTANTS and value not in _CONSTANTS[key]:
            raise WeightsError(
                f"{key} is {value!r}; this model has {_CONSTANTS[key][0]!r}", where=where, remedy=_NOT_OURS
            )
        if key not in _CONSTANTS and key not in _SAME and key not in _NO_MATHEMATICS and key != "hidden_act":
            raise WeightsError(
                f"unknown key {key!r} (value {value!r}); it may change what the model computes",
                where=where,
                remedy=_NOT_OURS,
            )
    values: dict[str, Any] = _DEFAULTS | dict(theirs)
    if values["hidden_act"] not in _ACTIVATIONS:
        raise WeightsError(
            f"hidden_act is {values['hidden_act']!r}; known: {', '.join(_ACTIVATIONS)}",
            where=where,
            remedy=_NOT_OURS,
        )
    sizes = {ours: values[key] for key, ours in _SAME.items() if key in values}
    return BertConfig(activation=_ACTIVATIONS[values["hidden_act"]], **sizes)


def write_config(config: BertConfig) -> dict[str, Any]:
    """Translate our configuration to transformers'."""
    activation = next(theirs for theirs, ours in _ACTIVATIONS.items() if ours == config.activation)
    return {
        "model_type": "bert",
        **{key: getattr(config, ours) for key, ours in _SAME.items()},
        "hidden_act": activation,
    }


_NOT_OURS = "Only the published BERT is implemented; use weights of that model."
