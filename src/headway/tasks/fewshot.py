"""Few-shot prompting (Brown et al. 2020, section 2): a language model labels texts that it sees after K examples.

Nothing is trained. Each text becomes a prompt, and the label is chosen whose words the model finds likeliest after it:
a language model as what goes on, an encoder-decoder as the answer, its end included.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise, takewhile
from typing import Any, cast

import numpy as np
import torch
from torch import nn

from headway.blocks.cache import Cache
from headway.blocks.ragged import Tokens
from headway.core.errors import UsageError
from headway.core.progress import Progress, Silent
from headway.core.seeding import generator
from headway.data.examples import Examples
from headway.models.base import EncoderDecoder
from headway.tasks.decoder import TextDecoder

# Takes in prompts; returns the logits of what follows each, and the cache.
TakeIn = Callable[[Sequence[np.ndarray]], tuple[torch.Tensor, Cache]]
NORMALIZATIONS = ("sum", "mean")  # of a label's tokens' log-likelihoods
_ROWS_AT_ONCE = 16


@dataclass(frozen=True, kw_only=True)
class Template:
    """How an example is written. It holds {text} once and ends with {label}; a label is written as its words.

    Raises UsageError on one that does not.
    """

    example: str = "Text: {text}\nLabel: {label}"
    between: str = "\n\n"

    def __post_init__(self) -> None:
        if self.example.count("{text}") != 1 or self.example.count("{label}") != 1:
            problem = "needs {text} and {label}, each once"
        elif not self.example.endswith("{label}"):
            problem = "must end with {label}: its words are what is scored"
        else:
            return
        raise UsageError(f"{problem}; found {self.example!r}", where="--template")

    def prompt(self, shots: Sequence[tuple[str, str]], text: str) -> str:
        """Return the examples (text, words of the label), then the text, up to where its label's words begin."""
        done = [self._before(shot) + words for shot, words in shots]
        return self.between.join([*done, self._before(text)]).rstrip(" ")

    def continuation(self, words: str) -> str:
        """Return a label's words with the spaces that stand before them: there the prompt ends."""
        before = self._before("")
        return before[len(before.rstrip(" ")) :] + words

    def _before(self, text: str) -> str:
        return self.example.removesuffix("{label}").replace("{text}", text)


@dataclass(frozen=True, kw_only=True)
class FewShotClassifier:
    """A language model, a template, K examples and each label's words.

    normalization: "sum" compares the words' likelihoods, "mean" those per token, which does not favour short labels.
    """

    decoder: TextDecoder
    labels: tuple[str, ...]
    words: tuple[str, ...]  # each label's
    template: Template
    shots: tuple[tuple[str, str], ...]  # text, words
    normalization: str = "mean"
    _continuations: list[np.ndarray] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.normalization not in NORMALIZATIONS:
            raise UsageError(
                f"unknown normalization {self.normalization!r}",
                where="--normalize",
                remedy=f"Known: {', '.join(NORMALIZATIONS)}.",
            )
        continuations = self.decoder.ids([self.template.continuation(words) for words in self.words])
        if min(map(len, continuations)) == 0:
            raise UsageError("a label has no words", where="labels")
        object.__setattr__(self, "_continuations", continuations)

    def prompt(self, text: str) -> str:
        """Return what the model reads for a text."""
        return self.template.prompt(self.shots, text)

    def cut(self, texts: Sequence[str]) -> int:
        """Return of how many texts the prompt is longer than the model reads; it loses its beginning."""
        return self._prompts(texts)[1]

    def probabilities(self, texts: Sequence[str], progress: Progress | None = None) -> np.ndarray:
        """Return softmax over the labels of their words' log-likelihoods, normalized; float64 [B, C]."""
        scores = self.log_likelihoods(texts, progress)
        if self.normalization == "mean":
            scores = scores / [len(ids) for ids in self._continuations]
        shares = np.exp(scores - scores.max(axis=1, keepdims=True))
        return np.asarray(shares / shares.sum(axis=1, keepdims=True))

    def log_likelihoods(self, texts: Sequence[str], progress: Progress | None = None) -> np.ndarray:
        """Return ln p(label's words | prompt), summed over their tokens, float64 [B, C]."""
        progress = progress or Silent()
        prompts, _ = self._prompts(texts)
        out = np.empty((len(texts), len(self.labels)))
        cast("nn.Module", self.decoder.model).eval()
        progress.begin("few-shot", len(texts), "texts")
        with torch.inference_mode():
            take_in = self._going_on(prompts) if self.decoder.start is None else self._answering
            for begin in range(0, len(texts), _ROWS_AT_ONCE):
                group = prompts[begin : begin + _ROWS_AT_ONCE]
                logits, cache = take_in(group)
                for label, words in enumerate(self._continuations):
                    scores = _log_probability(logits, words[0]) + self._rest_of(words, cache)
                    out[begin : begin + len(group), label] = scores.cpu().numpy()
                progress.advance(len(group))
        progress.end()
        return out

    def _going_on(self, prompts: Sequence[np.ndarray]) -> TakeIn:
        """Return how a language model takes in some of the prompts; what all begin with, mostly the shots, it has."""
        model = self.decoder.model
        shared = _common_beginning(prompts)
        base = model.start(1)
        if shared:
            _, base = model.step(self._pack([prompts[0][:shared]]), base)

        def take_in(group: Sequence[np.ndarray]) -> tuple[torch.Tensor, Cache]:
            rest = self._pack([ids[shared:] for ids in group])
            return model.step(rest, base.select([0] * len(group)))

        return take_in

    def _answering(self, group: Sequence[np.ndarray]) -> tuple[torch.Tensor, Cache]:
        """Take prompts in by the encoder, and begin their answers."""
        model = cast("EncoderDecoder", self.decoder.model)
        memory = model.encode(self._pack(group))
        starts = self._pack([np.array([self.decoder.start])] * len(group))
        return model.step(starts, model.start(len(group), memory))

    def _rest_of(self, words: np.ndarray, cache: Cache) -> torch.Tensor:
        """Return the log-likelihood of a label's tokens after its first, for each row of a cache, [rows]."""
        rows = len(cache)
        total = torch.zeros(rows, dtype=torch.float64, device=self.decoder.device)
        if len(words) == 1:
            return total
        cache = cache.select(range(rows))  # the other labels need it as it is
        for before, token in pairwise(words):
            logits, cache = self.decoder.model.step(self._pack([np.array([before])] * rows), cache)
            total += _log_probability(logits, token)
        return total

    def _prompts(self, texts: Sequence[str]) -> tuple[list[np.ndarray], int]:
        """Return the prompts' ids, and how many lost their beginning to fit into the context with the longest label."""
        prompts = [row.numpy() for row in _split(self.decoder.prompts([self.prompt(text) for text in texts]))]
        context = self.decoder.model.context
        if context is None:
            return prompts, 0
        room = context - max(map(len, self._continuations))
        if room < 1:
            raise UsageError(f"a label's words leave no room in {context} tokens", where="labels")
        return [ids[-room:] for ids in prompts], sum(len(ids) > room for ids in prompts)

    def _pack(self, ids: Sequence[np.ndarray]) -> Tokens:
        return Tokens.pack(ids).to(self.decoder.device)


def draw_shots(examples: Examples, count: int, seed: int) -> Examples:
    """Draw examples for a prompt: in turn one of each label, in an order that follows from the seed.

    Raises UsageError when there are fewer.
    """
    if not 0 <= count <= len(examples):
        raise UsageError(f"{count} shots, but there are {len(examples)} examples", where="--shots")
    random = generator(seed, "shots")
    turns = [random.permutation(np.flatnonzero(examples.targets == c)) for c in range(len(examples.names))]
    longest = max(map(len, turns))
    dealt = [int(turn[at]) for at in range(longest) for turn in _shuffled(turns, random) if at < len(turn)]
    return examples.take(dealt[:count])


def _shuffled(turns: Sequence[np.ndarray], random: np.random.Generator) -> list[np.ndarray]:
    return [turns[at] for at in random.permutation(len(turns))]


def label_words(name: str) -> str:
    """Return a label's name as words: "card_arrival" -> "card arrival"."""
    return " ".join(name.replace("_", " ").split())


def _log_probability(logits: torch.Tensor, token: int) -> torch.Tensor:
    """Return ln p(token) of each row of logits, [rows]."""
    return logits[:, token].double() - logits.logsumexp(-1).double()


def _split(batch: Tokens) -> Sequence[Any]:
    parts: Sequence[Any] = torch.split(batch.values.cpu(), list(batch.lengths.sizes))
    return parts


def _common_beginning(prompts: Sequence[np.ndarray]) -> int:
    """Return how many tokens all prompts begin with, leaving each at least one more."""
    shortest = min(map(len, prompts)) - 1
    first = prompts[0]
    same = takewhile(lambda at: all(ids[at] == first[at] for ids in prompts), range(shortest))
    return sum(1 for _ in same)
