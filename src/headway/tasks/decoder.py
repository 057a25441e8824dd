"""A text decoder: a model that writes, with its tokenizer, from prompts to texts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np
import torch
from torch import nn

from headway.blocks.ragged import Tokens
from headway.blocks.stored import store_weights
from headway.core.device import choose_device
from headway.core.errors import UsageError, WeightsError
from headway.models.generate import (
    Choose,
    LengthPenalty,
    beam_search,
    generate,
    greedy,
    power_penalty,
    stream,
)
from headway.models.ngram_decoder import NgramDecoder
from headway.models.registry import ENCODER_DECODERS, LANGUAGE_MODELS
from headway.tasks.ngram_text import NgramText
from headway.tasks.tokenizer_files import AnyTokenizer, published_tokenizer, tokenizer_in
from headway.weights import catalog
from headway.weights.cache import fetch
from headway.weights.encoder_decoder import load_encoder_decoder
from headway.weights.pretrained import load_backbone, load_language_model, open_config

if TYPE_CHECKING:
    from headway.models.base import Decoder, EncoderDecoder, LanguageModel

NEW_TOKENS = 100  # that a prompt gets where nobody says how many
_ROUNDED_TO = 128  # rows of an embedding are often made a multiple of this
_CUT_CHARACTER = "\ufffd"


@dataclass(frozen=True)
class TextDecoder:
    """A language model, which goes on with texts; or an encoder-decoder, which answers them.

    start: what an encoder-decoder's answers begin with; None: a language model. Raises WeightsError on a vocabulary
    that does not fit the model.
    """

    model: Decoder
    tokenizer: AnyTokenizer
    device: torch.device
    start: int | None = None

    def __post_init__(self) -> None:
        rows: int = cast("Any", self.model).config.vocab_size
        pieces = self.tokenizer.vocab_size
        if not pieces <= rows <= -(-pieces // _ROUNDED_TO) * _ROUNDED_TO:
            raise WeightsError(
                f"the vocabulary has {pieces:,} pieces, the model's embedding {rows:,} rows",
                where="tokenizer",
                remedy="Use the vocabulary that the model was trained with.",
            )
        cast("nn.Module", self.model).to(self.device).eval()

    @classmethod
    def open(cls, source: str | Path, device: torch.device | None = None, weights: str | None = None) -> Self:
        """Load a folder in a published layout, n-grams, or a cached model of the zoo by its name; opens no connection.

        weights: how they are then held, a name of `blocks.stored.STORAGES`, to decode on the CPU by compiled kernels.
        Raises UsageError when the source is neither, its model writes nothing, or it cannot hold its weights so.
        """
        if weights is None:
            return cls._load(source, device or choose_device())
        opened = cls._load(source, device or torch.device("cpu"))
        store_weights(cast("nn.Module", opened.model), weights)
        return opened

    @classmethod
    def _load(cls, source: str | Path, device: torch.device) -> Self:
        if NgramText.is_at(source):
            ngrams = NgramText.open(source)
            return cls(NgramDecoder(ngrams.model, ngrams.tokenizer.end), ngrams.tokenizer, device)
        if Path(source).is_dir():
            folder = Path(source)
            if open_config(folder)[0] in ENCODER_DECODERS:
                answering, _ = load_encoder_decoder(folder)
                tokenizer = tokenizer_in(folder)
                return cls(answering, tokenizer, device, start=_start(tokenizer, folder))
            model, _ = load_language_model(folder)
            tokenizer = tokenizer_in(folder)
        elif str(source) in catalog.CATALOG:
            entry = catalog.find(str(source))
            folder = fetch(entry, offline=True)
            tokenizer = published_tokenizer(entry, folder)
            if entry.architecture in LANGUAGE_MODELS:  # with what stands around the backbone to write
                model, _ = load_language_model(folder)
            else:
                model = cast("LanguageModel", load_backbone(entry.name, offline=True))
        else:
            raise UsageError(
                "is neither a folder nor a model of the zoo",
                where=str(source),
                remedy=f"Known models: {', '.join(sorted(catalog.CATALOG))}.",
            )
        if not hasattr(model, "step"):
            raise UsageError(
                f"holds a {type(model).__name__}, which reads texts and writes none",
                where=str(source),
                remedy="Use a GPT, a GPT-2, an AWD-LSTM, a T5, or a run of `headway pretrain` or `headway ngram`.",
            )
        return cls(cast("Decoder", model), tokenizer, device)

    @property
    def language_model(self) -> LanguageModel:
        """The model, where it says how likely a text is; raises UsageError on one that needs a source for that."""
        if self.start is not None:
            raise UsageError(
                "an encoder-decoder gives answers, and no text a likelihood by itself",
                where="model",
                remedy="Use a language model, such as GPT-2.",
            )
        return cast("LanguageModel", self.model)

    def ids(self, texts: Sequence[str]) -> list[np.ndarray]:
        """Return each text's token ids, uncut."""
        longest = 1 + max(len(text.encode("utf-8", "surrogatepass")) for text in texts)  # no piece is shorter
        return self.tokenizer.encode(texts, longest).ids

    def prompts(self, texts: Sequence[str]) -> Tokens:
        """Pack prompts; an empty one is the token that stands between texts. Raises UsageError where there is none."""
        rows = []
        for row in self.ids(texts):
            if len(row) == 0 and self.tokenizer.end is None:
                problem = "is empty, and this model has no token that begins a text"
                raise UsageError(problem, where="prompt", remedy="Give it a word.")
            rows.append(row if len(row) else np.array([self.tokenizer.end]))
        return Tokens.pack(rows).to(self.device)

    def complete(
        self, texts: Sequence[str], choose: Choose = greedy, max_tokens: int | None = None
    ) -> list[str]:
        """Return what the model writes after each text, up to its token for the end. For errors see `stream`."""
        begun, options = self._begin(texts, max_tokens)
        new = generate(self.model, begun, choose, **options)
        return [self._written(prompt, ids) for prompt, ids in zip(_rows(begun), new, strict=True)]

    def stream(self, text: str, choose: Choose = greedy, max_tokens: int | None = None) -> Iterator[str]:
        """Yield what the model writes after a text, piece by piece: joined, the same as `complete`.

        max_tokens: as many as there is room for, at most `NEW_TOKENS`, when left out. Raises UsageError when the
        prompt and so many new tokens are more than the model reads.
        """
        begun, options = self._begin([text], max_tokens)
        (prompt,) = _rows(begun)
        ids: list[int] = []
        said = ""
        for (token,) in stream(self.model, begun, choose, **options):
            assert token is not None
            ids.append(token)
            written = self._written(prompt, ids)
            if not written.endswith(_CUT_CHARACTER):  # its other bytes may come with the next token
                yield written[len(said) :]
                said = written
        rest = self._written(prompt, ids)[len(said) :]
        if rest:
            yield rest

    def search(
        self,
        texts: Sequence[str],
        beams: int,
        max_tokens: int | None = None,
        penalty: LengthPenalty = power_penalty(1.0),  # noqa: B008
    ) -> list[list[tuple[str, float]]]:
        """Return the best continuations of each text by beam search with their scores, best first."""
        begun, options = self._begin(texts, max_tokens)
        found = beam_search(self.model, begun, beams=beams, penalty=penalty, **options)
        return [
            [(self._written(prompt, best.ids), best.score) for best in row]
            for prompt, row in zip(_rows(begun), found, strict=True)
        ]

    def _begin(self, texts: Sequence[str], max_tokens: int | None) -> tuple[Tokens, dict[str, Any]]:
        """Return what the decoder begins with, and how it goes on: room, stops, and the encoder's vectors."""
        if self.tokenizer.backward:
            raise UsageError(
                "reads texts from their end, so it cannot go on with them",
                where="model",
                remedy="Use the model that was trained forward.",
            )
        begun, memory = self.prompts(texts), None
        if self.start is not None:
            with torch.inference_mode():
                memory = cast("EncoderDecoder", self.model).encode(begun)
            begun = Tokens.pack([np.array([self.start])] * len(texts)).to(self.device)
        if max_tokens is None:
            context = self.model.context
            max_tokens = NEW_TOKENS
            if context is not None:
                max_tokens = max(1, min(NEW_TOKENS, context - begun.lengths.longest))
        stop = () if self.tokenizer.end is None else (self.tokenizer.end,)
        return begun, {"max_tokens": max_tokens, "stop": stop, "memory": memory}

    def _written(self, prompt: Sequence[int], ids: Sequence[int]) -> str:
        """Return the text of new ids as it follows the prompt: where pieces end words, a space may begin it."""
        if self.start is not None:
            return self.tokenizer.decode(ids)
        return self.tokenizer.decode([*prompt, *ids])[len(self.tokenizer.decode(prompt)) :]


def _rows(batch: Tokens) -> list[list[int]]:
    return [row.tolist() for row in torch.split(batch.values, list(batch.lengths.sizes))]


def _start(tokenizer: AnyTokenizer, folder: Path) -> int:
    if tokenizer.start is None:
        raise WeightsError(
            "the vocabulary has no token that an answer begins with",
            where=str(folder),
            remedy="Use the vocabulary that the model was trained with.",
        )
    return tokenizer.start
