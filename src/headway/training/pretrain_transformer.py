"""How a Transformer of 2017 is trained on line pairs (Vaswani et al. 2017, section 5), such as sentences and their
translations, or spellings and their sounds.

The paper's recipe: source and target share a vocabulary of byte pairs, Adam with betas 0.9 and 0.98, the inverse
square root of the step with warm-up, smoothed labels, the mean of the last states, beam search with length penalty
0.6. Unlike it: one state an epoch is averaged, and gradients are clipped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from headway.core.errors import DataError
from headway.data.batches import epoch_order, length_batches
from headway.data.bpe import read_bytes, train_bytes
from headway.data.corpus import Corpus
from headway.data.pairs import Pair, read_pairs, split_pairs
from headway.data.tokenizers import Tokenizer
from headway.metrics.edit_distance import sequence_error_rate, token_error_rate
from headway.models.transformer import Transformer, TransformerConfig
from headway.tasks import transduction
from headway.tasks.transduction import Batch
from headway.tasks.unigram import Unigram
from headway.training.averaging import LastStates
from headway.training.companions import Companion
from headway.training.groups import parameter_groups
from headway.training.pretraining import Order, Size, fresh
from headway.training.settings import TrainingSettings
from headway.weights.encoder_decoder import save_encoder_decoder

SMOOTHING = 0.1
AVERAGED = 5  # states of the last epochs, but at most a third of all
ANSWERED = 500  # held-out sources that are answered in full; the loss is that of all


class Ids(NamedTuple):
    """Pairs as ids: the sources with the end token, the targets without."""

    sources: list[np.ndarray]
    targets: list[np.ndarray]

    def batches(
        self, order: np.ndarray, size: int, *, start: int, end: int, device: torch.device
    ) -> list[Batch]:
        """Pack the pairs of an order in batches of sources of near-equal length; start, end: of the targets."""
        lengths = [len(ids) for ids in self.sources]
        return [
            transduction.batch(
                [self.sources[row] for row in rows],
                [self.targets[row] for row in rows],
                start=start,
                end=end,
                device=device,
            )
            for rows in length_batches(lengths, order, size)
        ]


@dataclass(eq=False)
class TransformerOnPairs:
    """A Transformer in the making. Implements `training.pretraining.Pretraining`."""

    drops_capitals: ClassVar[bool] = False
    both_directions: ClassVar[bool] = False
    optimizers: ClassVar[tuple[str, ...]] = ("adamw",)
    sizes: ClassVar[Mapping[str, Size]] = MappingProxyType(
        {
            "tiny": Size(2, 128, 2000, 512, 2e-3),
            "mini": Size(3, 256, 4000, 512, 1e-3),
            "small": Size(4, 512, 8000, 512, 7e-4),
        }
    )

    model: Transformer
    settings: TrainingSettings
    tokenizer: Tokenizer
    max_tokens: int  # of a source or a target, its end token included
    training: Ids
    held_out: Ids
    seed: int
    device: torch.device

    def __post_init__(self) -> None:
        last = LastStates(self.model, max(1, min(AVERAGED, self.settings.epochs // 3)))
        self.companions: Sequence[Companion] = (last,)

    @classmethod
    def prepare(cls, corpus: Corpus, order: Order, device: torch.device) -> Self:
        """Hold some sources out, make or read the vocabulary, and build a Transformer with fresh weights."""
        size = cls.sizes[order.size]
        training, held_out = split_pairs(read_pairs(corpus), order.seed, corpus.source)
        if order.vocabulary is None:
            texts = [text for pair in training for text in (pair.source, pair.target)]
            tokenizer = train_bytes(texts, size.vocab_size).ending()
        else:
            tokenizer = read_bytes(order.vocabulary).ending()
        config = TransformerConfig(
            vocab_size=tokenizer.vocab_size,
            d_model=size.d_model,
            d_ff=4 * size.d_model,
            num_heads=size.d_model // 32,
            num_layers=size.num_layers,
        )
        model = fresh(lambda: Transformer(config), order, device)
        settings = TrainingSettings(
            epochs=order.epochs,
            learning_rate=size.learning_rate,
            batch_size=64,
            schedule="inverse_square_root",
            warmup=0.1,
            weight_decay=0.0,
            beta2=0.98,
            epsilon=1e-9,
        )
        return cls(
            model=model,
            settings=settings,
            tokenizer=tokenizer,
            max_tokens=size.max_tokens,
            training=_ids(training, tokenizer, size.max_tokens),
            held_out=_ids(held_out, tokenizer, size.max_tokens),
            seed=order.seed,
            device=device,
        )

    def describe(self) -> str:
        """Say what is trained on what."""
        config = self.model.config
        return (
            f"Transformer of {config.num_layers} + {config.num_layers} layers of {config.d_model}, "
            f"{config.vocab_size:,} pieces, on {len(self.training.sources):,} pairs; "
            f"{len(self.held_out.sources):,} held out"
        )

    def groups(self) -> list[dict[str, Any]]:
        """Return AdamW's usual groups."""
        return parameter_groups(self.model.parameters(), (), self.settings)

    def epoch_batches(self, epoch: int) -> Sequence[Batch]:
        """Return all pairs, those of near-equal length together."""
        order = epoch_order(len(self.training.sources), self.seed, epoch)
        return self._batches(self.training, order)

    def loss(self, batch: Batch) -> Tensor:
        """Return the mean cross-entropy with smoothed labels."""
        return transduction.loss(self.model, batch, smoothing=SMOOTHING)

    def measure(self) -> dict[str, float]:
        """Return how well held-out targets are predicted and answered."""
        batches = self._batches(self.held_out, np.arange(len(self.held_out.sources)))
        found = transduction.score(self.model, batches)
        targets = np.concatenate([batch.targets.cpu().numpy() for batch in batches])
        ended = (np.append(ids, self._end) for ids in self.training.targets)
        unigram = Unigram(ended, self.tokenizer.vocab_size).score(targets)
        said, wanted = self._answered()
        return {
            "loss in nats": found.loss,
            "loss in nats, unigram model": unigram.loss,
            "token accuracy": found.accuracy,
            "token accuracy, unigram model": unigram.accuracy,
            "token error of answers": token_error_rate(said, wanted),
            "wrong answers": sequence_error_rate(said, wanted),
        }

    def save(self, folder: Path) -> None:
        """Write model and tokenizer."""
        save_encoder_decoder(self.model, folder)
        self.tokenizer.save(folder, max_tokens=self.max_tokens)

    @property
    def _end(self) -> int:
        assert self.tokenizer.end is not None
        return self.tokenizer.end

    def _batches(self, pairs: Ids, order: np.ndarray) -> list[Batch]:
        size = self.settings.batch_size
        return pairs.batches(order, size, start=self._end, end=self._end, device=self.device)

    def _answered(self) -> tuple[list[tuple[int, ...]], list[list[tuple[int, ...]]]]:
        """Return the answers to held-out sources, and what each source stands with."""
        known: dict[tuple[int, ...], list[tuple[int, ...]]] = {}
        for source, target in zip(*self.held_out, strict=True):
            known.setdefault(tuple(source.tolist()), []).append(tuple(target.tolist()))
        sources = list(known)[:ANSWERED]
        said = transduction.answers(
            self.model,
            [np.array(ids) for ids in sources],
            start=self._end,
            end=self._end,
            max_tokens=max(len(ids) + 1 for ids in self.training.targets),
            device=self.device,
        )
        return said, [known[ids] for ids in sources]


def _ids(pairs: Sequence[Pair], tokenizer: Tokenizer, max_tokens: int) -> Ids:
    """Tokenize pairs; raises DataError on one that is too long: none is cut."""
    sources = tokenizer.encode([pair.source for pair in pairs], 1 << 30).ids
    targets = tokenizer.pieces([pair.target for pair in pairs])
    for pair, source, target in zip(pairs, sources, targets, strict=True):
        longest = max(len(source), len(target) + 1)
        if longest > max_tokens:
            raise DataError(
                f"a text of {longest:,} tokens; at most {max_tokens} are read",
                where=pair.where,
                remedy="Cut it into shorter ones, or remove the line.",
            )
    return Ids(sources, targets)
