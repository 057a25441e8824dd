"""BERT as Google published it (github.com/google-research/bert): `bert_config.json` and a TensorFlow checkpoint.

The configuration has the keys of Hugging Face's; only the tensors differ. "gelu" in it is x Phi(x), as when the models
were trained and as transformers reads it; Google's later code approximates it with tanh.
"""

from collections.abc import Iterable

from headway.weights.rules import Concat, Drop, Rename, Rule, Transpose, under

_LAYER = "encoder/layer_{i}/"
_ATTENTION = tuple(f"{_LAYER}attention/self/{name}/" for name in ("query", "key", "value"))


def _norm(theirs: str, ours: str) -> tuple[Rule, ...]:
    return (
        Rename(f"{theirs}/LayerNorm/gamma", f"{ours}.weight"),
        Rename(f"{theirs}/LayerNorm/beta", f"{ours}.bias"),
    )


def _dense(theirs: str, ours: str) -> tuple[Rule, ...]:
    """A layer whose kernel is stored as [in, out]."""
    return (
        Transpose(Rename(f"{theirs}/dense/kernel", f"{ours}.weight")),
        Rename(f"{theirs}/dense/bias", f"{ours}.bias"),
    )


_BODY: tuple[Rule, ...] = (
    Rename("embeddings/word_embeddings", "embeddings.word.weight"),
    Rename("embeddings/position_embeddings", "embeddings.position.weight"),
    Rename("embeddings/token_type_embeddings", "embeddings.segment.weight"),
    *_norm("embeddings", "embeddings.norm"),
    Transpose(Concat(tuple(part + "kernel" for part in _ATTENTION), "layers.{i}.attention.qkv.weight")),
    Concat(tuple(part + "bias" for part in _ATTENTION), "layers.{i}.attention.qkv.bias"),
    *_dense(_LAYER + "attention/output", "layers.{i}.attention.output"),
    *_norm(_LAYER + "attention/output", "layers.{i}.attention_norm_after"),
    *_dense(_LAYER + "intermediate", "layers.{i}.feedforward.inner"),
    *_dense(_LAYER + "output", "layers.{i}.feedforward.outer"),
    *_norm(_LAYER + "output", "layers.{i}.feedforward_norm_after"),
    *_dense("pooler", "pooler"),
)

_TRAINING: tuple[Rule, ...] = (
    Drop("global_step", "the count of training steps"),
    Drop("{rest}/adam_m", "the optimizer's state"),
    Drop("{rest}/adam_v", "the optimizer's state"),
)

_MASKED: tuple[Rule, ...] = (
    *_dense("cls/predictions/transform", "masked.dense"),
    *_norm("cls/predictions/transform", "masked.norm"),
    Rename("cls/predictions/output_bias", "masked.bias"),
)

PRETRAINING: tuple[Rule, ...] = (
    *_TRAINING,
    *under(_BODY, "bert/", "backbone."),
    *_MASKED,
    Rename("cls/seq_relationship/output_weights", "next_sentence.weight"),  # [2, D]: not transposed
    Rename("cls/seq_relationship/output_bias", "next_sentence.bias"),
)

MASKED_LANGUAGE: tuple[Rule, ...] = (
    *_TRAINING,
    *under(_BODY, "bert/", "backbone."),
    *_MASKED,
    Drop("cls/seq_relationship/{rest}", "the next-sentence head, not part of this model"),
)

ENCODER: tuple[Rule, ...] = (
    *_TRAINING,
    *under(_BODY, "bert/", ""),
    Drop("cls/{rest}", "a pretraining head, not part of the encoder"),
    Drop("output_weights", "a classification head, not part of the encoder"),
    Drop("output_bias", "a classification head, not part of the encoder"),
)


def rules_for(names: Iterable[str], *, classifier: bool) -> tuple[Rule, ...]:
    """Return the table of the encoder; Google's classifiers come without their labels and are not read as such."""
    assert not classifier
    return ENCODER
