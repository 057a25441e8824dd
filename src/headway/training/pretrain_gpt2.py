"""How a GPT-2 is pretrained: each token from those before it (Radford et al. 2019).

The documents stand one after the other with the end token between them, and are cut into windows at places that move
from epoch to epoch. The sizes and their vocabularies are for corpora of a few million characters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from headway.core.seeding import generator
from headway.data.batches import epoch_order, windows
from headway.data.bpe import read_bytes, text_parts, train_bytes
from headway.data.corpus import Corpus
from headway.data.tokenizers import Tokenizer
from headway.metrics.perplexity import of_text
from headway.models.gpt2 import Gpt2, Gpt2Config
from headway.tasks import next_token
from headway.tasks.decoder import TextDecoder
from headway.tasks.five_grams import FiveGrams
from headway.tasks.next_token import Batch
from headway.tasks.scoring import perplexity
from headway.tasks.unigram import Unigram
from headway.training.companions import Companion
from headway.training.groups import parameter_groups
from headway.training.pretraining import Order, Size, fresh
from headway.training.settings import TrainingSettings
from headway.weights.pretrained import save_language_model


@dataclass(eq=False)
class Gpt2OnText:
    """A GPT-2 in the making. Implements `training.pretraining.Pretraining`."""

    drops_capitals: ClassVar[bool] = False
    both_directions: ClassVar[bool] = False
    optimizers: ClassVar[tuple[str, ...]] = ("adamw",)
    sizes: ClassVar[Mapping[str, Size]] = MappingProxyType(
        {
            "tiny": Size(3, 192, 2000, 128, 3e-3),
            "mini": Size(4, 256, 4000, 128, 2e-3),
            "small": Size(6, 384, 8000, 256, 1e-3),
        }
    )

    model: Gpt2
    settings: TrainingSettings
    tokenizer: Tokenizer
    ids: np.ndarray  # of all documents, each after an end token
    held_out: Sequence[str]
    seed: int
    device: torch.device
    companions: Sequence[Companion] = ()

    @classmethod
    def prepare(cls, corpus: Corpus, order: Order, device: torch.device) -> Self:
        """Hold the last lines out, make or read the vocabulary, and build a GPT-2 with fresh weights."""
        size = cls.sizes[order.size]
        training, held_out = corpus.split()
        documents = [text_parts(lines) for lines in training.documents]
        if order.vocabulary is None:
            tokenizer = train_bytes([part for document in documents for part in document], size.vocab_size)
        else:
            tokenizer = read_bytes(order.vocabulary)
        config = Gpt2Config(
            vocab_size=tokenizer.vocab_size,
            d_model=size.d_model,
            d_ff=4 * size.d_model,
            num_heads=size.d_model // 64,
            num_layers=size.num_layers,
            max_positions=size.max_tokens,
            attention_dropout=0.0,  # the fused kernel has none, and takes a tenth less of a step
        )
        model = fresh(lambda: Gpt2(config), order, device)
        settings = TrainingSettings(
            epochs=order.epochs,
            learning_rate=size.learning_rate,
            batch_size=16,
            warmup=0.05,
            weight_decay=0.1,
        )
        return cls(
            model=model,
            settings=settings,
            tokenizer=tokenizer,
            ids=_run(documents, tokenizer),
            held_out=["\n".join(lines) for lines in held_out.documents],
            seed=order.seed,
            device=device,
        )

    def describe(self) -> str:
        """Say what is trained on what."""
        config = self.model.config
        return (
            f"GPT-2 of {config.num_layers} layers of {config.d_model}, {config.vocab_size:,} pieces, on "
            f"{len(self.ids):,} tokens in windows of {config.max_positions}"
        )

    def groups(self) -> list[dict[str, Any]]:
        """Return AdamW's usual groups."""
        return parameter_groups(self.model.parameters(), (), self.settings)

    def epoch_batches(self, epoch: int) -> Sequence[Batch]:
        """Return all windows in the epoch's order, cut at the epoch's places."""
        start = int(generator(self.seed, "windows", epoch).integers(len(self.ids)))
        rows = windows(self.ids, self.model.config.max_positions, start, ahead=1)
        order, size = epoch_order(len(rows), self.seed, epoch), self.settings.batch_size
        return [
            next_token.batch([rows[row] for row in order[at : at + size]], self.device)
            for at in range(0, len(rows), size)
        ]

    def loss(self, batch: Batch) -> Tensor:
        """Return the mean cross-entropy."""
        return next_token.loss(self.model, batch)

    def measure(self) -> dict[str, float]:
        """Return how well the held-out text is predicted, a window's half at a time."""
        decoder = TextDecoder(self.model, self.tokenizer, self.device)
        unigram = Unigram([self.ids], self.tokenizer.vocab_size)
        five_grams = FiveGrams.of([self.ids], self.tokenizer.vocab_size)
        names = ("", ", unigram model", f", {five_grams.name}")
        nats = np.zeros(3)
        tokens = 0
        for text in self.held_out:
            found, ids = perplexity(decoder, text), decoder.ids([text])[0]
            nats += found.nats, unigram.score(ids).loss * found.tokens, five_grams.nats(ids)
            tokens += found.tokens
        whole = "\n".join(self.held_out)
        scored = {name: of_text(whole, float(each), tokens) for name, each in zip(names, nats, strict=True)}
        return {
            **{f"bits per character{name}": each.bits_per_character for name, each in scored.items()},
            **{f"perplexity per token{name}": each.per_token for name, each in scored.items()},
            "perplexity per word": scored[""].per_word,
        }

    def save(self, folder: Path) -> None:
        """Write model and tokenizer as `transformers` reads them."""
        save_language_model(self.model, folder)
        self.tokenizer.save(folder, max_tokens=self.model.config.max_positions)


def _run(documents: Sequence[Sequence[str]], tokenizer: Tokenizer) -> np.ndarray:
    """Lay the documents' tokens end to end, each after an end token."""
    rows: list[np.ndarray] = []
    for parts in documents:
        rows += [np.array([tokenizer.end], np.int32), *tokenizer.pieces(parts)]
    return np.concatenate(rows)
