"""How an ELMo is pretrained: each word from those before it, and from those behind it (Peters et al. 2018).

Each line of the corpus is read by itself, from its begin to its end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from headway.blocks.ragged import Tokens
from headway.core.errors import UsageError
from headway.core.files import write_text
from headway.core.seeding import derive
from headway.data.batches import epoch_order, length_batches
from headway.data.characters import CharacterTokenizer
from headway.data.corpus import Corpus
from headway.data.words import split_words
from headway.models.elmo import Elmo, ElmoConfig
from headway.models.elmo_language import BEGIN, END, UNKNOWN, ElmoLanguageModel
from headway.tasks.five_grams import FiveGrams
from headway.training.companions import Companion
from headway.training.groups import parameter_groups
from headway.training.pretraining import Order
from headway.training.settings import TrainingSettings
from headway.weights.pretrained import save_encoder
from headway.weights.read import write_safetensors

MAX_WORDS = 100  # of a line; what follows is the next line
_MARKS = ("<UNK>", "<S>", "</S>")  # by the ids UNKNOWN, BEGIN, END
_WORDS_FILE = "words.txt"
_OUTPUT_FILE = "output.safetensors"


class Size(NamedTuple):
    """One of the sizes on offer."""

    filters: tuple[tuple[int, int], ...]
    d_cell: int
    d_projection: int
    vocab_size: int
    samples: int
    learning_rate: float


class Batch(NamedTuple):
    """Lines as words of characters, and the words' ids [N]."""

    characters: Tokens
    words: Tensor


class Line(NamedTuple):
    """One line."""

    characters: np.ndarray  # [words, 50]
    words: np.ndarray  # [words]


@dataclass(eq=False)
class ElmoOnText:
    """An ELMo in the making. Implements `training.pretraining.Pretraining`."""

    drops_capitals: ClassVar[bool] = False
    both_directions: ClassVar[bool] = False
    optimizers: ClassVar[tuple[str, ...]] = ("adamw",)
    sizes: ClassVar[Mapping[str, Size]] = MappingProxyType(
        {
            "tiny": Size(((1, 16), (2, 32), (3, 64), (4, 64), (5, 64)), 256, 64, 8000, 512, 4e-3),
            "mini": Size(((1, 32), (2, 32), (3, 64), (4, 128), (5, 256)), 512, 128, 16000, 1024, 2e-3),
            "small": Size(
                ((1, 32), (2, 32), (3, 64), (4, 128), (5, 256), (6, 512)), 1024, 256, 30000, 2048, 1e-3
            ),
        }
    )

    model: ElmoLanguageModel
    settings: TrainingSettings
    vocabulary: tuple[str, ...]
    lines: Sequence[Line]
    held_out: Sequence[Line]
    samples: int
    seed: int
    device: torch.device
    companions: Sequence[Companion] = ()

    @classmethod
    def prepare(cls, corpus: Corpus, order: Order, device: torch.device) -> Self:
        """Hold the last lines out, count the words, and build an ELMo with fresh weights."""
        if order.vocabulary is not None:
            raise UsageError(
                "ELMo reads characters, and counts the words to predict in the corpus",
                where="--vocabulary",
                remedy="Leave it out.",
            )
        size = cls.sizes[order.size]
        training, held_out = corpus.split()
        counts = Counter(word for line in training.lines for word in split_words(line))
        ranked = sorted(counts, key=lambda word: (-counts[word], word))
        common = [word for word in ranked if counts[word] > 1 and word not in _MARKS]
        vocabulary = (*_MARKS, *common[: size.vocab_size - len(_MARKS)])
        config = ElmoConfig(
            filters=size.filters, num_highways=1, d_cell=size.d_cell, d_projection=size.d_projection
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive(order.seed, "weights"))
            model = ElmoLanguageModel(Elmo(config), len(vocabulary)).to(device)
        ids = {word: index for index, word in enumerate(vocabulary)}
        return cls(
            model=model,
            settings=TrainingSettings(
                epochs=order.epochs, learning_rate=size.learning_rate, batch_size=64, weight_decay=0.0
            ),
            vocabulary=vocabulary,
            lines=_lines(training, ids),
            held_out=_lines(held_out, ids),
            samples=size.samples,
            seed=order.seed,
            device=device,
        )

    def describe(self) -> str:
        """Say what is trained on what."""
        config = self.model.backbone.config
        words = sum(len(line.words) for line in self.lines)
        return (
            f"ELMo of {config.num_layers} layers of {config.d_cell} cells and {config.d_projection} numbers in each "
            f"direction, {len(self.vocabulary):,} words to predict, on {words:,} words in {len(self.lines):,} lines "
            f"of at most {MAX_WORDS}"
        )

    def groups(self) -> list[dict[str, Any]]:
        """Return AdamW's usual groups."""
        return parameter_groups(self.model.parameters(), (), self.settings)

    def epoch_batches(self, epoch: int) -> Sequence[Batch]:
        """Return all lines, those of near-equal length together."""
        order = epoch_order(len(self.lines), self.seed, epoch)
        sizes = [len(line.words) for line in self.lines]
        return [
            self._batch([self.lines[row] for row in rows])
            for rows in length_batches(sizes, order, self.settings.batch_size)
        ]

    def loss(self, batch: Batch) -> Tensor:
        """Return the mean of both directions, against a sample of the words."""
        return self.model.sampled_loss(self.model.both(batch.characters, batch.words), self.samples)

    def measure(self) -> dict[str, float]:
        """Return the held-out lines' perplexity, of both directions together and over all words that are predicted."""
        counts = np.ones(len(self.vocabulary))
        for line in self.lines:
            np.add.at(
                counts, [*line.words, BEGIN, END], 1
            )  # each is predicted once by each direction, but a mark
        counts[[BEGIN, END]] /= 2  # by one of them
        costs = -np.log(counts / counts.sum())
        name, counted = self._five_grams()
        nats = baseline = predicted = unknown = 0.0
        self.model.eval()
        with torch.inference_mode():
            for start in range(0, len(self.held_out), self.settings.batch_size):
                batch = self._batch(self.held_out[start : start + self.settings.batch_size])
                both = self.model.both(batch.characters, batch.words)
                nats += float(self.model.loss(both)) * len(both.targets)
                baseline += float(costs[both.targets.cpu().numpy()].sum())
                predicted += len(both.targets)
                unknown += int((both.targets == UNKNOWN).sum())
        return {
            "perplexity per word": float(np.exp(nats / predicted)),
            "perplexity per word, unigram model": float(np.exp(baseline / predicted)),
            f"perplexity per word, {name}": float(np.exp(counted / predicted)),
            "share of unknown words": unknown / predicted,
        }

    def _five_grams(self) -> tuple[str, float]:
        """Return what was counted, for each direction by itself, and its nats of the held-out lines."""
        nats = 0.0
        for way in (_forward, _backward):
            counted = FiveGrams.of(map(way, self.lines), len(self.vocabulary))
            nats += sum(counted.nats(way(line)) for line in self.held_out)
        return counted.name, nats

    def save(self, folder: Path) -> None:
        """Write the encoder, how words are cut, and beside them the output layer with its words."""
        save_encoder(self.model.backbone, folder)
        CharacterTokenizer().save(folder, max_tokens=MAX_WORDS)
        write_text(folder / _WORDS_FILE, "\n".join(self.vocabulary) + "\n")
        output = {"weight": self.model.words.weight, "bias": self.model.bias}
        write_safetensors(folder / _OUTPUT_FILE, output)

    def _batch(self, lines: Sequence[Line]) -> Batch:
        characters = Tokens.pack([line.characters for line in lines]).to(self.device)
        words = torch.from_numpy(np.concatenate([line.words for line in lines])).to(self.device)
        return Batch(characters, words)


def _forward(line: Line) -> np.ndarray:
    return np.append(line.words, END)


def _backward(line: Line) -> np.ndarray:
    return np.append(line.words[::-1], BEGIN)


def _lines(corpus: Corpus, ids: Mapping[str, int]) -> list[Line]:
    """Return the lines that hold a word; a long one is several."""
    tokenizer = CharacterTokenizer()
    found = []
    for text in corpus.lines:
        words = split_words(text)
        for start in range(0, len(words), MAX_WORDS):
            part = words[start : start + MAX_WORDS]
            numbers = np.array([ids.get(word, UNKNOWN) for word in part], np.int64)
            found.append(Line(tokenizer.words(part), numbers))
    return found
