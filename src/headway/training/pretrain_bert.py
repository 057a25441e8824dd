"""How a BERT is pretrained: on masked tokens and next sentences (Devlin et al. 2019, section 3.1).

The sizes are those of Turc et al. 2019 (arXiv:1908.08962), with vocabularies and lengths for corpora of a few million
characters. Pairs are drawn once; what is masked of them is drawn anew in each epoch (Liu et al. 2019, section 4.1).

Three choices let a network of this size learn from so little text. Nine tenths of the epochs read pairs of a quarter of
the length, as many tokens a step (section A.2: 128 tokens for 90 % of the steps, then 512): among few tokens a network
finds sooner that a gap's neighbours tell what is missing. Nothing is dropped out (Geiping & Goldstein 2023); what is
saved drops out as usual when it is fine-tuned. And word embeddings begin as skip-gram vectors of the same pieces
(`training.word_start`), and learn slowly: at the layers' rate masked tokens write over what the vectors know before
the layers know more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from headway.core.seeding import generator
from headway.data.batches import epoch_order
from headway.data.corpus import Corpus
from headway.data.tokenizers import Tokenizer
from headway.data.wordpiece import read_wordpiece, train_wordpiece
from headway.models.bert import Bert, BertConfig
from headway.models.pretraining_heads import BertPretraining
from headway.tasks import masked_language, next_sentence
from headway.tasks.masked_language import Vocabulary, mask
from headway.tasks.next_sentence import Batch, Document
from headway.tasks.unigram import Unigram
from headway.training.companions import Companion
from headway.training.groups import parameter_groups
from headway.training.pretraining import Order, Size, fresh
from headway.training.settings import TrainingSettings
from headway.training.word_start import begin_as_skip_grams
from headway.weights.pretraining import save_pretraining

SHORT_EPOCHS = 0.9  # of all epochs
SHORTER = 4  # times shorter are the pairs in them, but not below
SHORTEST = 32  # tokens
WORDS_FACTOR = 0.03  # of the rate at which the layers learn


class Example(NamedTuple):
    """A pair before anything is masked."""

    ids: np.ndarray
    segments: np.ndarray
    follows: bool


@dataclass(eq=False)
class BertOnText:
    """A BERT in the making. Implements `training.pretraining.Pretraining`."""

    drops_capitals: ClassVar[bool] = True
    both_directions: ClassVar[bool] = False
    optimizers: ClassVar[tuple[str, ...]] = ("adamw",)
    sizes: ClassVar[Mapping[str, Size]] = MappingProxyType(
        {
            "tiny": Size(2, 128, 16000, 128, 1e-3),
            "mini": Size(4, 256, 20000, 128, 7e-4),
            "small": Size(4, 512, 30000, 256, 5e-4),
        }
    )

    model: BertPretraining
    settings: TrainingSettings
    tokenizer: Tokenizer
    max_tokens: int
    examples: Sequence[Example]
    short: Sequence[Example]  # the same text in shorter pairs
    held_out: Sequence[Example]
    seed: int
    device: torch.device
    companions: Sequence[Companion] = ()

    @classmethod
    def prepare(cls, corpus: Corpus, order: Order, device: torch.device) -> Self:
        """Hold the last lines out, make or read the vocabulary, draw the pairs, and build a BERT: its layers are fresh,
        its words skip-gram vectors.
        """
        size = cls.sizes[order.size]
        training, held_out = corpus.split()
        if order.vocabulary is None:
            tokenizer = train_wordpiece(training.lines, size.vocab_size, lowercase=not order.cased)
        else:
            tokenizer = read_wordpiece(order.vocabulary)
        config = BertConfig(
            vocab_size=tokenizer.vocab_size,
            d_model=size.d_model,
            d_ff=4 * size.d_model,
            num_heads=size.d_model // 64,
            num_layers=size.num_layers,
            max_positions=size.max_tokens,
        )
        model = fresh(lambda: BertPretraining(Bert(config)), order, device)
        documents = _documents(training, tokenizer)
        lines = (line for document in documents for line in document)
        begin_as_skip_grams(model.backbone.word_table, lines, order.seed)
        short = min(size.max_tokens, max(SHORTEST, size.max_tokens // SHORTER))
        return cls(
            model=model,
            settings=TrainingSettings(epochs=order.epochs, learning_rate=size.learning_rate, batch_size=16),
            tokenizer=tokenizer,
            max_tokens=size.max_tokens,
            examples=_examples(documents, tokenizer, size.max_tokens, generator(order.seed, "pairs")),
            short=_examples(documents, tokenizer, short, generator(order.seed, "short pairs")),
            held_out=_examples(
                _documents(held_out, tokenizer),
                tokenizer,
                size.max_tokens,
                generator(order.seed, "held-out pairs"),
            ),
            seed=order.seed,
            device=device,
        )

    def describe(self) -> str:
        """Say what is trained on what."""
        config = self.model.backbone.config
        return (
            f"BERT of {config.num_layers} layers of {config.d_model}, {config.vocab_size:,} pieces, on "
            f"{len(self.examples):,} pairs of at most {self.max_tokens} tokens; {len(self.held_out):,} held out"
        )

    def groups(self) -> list[dict[str, Any]]:
        """Return AdamW's usual groups; the words, which know their kin already, learn at a rate of their own."""
        (words,) = self.model.backbone.word_table.parameters()
        others = [parameter for parameter in self.model.parameters() if parameter is not words]
        return parameter_groups(others, [words], replace(self.settings, head_factor=WORDS_FACTOR))

    def epoch_batches(self, epoch: int) -> Sequence[Batch]:
        """Return all pairs of the epoch's length in its order, masked in its way, in as many batches as any epoch's."""
        examples = self.short if epoch < int(SHORT_EPOCHS * self.settings.epochs) else self.examples
        order = epoch_order(len(examples), self.seed, epoch)
        chosen = [examples[row] for row in order]
        steps = min(self._steps(self.examples), len(self.short))
        return self._batches(chosen, generator(self.seed, "masks", epoch), steps)

    def loss(self, batch: Batch) -> Tensor:
        """Return the sum of the two means, nothing dropped out."""
        self.model.eval()  # dropout is all that training mode would change
        return next_sentence.loss(self.model, batch)

    def measure(self) -> dict[str, float]:
        """Return how often held-out masked tokens and next sentences are named rightly."""
        batches = self.held_out_batches()
        masked = [batch.masked for batch in batches]
        found = masked_language.score(self.model, masked)
        texts = (example.ids for example in self.examples)
        targets = np.concatenate([batch.targets.cpu().numpy() for batch in masked])
        unigram = Unigram(texts, self.tokenizer.vocab_size, self._vocabulary.special).score(targets)
        return {
            "masked accuracy": found.accuracy,
            "masked accuracy, unigram model": unigram.accuracy,
            "masked loss in nats": found.loss,
            "masked loss in nats, unigram model": unigram.loss,
            "next-sentence accuracy": next_sentence.accuracy(self.model, batches),
        }

    def save(self, folder: Path) -> None:
        """Write model and tokenizer as `transformers` reads them."""
        save_pretraining(self.model, folder)
        self.tokenizer.save(folder, max_tokens=self.max_tokens)

    @property
    def _vocabulary(self) -> Vocabulary:
        special = self.tokenizer.special
        return Vocabulary(self.tokenizer.vocab_size, special["mask"], tuple(special.values()))

    def _steps(self, examples: Sequence[Example]) -> int:
        return -(-len(examples) // self.settings.batch_size)

    def held_out_batches(self) -> list[Batch]:
        """Return the held-out pairs, masked once and for all."""
        random = generator(self.seed, "held-out masks")
        return self._batches(self.held_out, random, self._steps(self.held_out))

    def _batches(self, examples: Sequence[Example], random: np.random.Generator, count: int) -> list[Batch]:
        """Mask pairs and pack them into so many batches of nearly the same size."""
        vocabulary, batches = self._vocabulary, []
        for places in np.array_split(np.arange(len(examples)), count):
            rows = [examples[place] for place in places]
            masked = [mask(row.ids, vocabulary, random) for row in rows]
            segments = [row.segments for row in rows]
            batches.append(next_sentence.batch(masked, segments, [row.follows for row in rows], self.device))
        return batches


def _documents(corpus: Corpus, tokenizer: Tokenizer) -> list[Document]:
    """Tokenize the lines of a corpus; those without a piece are left out."""
    documents: list[Document] = []
    for lines in corpus.documents:
        ids = [row for row in tokenizer.pieces(lines) if len(row)]
        if ids:
            documents.append(ids)
    return documents


def _examples(
    documents: Sequence[Document], tokenizer: Tokenizer, max_tokens: int, random: np.random.Generator
) -> list[Example]:
    """Draw the pairs of a corpus and frame them."""
    special = tokenizer.special
    return [
        Example(*pair.framed(special["cls"], special["sep"]), pair.follows)
        for pair in next_sentence.pairs(documents, max_tokens, random)
    ]
