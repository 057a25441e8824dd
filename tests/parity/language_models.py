"""What the parity tests of GPT and GPT-2 share: texts, precision, a reference's greedy and beam ids."""

from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from headway.blocks.attention import SelfAttention
from headway.weights.convert import to_ours
from headway.weights.formats import layout
from headway.weights.pretrained import architecture_of, load_encoder
from headway.weights.read import read_tensors

VOCAB = 97
LENGTHS = (7, 24, 1, 7, 12, 3)
PROMPTS = (7, 1, 7, 12, 3)
PRECISION = {torch.float64: 1e-10, torch.float32: 1e-5}
TEXTS = [
    "Hello world, it's a truth universally acknowledged.",
    "UPPER Case, naïve café, Ångström, Ünïcödé straße İstanbul ǅ ﬁne",
    "e\u0301 combining, soft\u00adhyphen, zero\u200bwidth, nbsp\u00a0here, \u202eright to left",
    "tabs\tand\nnewlines\r\nand\x00control\x07characters\ufffd\x1f\x7f",
    "한국어 문장입니다. 띄어쓰기 中文没有空格，日本語も。カタカナ ｶﾞ",
    "emoji 😀👩‍👩‍👧‍👦🇰🇷 ✌🏽 and symbols ©™§±≠→",
    "punctuation!!! ... --- 'quotes' “curly” (a[b]{c}) $5.99 100% a@b.c #tag_under_score",
    "a <|endoftext|> special <unk> token</w> in the text",
    "العربية עברית हिन्दी ไทย ελληνικά русский",
    "I'll we've they'd isn't 12345 3.14  two  spaces   and a tail   ",
    "Donaudampfschifffahrtsgesellschaftskapitänsmütze" * 5,
    "",
    "   \n ",
]


def texts(lengths: tuple[int, ...] = LENGTHS, vocab_size: int = VOCAB) -> list[np.ndarray]:
    """Token ids of ragged lengths."""
    random = np.random.default_rng(0)
    return [random.integers(0, vocab_size, length) for length in lengths]


def padded(ids: list[np.ndarray], *, left: bool = False) -> dict[str, Tensor]:
    """The rows as a rectangle with a mask, as transformers takes them."""
    longest = max(map(len, ids))
    rectangle, mask = np.zeros((2, len(ids), longest), np.int64)
    for place, row in enumerate(ids):
        at = slice(longest - len(row), None) if left else slice(None, len(row))
        rectangle[place, at], mask[place, at] = row, 1
    return {"input_ids": torch.from_numpy(rectangle), "attention_mask": torch.from_numpy(mask)}


def packed(rectangle: Tensor, lengths: tuple[int, ...] = LENGTHS) -> Tensor:
    """The real tokens of a rectangle, end to end."""
    return torch.cat([row[:length] for row, length in zip(rectangle, lengths, strict=True)])


def close(found: Tensor, wanted: Tensor) -> None:
    """Equal up to the precision of the type, as a share of the largest magnitude."""
    assert found.dtype == wanted.dtype
    assert (found - wanted).abs().max() <= PRECISION[wanted.dtype] * wanted.abs().max()


def load(folder: Path, reference: Any, dtype: torch.dtype = torch.float64) -> Any:
    """Save a reference in float64 and load it as ours, in the wanted type."""
    reference.save_pretrained(folder)
    ours, conversion = load_encoder(folder)
    assert conversion.fresh == ()
    model = cast("Any", ours).to(torch.float64)
    theirs = read_tensors(folder / "model.safetensors")
    tensors = to_ours(
        theirs,
        layout(architecture_of(ours)).rules_for(theirs, classifier=False),
        {name: value.shape for name, value in model.state_dict().items()},
    ).tensors
    model.load_state_dict(tensors)  # in float64: `load_encoder` fills a float32 model
    return model.to(dtype)


def set_fused(model: Any, fused: bool) -> None:
    """Choose the attention path."""
    for module in model.modules():
        if isinstance(module, SelfAttention):
            module.fused = fused


def up_to(row: list[int], stop: int | None) -> list[int]:
    """The ids before the first stop."""
    return row[: row.index(stop)] if stop in row else row
