"""The sizes that the papers of the encoder-decoders state."""

from typing import Any

import pytest
import torch

from headway.blocks.ragged import Tokens
from headway.models.t5 import T5, T5_SIZES, T5Config
from headway.models.transformer import TRANSFORMER_SIZES, Transformer, TransformerConfig


def _count(**sizes: Any) -> int:
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in Transformer(TransformerConfig(**sizes)).parameters())


@pytest.mark.parametrize(
    ("changed", "millions"),
    [
        ({}, 65),
        ({"num_layers": 2}, 36),
        ({"num_layers": 4}, 50),
        ({"num_layers": 8}, 80),
        ({"d_model": 256}, 28),
        ({"d_model": 1024}, 168),
        ({"d_ff": 1024}, 53),
        ({"d_ff": 4096}, 90),
    ],
)
def test_table_3_of_the_paper(changed: dict[str, int], millions: int) -> None:
    """One vocabulary makes the counts of base and of all its rows (C): between 41,004 and 41,208 entries.

    Section 5.1 states about 37,000, which would make 63 M and, for the big model, 214 M.
    """
    base = dict(TRANSFORMER_SIZES["base"]) | changed
    for vocab_size in (41_004, 41_208):
        assert round(_count(vocab_size=vocab_size, **base) / 1e6) == millions


def test_the_big_model_of_table_3() -> None:
    """213 M come from 35,368 to 36,344 entries."""
    big = TRANSFORMER_SIZES["big"]
    assert [round(_count(vocab_size=V, **big) / 1e6, 1) for V in (35_368, 36_344, 37_000)] == [
        212.5,
        213.5,
        214.2,
    ]
    assert _count(vocab_size=37_000, **TRANSFORMER_SIZES["base"]) == 63_045_632


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("t5-small", 60_506_624),
        ("t5-base", 222_903_552),
        ("t5-large", 737_668_096),
        ("t5-3b", 2_851_598_336),
        ("t5-11b", 11_307_321_344),
        ("flan-t5-small", 76_961_152),
        ("flan-t5-base", 247_577_856),
        ("flan-t5-large", 783_150_080),
        ("flan-t5-xl", 2_849_757_184),
        ("flan-t5-xxl", 11_135_332_352),
    ],
)
def test_the_published_t5s(name: str, parameters: int) -> None:
    with torch.device("meta"):
        model = T5(T5Config(**T5_SIZES[name]))
    assert sum(parameter.numel() for parameter in model.parameters()) == parameters


def test_fresh_weights_make_vectors_of_size_one_and_logits_that_say_little() -> None:
    torch.manual_seed(0)
    sizes = {"d_model": 64, "d_ff": 128, "num_heads": 4, "num_layers": 2}
    tokens = Tokens(torch.arange(40), Tokens.pack([torch.arange(20).numpy()] * 2).lengths)
    transformer = Transformer(TransformerConfig(vocab_size=40, **sizes)).eval()
    forms: list[dict[str, Any]] = [{}, {"gated": True, "activation": "gelu_tanh", "tied_head": False}]
    t5s = [
        T5(T5Config(vocab_size=40, d_kv=16, num_decoder_layers=2, **sizes, **form)).eval() for form in forms
    ]
    for model in (transformer, *t5s):
        assert model.encode(tokens).values.square().mean().item() == pytest.approx(1, rel=0.1)
        assert model.logits(tokens, tokens).std().item() < 2
