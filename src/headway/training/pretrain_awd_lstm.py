"""How an AWD-LSTM is pretrained: each word from those before it, on running text (Howard and Ruder 2018, section 3.1).

The optimizer is the project's own, AdamW, as in fastai's recipe, or the paper's, NT-ASGD (Merity et al. 2018), which is
validated after each epoch on lines of the training text that are held out for that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import torch

from headway.core.errors import UsageError
from headway.core.seeding import derive
from headway.data.backward import BackwardTokenizer
from headway.data.corpus import Corpus
from headway.data.inputs import SYLLABIC, syllabic_share
from headway.data.tokenizers import Tokenizer
from headway.data.unigram import train_unigram
from headway.data.word_vocabulary import train_words
from headway.metrics.perplexity import Perplexity, of_text
from headway.models.awd_lstm import AwdLstm, AwdLstmConfig, AwdLstmLanguageModel
from headway.tasks import running_text
from headway.tasks.decoder import TextDecoder
from headway.tasks.encoder import UNBOUNDED
from headway.tasks.five_grams import FiveGrams
from headway.tasks.scoring import perplexity
from headway.tasks.tokenizer_files import AnyTokenizer
from headway.training.companions import Companion
from headway.training.groups import parameter_groups
from headway.training.nt_asgd import NonMonotone
from headway.training.pretraining import Order
from headway.training.running_text import WINDOW, OnRunningText
from headway.training.settings import TrainingSettings
from headway.weights.pretrained import save_language_model

ROWS = 32


class Size(NamedTuple):
    """One of the sizes on offer; small is the published one."""

    d_model: int
    d_cell: int
    num_layers: int
    vocab_size: int
    learning_rate: float


@dataclass(eq=False, kw_only=True)
class AwdLstmOnText(OnRunningText):
    """An AWD-LSTM in the making. Implements `training.pretraining.Pretraining`."""

    drops_capitals: ClassVar[bool] = True
    both_directions: ClassVar[bool] = True
    optimizers: ClassVar[tuple[str, ...]] = ("adamw", "nt-asgd")
    sizes: ClassVar[Mapping[str, Size]] = MappingProxyType(
        {
            "tiny": Size(128, 256, 2, 8000, 5e-3),
            "mini": Size(256, 512, 3, 16000, 5e-3),
            "small": Size(400, 1152, 3, 30000, 3e-3),
        }
    )

    settings: TrainingSettings
    tokenizer: AnyTokenizer
    held_out: Sequence[str]
    validation: Sequence[str]  # by which NT-ASGD decides; none for AdamW

    @classmethod
    def prepare(cls, corpus: Corpus, order: Order, device: torch.device) -> Self:
        """Hold the last lines out, make the vocabulary, and build an AWD-LSTM with fresh weights."""
        if order.vocabulary is not None:
            raise UsageError(
                "words are counted in the corpus",
                where="--vocabulary",
                remedy="Leave it out for an AWD-LSTM.",
            )
        size = cls.sizes[order.size]
        training, held_out = corpus.split()
        averaged = order.optimizer == "nt-asgd"
        training, validation = training.split() if averaged else (training, None)
        tokenizer = _vocabulary(training.lines, size.vocab_size, order)
        assert tokenizer.end is not None
        documents = tokenizer.pieces(["\n".join(lines) for lines in training.documents])
        config = AwdLstmConfig(
            vocab_size=tokenizer.vocab_size,
            d_model=size.d_model,
            d_cell=size.d_cell,
            num_layers=size.num_layers,
            embedding_dropout=0.02,  # fastai's for a language model
            input_dropout=0.25,
            hidden_dropout=0.15,
            output_dropout=0.1,
            weight_dropout=0.2,
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive(order.seed, "weights"))
            model = AwdLstmLanguageModel(AwdLstm(config)).to(device)
        ids = running_text.lay_out(documents, tokenizer.end)
        return cls(
            model=model,
            settings=_averaged(order.epochs) if averaged else _usual(order.epochs, size.learning_rate),
            validation=[] if validation is None else ["\n".join(lines) for lines in validation.documents],
            tokenizer=tokenizer,
            ids=ids,
            rows=min(ROWS, max(1, (len(ids) - 1) // WINDOW)),
            held_out=["\n".join(lines) for lines in held_out.documents],
            seed=order.seed,
            device=device,
        )

    def describe(self) -> str:
        """Say what is trained on what."""
        config = self.model.config
        unknown = float((self.ids == self.tokenizer.unknown).mean())
        return (
            f"AWD-LSTM of {config.num_layers} layers of {config.d_cell}, {config.vocab_size:,} {self.units}, on "
            f"{len(self.ids):,} {self.units} of running text ({unknown:.1%} unknown) in windows of about {WINDOW}"
            f"{', read backward' if self.tokenizer.backward else ''}"
        )

    @property
    def units(self) -> str:
        """What it reads."""
        return "words" if isinstance(self.tokenizer, Tokenizer) else "pieces of words"

    @property
    def companions(self) -> Sequence[Companion]:
        """The carried state, and what validates NT-ASGD."""
        carried = super().companions
        return (*carried, NonMonotone(self.validate)) if self.validation else carried

    def validate(self) -> float:
        """Return the loss a token on the validation lines; the model goes on learning afterwards."""
        decoder = TextDecoder(self.model, self.tokenizer, self.device)
        found = [perplexity(decoder, text) for text in self.validation]
        self.model.train()
        return sum(one.nats for one in found) / max(1, sum(one.tokens for one in found))

    def groups(self) -> list[dict[str, Any]]:
        """Return AdamW's usual groups."""
        return parameter_groups(self.model.parameters(), (), self.settings)

    def measure(self) -> dict[str, float]:
        """Return how well the held-out text is predicted; an unknown word counts as one word like the others."""
        decoder = TextDecoder(self.model, self.tokenizer, self.device)
        counts = np.bincount(self.ids, minlength=self.tokenizer.vocab_size) + 1.0
        costs = -np.log(counts / counts.sum())
        found = [perplexity(decoder, text) for text in self.held_out]
        rows = [decoder.ids([text])[0] for text in self.held_out]
        unknown = sum(int((row == self.tokenizer.unknown).sum()) for row in rows)
        tokens = sum(len(row) for row in rows)
        whole = "\n".join(self.held_out)

        def together(nats: float) -> Perplexity:
            return of_text(whole, nats, tokens)

        scored = together(sum(one.nats for one in found))
        unigram = together(float(sum(costs[row].sum() for row in rows)))
        counted = FiveGrams.of([self.ids], self.tokenizer.vocab_size)
        five_grams = together(sum(map(counted.nats, rows)))
        return {
            "perplexity per token": scored.per_token,
            "perplexity per token, unigram model": unigram.per_token,
            f"perplexity per token, {counted.name}": five_grams.per_token,
            "share of unknown words": unknown / max(1, tokens),
        }

    def save(self, folder: Path) -> None:
        """Write model and tokenizer, in fastai's layout."""
        save_language_model(self.model, folder)
        self.tokenizer.save(folder, max_tokens=UNBOUNDED)


def _usual(epochs: int, rate: float) -> TrainingSettings:
    return TrainingSettings(epochs=epochs, learning_rate=rate, batch_size=ROWS, weight_decay=0.01)


def _averaged(epochs: int) -> TrainingSettings:
    """Return the paper's recipe of NT-ASGD (Merity et al. 2018, section 5)."""
    return TrainingSettings(
        epochs=epochs,
        learning_rate=30.0,
        batch_size=ROWS,
        weight_decay=1.2e-6,
        clip=0.25,
        schedule="constant",
        warmup=0.0,
        optimizer="nt-asgd",
    )


def _vocabulary(lines: Sequence[str], size: int, order: Order) -> AnyTokenizer:
    """Make the vocabulary: words; or, of texts written in syllables, where words take on endings without number, pieces
    of them (as MultiFiT does, Eisenschlos et al. 2019, arXiv:1909.04761).
    """
    if syllabic_share(lines) > SYLLABIC:
        if order.backward or order.cased:
            raise UsageError(
                "of texts in syllables, pieces of words are read, forward and with their capital letters",
                where="--backward" if order.backward else "--cased",
                remedy="Leave it out.",
            )
        return train_unigram(lines, size, sentinels=0)
    tokenizer = train_words(lines, size, lowercase=not order.cased)
    return BackwardTokenizer.of(tokenizer) if order.backward else tokenizer
