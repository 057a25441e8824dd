"""GPT-2 in Hugging Face's layout: `config.json` and the tensors of `GPT2Model`, `GPT2LMHeadModel` and
`GPT2ForSequenceClassification`. What was published has the names of `GPT2Model`, and each layer's mask beside them.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from headway.core.errors import WeightsError
from headway.models.gpt2 import Gpt2Config
from headway.weights.config_keys import ConfigKeys
from headway.weights.rules import Drop, Rename, Rule, Tie, Transpose, under

ENCODER_CLASS = "GPT2Model"
CLASSIFIER_CLASS = "GPT2ForSequenceClassification"
LANGUAGE_CLASS = "GPT2LMHeadModel"
HEAD_DROPOUT = "summary_first_dropout"
OPENED_BY = {"encoder": "AutoModel", "classifier": "AutoModelForSequenceClassification"}

_LAYER = "h.{i}."

# {part} is weight or bias. Their matrices inside the layers are [in, out] (`Conv1D`).
ENCODER: tuple[Rule, ...] = (
    Drop(_LAYER + "attn.bias", "a constant that older files hold: the causal mask"),
    Drop(_LAYER + "attn.masked_bias", "a constant that older files hold: the score of what is masked"),
    Rename("wte.weight", "embeddings.word.weight"),
    Rename("wpe.weight", "embeddings.position.weight"),
    Rename(_LAYER + "ln_1.{part}", "layers.{i}.attention_norm_before.{part}"),
    Transpose(Rename(_LAYER + "attn.c_attn.{part}", "layers.{i}.attention.qkv.{part}")),
    Transpose(Rename(_LAYER + "attn.c_proj.{part}", "layers.{i}.attention.output.{part}")),
    Rename(_LAYER + "ln_2.{part}", "layers.{i}.feedforward_norm_before.{part}"),
    Transpose(Rename(_LAYER + "mlp.c_fc.{part}", "layers.{i}.feedforward.inner.{part}")),
    Transpose(Rename(_LAYER + "mlp.c_proj.{part}", "layers.{i}.feedforward.outer.{part}")),
    Rename("ln_f.{part}", "norm.{part}"),
)

LANGUAGE: tuple[Rule, ...] = (
    Tie("lm_head.weight", "transformer.wte.weight"),
    *under(ENCODER, "transformer.", ""),
)

CLASSIFIER: tuple[Rule, ...] = (
    *under(ENCODER, "transformer.", "backbone."),
    Rename("score.weight", "head.classifier.weight"),
)

_OTHER_HEADS: tuple[Rule, ...] = (
    Drop("score.weight", "a classification head, not part of the language model"),
    Drop("multiple_choice_head.{rest}", "a head that chooses an answer, not part of the language model"),
)

_KEYS = ConfigKeys(
    same={
        "vocab_size": "vocab_size",
        "n_embd": "d_model",
        "n_inner": "d_ff",
        "n_head": "num_heads",
        "n_layer": "num_layers",
        "n_positions": "max_positions",
        "resid_pdrop": "dropout",
        "embd_pdrop": "embedding_dropout",
        "attn_pdrop": "attention_dropout",
        "layer_norm_epsilon": "norm_eps",
    },
    activation="activation_function",
    constants={
        "model_type": ("gpt2",),
        "scale_attn_weights": (True,),
        "scale_attn_by_inverse_layer_idx": (False,),
        "reorder_and_upcast_attn": (False, True),  # the order of two products; the same number
        "add_cross_attention": (False,),
        "is_decoder": (False, True),  # causal either way
        "is_encoder_decoder": (False,),
        "tie_word_embeddings": (True,),
        "pruned_heads": ({}, None),
        "quantization_config": (None,),
    },
    defaults={
        "vocab_size": 50257,
        "n_embd": 768,
        "n_head": 12,
        "n_layer": 12,
        "n_positions": 1024,
        "activation_function": "gelu_new",
    },
    no_mathematics=frozenset(
        """
        n_ctx summary_activation summary_first_dropout summary_proj_to_labels summary_type summary_use_proj
        """.split()
    ),
    remedy="Only the published GPT-2 is implemented; use weights of that model.",
)


def rules_for(names: Iterable[str], *, classifier: bool) -> tuple[Rule, ...]:
    """Return the table for a file with tensors of these names: for a classifier, or for the language model alone."""
    if classifier:
        return CLASSIFIER
    prefix = "transformer." if any(name.startswith("transformer.") for name in names) else ""
    return (Tie("lm_head.weight", prefix + "wte.weight"), *under(ENCODER, prefix, ""), *_OTHER_HEADS)


def read_config(theirs: Mapping[str, Any], *, where: str = "config.json") -> Gpt2Config:
    """Translate transformers' configuration; raises WeightsError on a key or value that we cannot honour."""
    values = {**theirs}
    if values.get("n_inner") is None:
        values["n_inner"] = 4 * values.get("n_embd", 768)
    return Gpt2Config(**_KEYS.read(values, where))


def write_config(config: Gpt2Config) -> dict[str, Any]:
    """Translate our configuration to transformers'; raises WeightsError where theirs cannot say the same."""
    if config.band is not None:
        raise WeightsError(
            "transformers' GPT-2 has no banded attention, and would compute something else with these weights",
            where="band",
            remedy="Make the model without a band to save it in this layout.",
        )
    return {"model_type": "gpt2", **_KEYS.write(config.to_dict())}


def read_head_dropout(theirs: Mapping[str, Any]) -> float:
    """Return the dropout of the classification head."""
    dropout: float = theirs.get(HEAD_DROPOUT, 0.1)
    return dropout
