"""The next-sentence objective of BERT (Devlin et al. 2019, sections 3.1 and A.2), together with the masked tokens.

A "sentence" is a span of running text. The model reads [CLS] first [SEP] second [SEP]; in half of the pairs the second
span follows the first in its document, in the others it stands somewhere else. The loss is the sum of the two means.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from headway.core.errors import DataError
from headway.models.pretraining_heads import BertPretraining
from headway.tasks import masked_language
from headway.tasks.masked_language import Masked

SHORT = 0.1  # of the pairs are made shorter than they could be, as texts in use are
FRAME = 3  # [CLS] and two [SEP]

Document = Sequence[np.ndarray]  # its lines, each as token ids without special tokens, none of them empty


@dataclass(frozen=True, eq=False)
class Pair:
    """Two spans of token ids, without special tokens, and whether the second follows the first."""

    first: np.ndarray
    second: np.ndarray
    follows: bool

    def framed(self, cls: int, sep: int) -> tuple[np.ndarray, np.ndarray]:
        """Return [CLS] first [SEP] second [SEP] and its segment ids: 0 up to the first [SEP], then 1."""
        ids = np.concatenate([[cls], self.first, [sep], self.second, [sep]])
        return ids, (np.arange(len(ids)) > len(self.first) + 1).astype(np.int64)


def pairs(
    documents: Sequence[Document], max_tokens: int, random: np.random.Generator, short: float = SHORT
) -> Iterator[Pair]:
    """Go through all documents once and yield pairs of at most ``max_tokens`` tokens, special ones included.

    Lines are gathered, two where there are two, until they fill a pair, and are parted at one of their ends. Where the
    second span is to stand elsewhere, it is taken from lines outside these, and those not used begin the next pair.
    Raises DataError when there are fewer than two lines: nothing would stand elsewhere.
    """
    assert max_tokens >= FRAME + 2
    lines = [line for document in documents for line in document]
    if len(lines) < 2:
        raise DataError(f"has {len(lines)} lines; next-sentence pairs need at least two", where="the corpus")
    lasts = np.repeat(np.cumsum([len(document) for document in documents]), [len(d) for d in documents])
    start = 0
    while start < len(lines):
        room = max_tokens - FRAME
        if random.random() < short:
            room = int(random.integers(2, room, endpoint=True))
        end = _filled(lines, start, lasts[start], room)
        if end == start + 1:  # one line fills it; the next may follow all the same
            end = min(end + 1, int(lasts[start]))
        middle = int(random.integers(start + 1, max(end, start + 2)))
        everything = end - start == len(lines)
        follows = middle < end and (everything or bool(random.random() < 0.5))
        first = np.concatenate(lines[start:middle])
        if follows:
            second = np.concatenate(lines[middle:end])
        else:
            place = int(random.integers(len(lines) - (end - start)))  # of the lines outside
            place, bound = (place, start) if place < start else (place + end - start, len(lines))
            stop = _filled(lines, place, min(bound, lasts[place]), room - len(first))
            second = np.concatenate(lines[place:stop])
        yield Pair(*_shortened(first, second, room, random), follows)
        start = end if follows else middle


def _filled(lines: Sequence[np.ndarray], start: int, last: int, room: int) -> int:
    """Return the end of the lines from ``start`` that fill the room, at least one and none from ``last`` on."""
    end, length = start + 1, len(lines[start])
    while end < last and length < room:
        length += len(lines[end])
        end += 1
    return end


def _shortened(
    first: np.ndarray, second: np.ndarray, room: int, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Cut the longer span, then both, until they fit; each token cut is from the front or the back by chance."""
    seconds = min(len(second), max(room - len(first), room // 2))
    firsts = min(len(first), room - seconds)
    cut = []
    for span, length in ((first, firsts), (second, seconds)):
        front = int(random.binomial(len(span) - length, 0.5))
        cut.append(span[front : front + length])
    return cut[0], cut[1]


class Batch(NamedTuple):
    """Masked pairs, and for each whether its second span follows (0) or stands elsewhere (1), [B]."""

    masked: masked_language.Batch
    elsewhere: Tensor


def batch(
    masked: Sequence[Masked], segments: Sequence[np.ndarray], follows: Sequence[bool], device: torch.device
) -> Batch:
    """Pack masked pairs."""
    elsewhere = torch.tensor([not value for value in follows], dtype=torch.int64, device=device)
    return Batch(masked_language.batch(masked, device, segments), elsewhere)


def loss(model: BertPretraining, examples: Batch) -> Tensor:
    """Return the mean cross-entropy over the masked places plus that over the pairs, in nats."""
    words, answers = model.both(examples.masked.tokens, examples.masked.places)
    return F.cross_entropy(words, examples.masked.targets) + F.cross_entropy(answers, examples.elsewhere)


def accuracy(model: BertPretraining, batches: Iterable[Batch]) -> float:
    """Return the share of the pairs whose answer is right."""
    right = total = 0
    model.eval()
    with torch.inference_mode():
        for examples in batches:
            _, answers = model.both(examples.masked.tokens, examples.masked.places[:0])
            right += int((answers.argmax(1) == examples.elsewhere).sum())
            total += len(examples.elsewhere)
    return right / total
