"""BERT in Hugging Face's layout: `config.json` and the tensors of `BertModel`, `BertForSequenceClassification`,
`BertForPreTraining` and `BertForMaskedLM`.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from headway.models.bert import BertConfig
from headway.weights.config_keys import ConfigKeys
from headway.weights.rules import Concat, Drop, Omit, Rename, Respell, Rule, Tie, under

ENCODER_CLASS = "BertModel"
CLASSIFIER_CLASS = "BertForSequenceClassification"
PRETRAINING_CLASS = "BertForPreTraining"
READER_CLASS = "BertForQuestionAnswering"
MASKED_LANGUAGE_CLASS = "BertForMaskedLM"
HEAD_DROPOUT = "classifier_dropout"
OPENED_BY = {
    "encoder": "AutoModel",
    "classifier": "AutoModelForSequenceClassification",
    "reader": "AutoModelForQuestionAnswering",
}

_LAYER = "encoder.layer.{i}."

_OLD_NAMES: tuple[Rule, ...] = (  # as converted from TensorFlow in 2018
    Respell("LayerNorm.gamma", "LayerNorm.weight"),
    Respell("LayerNorm.beta", "LayerNorm.bias"),
)

# {part} is weight or bias. Torch's Linear is [out, in] on both sides: nothing is transposed.
_BODY: tuple[Rule, ...] = (
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

ENCODER: tuple[Rule, ...] = (*_OLD_NAMES, *_BODY)

CLASSIFIER: tuple[Rule, ...] = (
    *under(ENCODER, "bert.", "backbone."),
    Rename("classifier.{part}", "head.classifier.{part}"),
)

_MASKED: tuple[Rule, ...] = (
    *_OLD_NAMES,
    Tie("cls.predictions.decoder.weight", "bert.embeddings.word_embeddings.weight"),
    Tie("cls.predictions.decoder.bias", "cls.predictions.bias"),
    Rename("cls.predictions.transform.dense.{part}", "masked.dense.{part}"),
    Rename("cls.predictions.transform.LayerNorm.{part}", "masked.norm.{part}"),
    Rename("cls.predictions.bias", "masked.bias"),
)

PRETRAINING: tuple[Rule, ...] = (
    *_MASKED,
    *under(_BODY, "bert.", "backbone."),
    Rename("cls.seq_relationship.{part}", "next_sentence.{part}"),
)

MASKED_LANGUAGE: tuple[Rule, ...] = (  # BertForMaskedLM has no pooler; other files that it is read from have
    *_MASKED,
    Omit("backbone.pooler.{part}", "the masked-token head does not read it"),
    *under(_BODY, "bert.", "backbone."),
    Drop("cls.seq_relationship.{part}", "the next-sentence head, not part of this model"),
)

READER: tuple[Rule, ...] = (
    *under(ENCODER, "bert.", "backbone."),
    Rename("qa_outputs.{part}", "head.classifier.{part}"),
)

_OTHER_HEADS: tuple[Rule, ...] = (
    Drop("qa_outputs.{part}", "a head for questions, not part of the encoder"),
    Drop("cls.{rest}", "a pretraining head, not part of the encoder"),
    Drop("classifier.{part}", "a classification head, not part of the encoder"),
)

_KEYS = ConfigKeys(
    same={
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
    },
    activation="hidden_act",
    constants={
        "model_type": ("bert",),
        "position_embedding_type": ("absolute",),
        "is_decoder": (False,),
        "is_encoder_decoder": (False,),
        "add_cross_attention": (False,),
        "pruned_heads": ({}, None),
        "quantization_config": (None,),
    },
    defaults={
        "vocab_size": 30522,
        "hidden_size": 768,
        "intermediate_size": 3072,
        "num_attention_heads": 12,
        "num_hidden_layers": 12,
        "hidden_act": "gelu",
    },
    no_mathematics=frozenset(
        """
        classifier_dropout directionality language pooler_fc_size pooler_num_attention_heads
        pooler_num_fc_layers pooler_size_per_head pooler_type
        """.split()
    ),
    remedy="Only the published BERT is implemented; use weights of that model.",
)


def rules_for(names: Iterable[str], *, classifier: bool) -> tuple[Rule, ...]:
    """Return the table for a file with tensors of these names: for a classifier, or for its encoder alone."""
    if classifier:
        return CLASSIFIER
    prefixed = any(name.startswith("bert.") for name in names)
    return (*under(ENCODER, "bert." if prefixed else "", ""), *_OTHER_HEADS)


def read_config(theirs: Mapping[str, Any], *, where: str = "config.json") -> BertConfig:
    """Translate transformers' configuration; raises WeightsError on a key or value that we cannot honour."""
    return BertConfig(**_KEYS.read(theirs, where))


def write_config(config: BertConfig) -> dict[str, Any]:
    """Translate our configuration to transformers'."""
    return {"model_type": "bert", **_KEYS.write(config.to_dict())}


def read_head_dropout(theirs: Mapping[str, Any]) -> float:
    """Return the dropout of the classification head; where it has none of its own, that of the layers."""
    own: float | None = theirs.get(HEAD_DROPOUT)
    return read_config(theirs).dropout if own is None else own
