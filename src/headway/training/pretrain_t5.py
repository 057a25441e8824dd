"""How a T5 is pretrained: on spans that are left out of the text (Raffel et al. 2020, section 3.1.4).

The documents' lines stand one after the other and are cut into windows at places that move from epoch to epoch; which
spans are left out is drawn anew each time. The form is version 1.0's; the rate falls to 0, as the other schedules here.
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
from headway.data.corpus import Corpus
from headway.data.sentencepiece import SentencePieceTokenizer
from headway.data.unigram import read_unigram, train_unigram
from headway.models.t5 import T5, T5Config
from headway.tasks import transduction
from headway.tasks.span_corruption import corrupt, draw_spans
from headway.tasks.transduction import Batch
from headway.tasks.unigram import Unigram
from headway.training.companions import Companion
from headway.training.groups import size_scaled_groups
from headway.training.pretraining import Order, Size, fresh
from headway.training.settings import TrainingSettings
from headway.weights.encoder_decoder import save_encoder_decoder


@dataclass(eq=False)
class T5OnText:
    """A T5 in the making. Implements `training.pretraining.Pretraining`."""

    drops_capitals: ClassVar[bool] = False
    both_directions: ClassVar[bool] = False
    optimizers: ClassVar[tuple[str, ...]] = ("adamw",)
    sizes: ClassVar[Mapping[str, Size]] = MappingProxyType(
        {
            "tiny": Size(2, 128, 4000, 128, 2e-2),
            "mini": Size(4, 256, 8000, 128, 2e-2),
            "small": Size(6, 512, 16000, 256, 1e-2),
        }
    )

    model: T5
    settings: TrainingSettings
    tokenizer: SentencePieceTokenizer
    max_tokens: int
    ids: np.ndarray  # of all lines
    held_out: np.ndarray
    seed: int
    device: torch.device
    companions: Sequence[Companion] = ()

    @classmethod
    def prepare(cls, corpus: Corpus, order: Order, device: torch.device) -> Self:
        """Hold the last lines out, make or read the vocabulary, and build a T5 with fresh weights."""
        size = cls.sizes[order.size]
        training, held_out = corpus.split()
        if order.vocabulary is None:
            tokenizer = train_unigram(training.lines, size.vocab_size)
        else:
            tokenizer = read_unigram(order.vocabulary)
        config = T5Config(
            vocab_size=tokenizer.vocab_size,
            d_model=size.d_model,
            d_ff=4 * size.d_model,
            num_heads=size.d_model // 64,
            num_layers=size.num_layers,
            num_decoder_layers=size.num_layers,
        )
        model = fresh(lambda: T5(config), order, device)
        return cls(
            model=model,
            settings=TrainingSettings(epochs=order.epochs, learning_rate=size.learning_rate, batch_size=16),
            tokenizer=tokenizer,
            max_tokens=size.max_tokens,
            ids=np.concatenate(tokenizer.pieces(training.lines)),
            held_out=np.concatenate(tokenizer.pieces(held_out.lines)),
            seed=order.seed,
            device=device,
        )

    def describe(self) -> str:
        """Say what is trained on what."""
        config = self.model.config
        return (
            f"T5 of {config.num_layers} + {config.num_decoder_layers} layers of {config.d_model}, "
            f"{config.vocab_size:,} pieces, on {len(self.ids):,} tokens in windows of {self.max_tokens}; "
            f"{len(self.held_out):,} held out"
        )

    def groups(self) -> list[dict[str, Any]]:
        """Return a group for each parameter: Adafactor's relative steps, which T5 was trained with."""
        return size_scaled_groups(self.model.parameters(), self.settings)

    def epoch_batches(self, epoch: int) -> Sequence[Batch]:
        """Return all windows in the epoch's order, cut and corrupted in the epoch's way."""
        start = int(generator(self.seed, "windows", epoch).integers(len(self.ids)))
        rows = windows(self.ids, self.max_tokens, start)
        order = epoch_order(len(rows), self.seed, epoch)
        return self._batches([rows[row] for row in order], generator(self.seed, "spans", epoch))

    def loss(self, batch: Batch) -> Tensor:
        """Return the mean cross-entropy of what was left out, sentinels and end included."""
        return transduction.loss(self.model, batch)

    def measure(self) -> dict[str, float]:
        """Return how well held-out spans are told, token by token, sentinels and end not counted."""
        rows = windows(self.held_out, self.max_tokens, 0)
        batches = self._batches(rows, generator(self.seed, "held-out spans"))
        special = [*self.tokenizer.sentinels.tolist(), self.tokenizer.end, self.tokenizer.pad]
        found = transduction.score(self.model, batches, special)
        targets = np.concatenate([batch.targets.cpu().numpy() for batch in batches])
        ordinary = targets[~np.isin(targets, special)]
        unigram = Unigram([self.ids], self.tokenizer.vocab_size, special).score(ordinary)
        return {
            "span loss in nats": found.loss,
            "span loss in nats, unigram model": unigram.loss,
            "span accuracy": found.accuracy,
            "span accuracy, unigram model": unigram.accuracy,
        }

    def save(self, folder: Path) -> None:
        """Write model and tokenizer as `transformers` reads them."""
        save_encoder_decoder(self.model, folder)
        self.tokenizer.save(folder, max_tokens=self.max_tokens)

    def _batches(self, rows: Sequence[np.ndarray], random: np.random.Generator) -> list[Batch]:
        sentinels, end = self.tokenizer.sentinels, self.tokenizer.end
        corrupted = [corrupt(ids, draw_spans(len(ids), random), sentinels) for ids in rows]
        size = self.settings.batch_size
        return [
            transduction.batch(
                [np.append(row.source, end) for row in corrupted[at : at + size]],
                [row.target for row in corrupted[at : at + size]],
                start=self.tokenizer.pad,
                end=end,
                device=self.device,
            )
            for at in range(0, len(corrupted), size)
        ]
