"""T5 in Hugging Face's layout: `config.json` and the tensors of `T5ForConditionalGeneration` (which is what was
published, in the first form and in version 1.1), of `T5EncoderModel`, and of `T5ForTokenClassification`.

Our classifier reads the mean of the encoder's vectors. Its head is linear, so its logits are the mean over the tokens
of those that `T5ForTokenClassification` gives.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from headway.core.errors import WeightsError
from headway.models.t5 import T5Config
from headway.weights.config_keys import ConfigKeys
from headway.weights.rules import Concat, Drop, Rename, Rule, Tie, under

ENCODER_CLASS = "T5EncoderModel"
CLASSIFIER_CLASS = "T5ForTokenClassification"
ENCODER_DECODER_CLASS = "T5ForConditionalGeneration"
HEAD_DROPOUT = "classifier_dropout"
OPENED_BY = {
    "encoder": "T5EncoderModel",
    "classifier": "AutoModelForTokenClassification, by the mean over the tokens",
}

_NORM = "layer_norm.weight"


def _attention(block: str, layer: str) -> tuple[Rule, ...]:
    """Return the rules of self-attention."""
    theirs = block + "0.SelfAttention."
    return (
        Concat(tuple(f"{theirs}{name}.weight" for name in "qkv"), layer + "attention.qkv.weight"),
        Rename(theirs + "o.weight", layer + "attention.output.weight"),
        Rename(f"{block}0.{_NORM}", layer + "attention_norm_before.weight"),
    )


def _feedforward(block: str, layer: str) -> tuple[Rule, ...]:
    """Return the rules of the feed-forward network, plain or gated."""
    return (
        Rename(block + "DenseReluDense.wi.weight", layer + "feedforward.inner.weight"),
        Rename(block + "DenseReluDense.wi_0.weight", layer + "feedforward.gate.weight"),
        Rename(block + "DenseReluDense.wi_1.weight", layer + "feedforward.value.weight"),
        Rename(block + "DenseReluDense.wo.weight", layer + "feedforward.outer.weight"),
        Rename(block + _NORM, layer + "feedforward_norm_before.weight"),
    )


_RELATIVE = "block.0.layer.0.SelfAttention.relative_attention_bias.weight"
_ENCODER_BLOCK = "encoder.block.{i}.layer."
_DECODER_BLOCK = "decoder.block.{i}.layer."
_CROSS = _DECODER_BLOCK + "1.EncDecAttention."

# Torch's Linear is [out, in] on both sides: nothing is transposed.
ENCODER: tuple[Rule, ...] = (
    Tie("encoder.embed_tokens.weight", "shared.weight"),
    Rename("shared.weight", "embeddings.word.weight"),
    Rename("encoder." + _RELATIVE, "relative.table.weight"),
    *_attention(_ENCODER_BLOCK, "layers.{i}."),
    *_feedforward(_ENCODER_BLOCK + "1.", "layers.{i}."),
    Rename("encoder.final_layer_norm.weight", "norm.weight"),
)

_DECODER: tuple[Rule, ...] = (
    Tie("decoder.embed_tokens.weight", "shared.weight"),
    Drop(
        "decoder." + _RELATIVE.replace("layer.0.SelfAttention", "layer.1.EncDecAttention"),
        "older files hold it, but cross-attention has no positions",
    ),
    Rename("decoder." + _RELATIVE, "decoder.relative.table.weight"),
    *_attention(_DECODER_BLOCK, "decoder.layers.{i}."),
    Rename(_CROSS + "q.weight", "decoder.layers.{i}.cross.query.weight"),
    Concat((_CROSS + "k.weight", _CROSS + "v.weight"), "decoder.layers.{i}.cross.memory.weight"),
    Rename(_CROSS + "o.weight", "decoder.layers.{i}.cross.output.weight"),
    Rename(f"{_DECODER_BLOCK}1.{_NORM}", "decoder.layers.{i}.cross_norm_before.weight"),
    *_feedforward(_DECODER_BLOCK + "2.", "decoder.layers.{i}."),
    Rename("decoder.final_layer_norm.weight", "decoder.norm.weight"),
)

CLASSIFIER: tuple[Rule, ...] = (
    *under(ENCODER, "transformer.", "backbone."),
    Rename("classifier.{part}", "head.classifier.{part}"),
)

_OTHER_PARTS: tuple[Rule, ...] = (
    Drop("decoder.{rest}", "the decoder, not part of the encoder"),
    Drop("lm_head.weight", "the decoder's head, not part of the encoder"),
    Drop("classifier.{part}", "a classification head, not part of the encoder"),
)

_KEYS = ConfigKeys(
    same={
        "vocab_size": "vocab_size",
        "d_model": "d_model",
        "d_ff": "d_ff",
        "d_kv": "d_kv",
        "num_heads": "num_heads",
        "num_layers": "num_layers",
        "num_decoder_layers": "num_decoder_layers",
        "relative_attention_num_buckets": "num_buckets",
        "relative_attention_max_distance": "max_distance",
        "dropout_rate": "dropout",
        "layer_norm_epsilon": "norm_eps",
    },
    activation="feed_forward_proj",
    activations={"relu": "relu", "gated-gelu": "gelu_tanh"},
    constants={
        "model_type": ("t5",),
        "is_encoder_decoder": (True, False),  # False in a file of the encoder alone
        "is_decoder": (False,),
        "scale_decoder_outputs": (True, False),  # read below, with the two after it
        "dense_act_fn": ("relu", "gelu_new"),
        "is_gated_act": (False, True),
        "pruned_heads": ({}, None),
        "quantization_config": (None,),
    },
    defaults={
        "vocab_size": 32128,
        "d_model": 512,
        "d_ff": 2048,
        "num_heads": 8,
        "num_layers": 6,
        "feed_forward_proj": "relu",
    },
    no_mathematics=frozenset("classifier_dropout initializer_factor n_positions".split()),
    remedy="Only the published T5, version 1.1 and Flan-T5 are implemented; use weights of these models.",
)
_GATED = {"dense_act_fn": "gelu_new", "is_gated_act": True}
_PLAIN = {"dense_act_fn": "relu", "is_gated_act": False}


def rules_for(names: Iterable[str], *, classifier: bool) -> tuple[Rule, ...]:
    """Return the table for a file with tensors of these names: for a classifier, or for its encoder alone."""
    if classifier:
        return CLASSIFIER
    prefixed = any(name.startswith("transformer.") for name in names)
    return (*under(ENCODER, "transformer." if prefixed else "", ""), *_OTHER_PARTS)


def encoder_decoder_rules(config: T5Config) -> tuple[Rule, ...]:
    """Return the table of encoder, decoder and head; the head is the word embeddings again, or has its own weights."""
    head: Rule = Rename("lm_head.weight", "head.weight")
    if config.tied_head:
        head = Tie("lm_head.weight", "shared.weight")
    decoder_first = (head, *_DECODER)  # its ties name what the encoder's rules read
    return (*decoder_first, *under(ENCODER, "", "encoder."))


def read_config(theirs: Mapping[str, Any], *, where: str = "config.json") -> T5Config:
    """Translate transformers' configuration; raises WeightsError on a key or value that we cannot honour.

    A `tie_word_embeddings` of false is how version 1.1 says that its head is its own and the logits are not scaled;
    transformers 5 writes it as `scale_decoder_outputs`, and true for the other in any case.
    """
    values = dict(theirs)
    if values.get("num_decoder_layers") is None:
        values["num_decoder_layers"] = values.get("num_layers", _KEYS.defaults["num_layers"])
    ours = _KEYS.read(values, where)
    gated = ours["activation"] == "gelu_tanh"
    for key, meant in (_GATED if gated else _PLAIN).items():
        if values.get(key, meant) != meant:
            raise WeightsError(
                f"{key} is {values[key]!r}, but feed_forward_proj means {meant!r}",
                where=where,
                remedy=_KEYS.remedy,
            )
    tied = values.get("tie_word_embeddings", True) is not False
    return T5Config(**ours, gated=gated, tied_head=tied and values.get("scale_decoder_outputs", True))


def write_config(config: T5Config) -> dict[str, Any]:
    """Translate our configuration to transformers'; raises WeightsError where theirs cannot say the same."""
    if (config.activation, config.gated) not in (("relu", False), ("gelu_tanh", True)):
        raise WeightsError(
            f"activation {config.activation!r} with gated {config.gated} is in no published T5",
            where="config",
            remedy="Make the model with relu, not gated, or with gelu_tanh, gated.",
        )
    return {
        "model_type": "t5",
        **_KEYS.write(config.to_dict()),
        "tie_word_embeddings": config.tied_head,
        "is_encoder_decoder": True,
        "pad_token_id": 0,
        "decoder_start_token_id": 0,
        "eos_token_id": 1,
    }


def read_head_dropout(theirs: Mapping[str, Any]) -> float:
    """Return the dropout of the classification head."""
    dropout: float = theirs.get(HEAD_DROPOUT, 0.0)
    return dropout
