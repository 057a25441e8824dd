"""GPT in Hugging Face's layout: `config.json` and the tensors of `OpenAIGPTModel`, `OpenAIGPTLMHeadModel` and
`OpenAIGPTForSequenceClassification`. What was published has the names of `OpenAIGPTModel`, and each layer's mask.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from headway.core.errors import WeightsError
from headway.models.gpt import GptConfig
from headway.weights.config_keys import ConfigKeys
from headway.weights.rules import Drop, Rename, Rule, Tie, Transpose, under

ENCODER_CLASS = "OpenAIGPTModel"
CLASSIFIER_CLASS = "OpenAIGPTForSequenceClassification"
LANGUAGE_CLASS = "OpenAIGPTLMHeadModel"
HEAD_DROPOUT = "summary_first_dropout"
OPENED_BY = {"encoder": "AutoModel", "classifier": "AutoModelForSequenceClassification"}

_LAYER = "h.{i}."

# {part} is weight or bias. Their matrices inside the layers are [in, out] (`Conv1D`).
ENCODER: tuple[Rule, ...] = (
    Drop("position_ids", "a constant that older files hold: 0, 1, 2, ..."),
    Drop(_LAYER + "attn.bias", "a constant that older files hold: the causal mask"),
    Rename("tokens_embed.weight", "embeddings.word.weight"),
    Rename("positions_embed.weight", "embeddings.position.weight"),
    Transpose(Rename(_LAYER + "attn.c_attn.{part}", "layers.{i}.attention.qkv.{part}")),
    Transpose(Rename(_LAYER + "attn.c_proj.{part}", "layers.{i}.attention.output.{part}")),
    Rename(_LAYER + "ln_1.{part}", "layers.{i}.attention_norm_after.{part}"),
    Transpose(Rename(_LAYER + "mlp.c_fc.{part}", "layers.{i}.feedforward.inner.{part}")),
    Transpose(Rename(_LAYER + "mlp.c_proj.{part}", "layers.{i}.feedforward.outer.{part}")),
    Rename(_LAYER + "ln_2.{part}", "layers.{i}.feedforward_norm_after.{part}"),
)

LANGUAGE: tuple[Rule, ...] = (
    Tie("lm_head.weight", "transformer.tokens_embed.weight"),
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
        "n_head": "num_heads",
        "n_layer": "num_layers",
        "n_positions": "max_positions",
        "resid_pdrop": "dropout",
        "embd_pdrop": "embedding_dropout",
        "attn_pdrop": "attention_dropout",
        "layer_norm_epsilon": "norm_eps",
    },
    activation="afn",
    activations={"gelu": "gelu_tanh", "relu": "relu"},  # their "gelu" is the tanh form
    constants={
        "model_type": ("openai-gpt",),
        "is_decoder": (False, True),  # causal either way
        "is_encoder_decoder": (False,),
        "add_cross_attention": (False,),
        "tie_word_embeddings": (True,),
        "pruned_heads": ({}, None),
        "quantization_config": (None,),
    },
    defaults={
        "vocab_size": 40478,
        "n_embd": 768,
        "n_head": 12,
        "n_layer": 12,
        "n_positions": 512,
        "afn": "gelu",
    },
    no_mathematics=frozenset(
        """
        n_ctx n_special predict_special_tokens summary_activation summary_first_dropout summary_proj_to_labels
        summary_type summary_use_proj
        """.split()
    ),
    remedy="Only the published GPT is implemented; use weights of that model.",
)


def rules_for(names: Iterable[str], *, classifier: bool) -> tuple[Rule, ...]:
    """Return the table for a file with tensors of these names: for a classifier, or for the language model alone."""
    if classifier:
        return CLASSIFIER
    prefix = "transformer." if any(name.startswith("transformer.") for name in names) else ""
    return (Tie("lm_head.weight", prefix + "tokens_embed.weight"), *under(ENCODER, prefix, ""), *_OTHER_HEADS)


def read_config(theirs: Mapping[str, Any], *, where: str = "config.json") -> GptConfig:
    """Translate transformers' configuration; raises WeightsError on a key or value that we cannot honour."""
    values = _KEYS.read(theirs, where)
    return GptConfig(**values, d_ff=4 * values["d_model"])  # their code's constant


def write_config(config: GptConfig) -> dict[str, Any]:
    """Translate our configuration to transformers'; raises WeightsError where theirs cannot say the same."""
    if config.d_ff != 4 * config.d_model:
        raise WeightsError(
            f"d_ff is {config.d_ff}, and the published GPT's is always 4 times d_model {config.d_model}",
            where="d_ff",
            remedy=f"Make the model with d_ff {4 * config.d_model}.",
        )
    return {"model_type": "openai-gpt", **_KEYS.write(config.to_dict())}


def read_head_dropout(theirs: Mapping[str, Any]) -> float:
    """Return the dropout of the classification head."""
    dropout: float = theirs.get(HEAD_DROPOUT, 0.1)
    return dropout
