"""DistilBERT in Hugging Face's layout: `config.json` and the tensors of `DistilBertModel`,
`DistilBertForSequenceClassification` and `DistilBertForMaskedLM` (which is what was published).
"""

from collections.abc import Iterable, Mapping
from typing import Any

from headway.core.errors import WeightsError
from headway.models.distilbert import DistilBertConfig
from headway.weights.config_keys import ConfigKeys
from headway.weights.rules import Concat, Drop, Rename, Rule, Tie, under

ENCODER_CLASS = "DistilBertModel"
CLASSIFIER_CLASS = "DistilBertForSequenceClassification"
READER_CLASS = "DistilBertForQuestionAnswering"
MASKED_LANGUAGE_CLASS = "DistilBertForMaskedLM"
HEAD_DROPOUT = "seq_classif_dropout"
OPENED_BY = {
    "encoder": "AutoModel",
    "classifier": "AutoModelForSequenceClassification",
    "reader": "AutoModelForQuestionAnswering",
}

_LAYER = "transformer.layer.{i}."
_NORM_EPS = 1e-12  # their code's constant; their configuration has no key for it

ENCODER: tuple[Rule, ...] = (
    Drop("embeddings.position_ids", "a constant that older files hold: 0, 1, 2, ..."),
    Rename("embeddings.word_embeddings.weight", "embeddings.word.weight"),
    Rename("embeddings.position_embeddings.weight", "embeddings.position.weight"),
    Rename("embeddings.LayerNorm.{part}", "embeddings.norm.{part}"),
    Concat(
        tuple(f"{_LAYER}attention.{name}_lin.{{part}}" for name in ("q", "k", "v")),
        "layers.{i}.attention.qkv.{part}",
    ),
    Rename(_LAYER + "attention.out_lin.{part}", "layers.{i}.attention.output.{part}"),
    Rename(_LAYER + "sa_layer_norm.{part}", "layers.{i}.attention_norm_after.{part}"),
    Rename(_LAYER + "ffn.lin1.{part}", "layers.{i}.feedforward.inner.{part}"),
    Rename(_LAYER + "ffn.lin2.{part}", "layers.{i}.feedforward.outer.{part}"),
    Rename(_LAYER + "output_layer_norm.{part}", "layers.{i}.feedforward_norm_after.{part}"),
)

CLASSIFIER: tuple[Rule, ...] = (
    *under(ENCODER, "distilbert.", "backbone."),
    Rename("pre_classifier.{part}", "head.hidden.{part}"),
    Rename("classifier.{part}", "head.classifier.{part}"),
)

MASKED_LANGUAGE: tuple[Rule, ...] = (
    Tie("vocab_projector.weight", "distilbert.embeddings.word_embeddings.weight"),
    *under(ENCODER, "distilbert.", "backbone."),
    Rename("vocab_transform.{part}", "masked.dense.{part}"),
    Rename("vocab_layer_norm.{part}", "masked.norm.{part}"),
    Rename("vocab_projector.bias", "masked.bias"),
)

READER: tuple[Rule, ...] = (
    *under(ENCODER, "distilbert.", "backbone."),
    Rename("qa_outputs.{part}", "head.classifier.{part}"),
)

_OTHER_HEADS: tuple[Rule, ...] = (
    Drop("qa_outputs.{part}", "a head for questions, not part of the encoder"),
    Drop("vocab_{rest}", "a pretraining head, not part of the encoder"),
    Drop("pre_classifier.{part}", "a classification head, not part of the encoder"),
    Drop("classifier.{part}", "a classification head, not part of the encoder"),
)

_KEYS = ConfigKeys(
    same={
        "vocab_size": "vocab_size",
        "dim": "d_model",
        "hidden_dim": "d_ff",
        "n_heads": "num_heads",
        "n_layers": "num_layers",
        "max_position_embeddings": "max_positions",
        "dropout": "dropout",
        "attention_dropout": "attention_dropout",
    },
    activation="activation",
    constants={
        "model_type": ("distilbert",),
        "is_decoder": (False,),
        "is_encoder_decoder": (False,),
        "add_cross_attention": (False,),
        "pruned_heads": ({}, None),
        "quantization_config": (None,),
    },
    defaults={
        "vocab_size": 30522,
        "dim": 768,
        "hidden_dim": 3072,
        "n_heads": 12,
        "n_layers": 6,
        "activation": "gelu",
    },
    no_mathematics=frozenset(
        """
        qa_dropout seq_classif_dropout sinusoidal_pos_embds tie_weights_
        """.split()  # how the positions were first set; their values are in the file like any other's
    ),
    remedy="Only the published DistilBERT is implemented; use weights of that model.",
)


def rules_for(names: Iterable[str], *, classifier: bool) -> tuple[Rule, ...]:
    """Return the table for a file with tensors of these names: for a classifier, or for its encoder alone."""
    if classifier:
        return CLASSIFIER
    prefixed = any(name.startswith("distilbert.") for name in names)
    return (*under(ENCODER, "distilbert." if prefixed else "", ""), *_OTHER_HEADS)


def read_config(theirs: Mapping[str, Any], *, where: str = "config.json") -> DistilBertConfig:
    """Translate transformers' configuration; raises WeightsError on a key or value that we cannot honour."""
    return DistilBertConfig(**_KEYS.read(theirs, where), norm_eps=_NORM_EPS)


def write_config(config: DistilBertConfig) -> dict[str, Any]:
    """Translate our configuration to transformers'; raises WeightsError where theirs cannot say the same."""
    if config.norm_eps != _NORM_EPS:
        raise WeightsError(
            f"norm_eps is {config.norm_eps:g}, and the published DistilBERT's is always {_NORM_EPS:g}",
            where="norm_eps",
            remedy=f"Make the model with norm_eps {_NORM_EPS:g}.",
        )
    return {"model_type": "distilbert", **_KEYS.write(config.to_dict())}


def read_head_dropout(theirs: Mapping[str, Any]) -> float:
    """Return the dropout of the classification head."""
    dropout: float = theirs.get(HEAD_DROPOUT, 0.2)
    return dropout
