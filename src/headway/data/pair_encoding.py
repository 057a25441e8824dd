"""Pairs of texts as ids: one sequence, the second text after the first."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from headway.core.errors import UsageError
from headway.data.tokenizers import Encoded, Tokenizer

if TYPE_CHECKING:
    from headway.data.characters import CharacterTokenizer
    from headway.data.sentencepiece import SentencePieceTokenizer


def encode_pairs(
    reader: "Tokenizer | SentencePieceTokenizer | CharacterTokenizer",
    pairs: Sequence[tuple[str, str]],
    max_tokens: int,
) -> Encoded:
    """Turn pairs into ids: as the tokenizer's own form has it ([CLS] a [SEP] b [SEP]), else with a delimiter between.

    The delimiter is what stands for no text (`nothing`): the token that ends a text (Radford et al. 2018, section 3.3).
    A pair of more than ``max_tokens`` is counted as cut, and loses the end of the longer text, or of both. Raises
    UsageError when max_tokens leaves no room, DataError on a text that is no Unicode.
    """
    if isinstance(reader, Tokenizer) and reader.joins_pairs:
        return reader.encode_pairs(pairs, max_tokens)
    between = reader.nothing
    room = max_tokens - len(between)
    if room < 2:
        raise UsageError(
            f"max_tokens must be at least {2 + len(between)}, found {max_tokens}", where="max_tokens"
        )
    sides = [reader.encode([pair[side] for pair in pairs], max_tokens) for side in (0, 1)]
    rows, cut = [], 0
    for first, second in zip(*(side.ids for side in sides), strict=True):
        kept = _longest_first(len(first), len(second), room)
        cut += kept != (len(first), len(second))
        rows.append(np.concatenate([first[: kept[0]], between, second[: kept[1]]]))
    return Encoded(rows, cut)


def _longest_first(first: int, second: int, room: int) -> tuple[int, int]:
    """Return how many tokens of each text are kept, when the longer one always loses the next."""
    if first + second <= room:
        return first, second
    shorter = min(first, second, room // 2)
    return (room - shorter, shorter) if first >= second else (shorter, room - shorter)
