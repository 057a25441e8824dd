"""AWD-LSTM, the language model of ULMFiT (Merity et al. 2018, arXiv:1708.02182; Howard and Ruder 2018,
arXiv:1801.06146).

- words are embedded in 400 numbers; three LSTMs of 1,152, 1,152 and again 400 cells stand on them;
- the logits of the next word are the last layer's vector times the word embeddings, and a bias (tied weights);
- dropout in five places: of whole words (embedding), of features, one mask a sequence, on what the first layer reads
  (input), between the layers (hidden) and after the last one (output), and of the recurrent matrices' weights (weight);
- a text's vector is its last word's, the maximum and the mean over its words, side by side (concat pooling). A long
  text is read window by window, with the state carried on, in constant memory; gradients reach its last words only
  (ULMFiT's BPT3C).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from headway.blocks.cache import Cache
from headway.blocks.dropout import EmbeddingDropout, LockedDropout
from headway.blocks.pooling import last_tokens, max_pool, mean_pool
from headway.blocks.ragged import Lengths, Ragged, Tokens
from headway.blocks.recurrent import LstmState, TimeOrder, WeightDroppedLstm, own_numbers
from headway.blocks.vocabulary_loss import vocabulary_cross_entropy
from headway.core.config import Config
from headway.core.errors import UsageError
from headway.models.base import Features, LayerGroup
from headway.models.heads import ClassificationHead, PooledHead

State = tuple[LstmState, ...]  # of each layer


@dataclass(frozen=True, kw_only=True)
class AwdLstmConfig(Config):
    """The sizes of an AWD-LSTM; the defaults are ULMFiT's, the dropouts those that it tunes a language model with."""

    vocab_size: int
    d_model: int = 400  # of the embeddings, and of the last layer
    d_cell: int = 1152  # of the layers before
    num_layers: int = 3
    embedding_dropout: float = 0.05
    input_dropout: float = 0.4
    hidden_dropout: float = 0.3
    output_dropout: float = 0.4
    weight_dropout: float = 0.5


class Embeddings(nn.Module):
    """Words' embeddings, of which whole words and then features of whole sequences are dropped, [N] -> [N, D]."""

    def __init__(self, config: AwdLstmConfig) -> None:
        super().__init__()
        self.word = nn.Embedding(config.vocab_size, config.d_model)
        self.word_dropout = EmbeddingDropout(config.embedding_dropout)
        self.dropout = LockedDropout(config.input_dropout)
        nn.init.uniform_(self.word.weight, -0.1, 0.1)

    def forward(self, batch: Tokens) -> Ragged:
        """Embed each word."""
        x = self.word_dropout(self.word(batch.values), batch.values, self.word.num_embeddings)
        dropped: Ragged = self.dropout(Ragged(x, batch.lengths))
        return dropped


class AwdLstm(nn.Module):
    """Embeddings and LSTMs. Implements `models.base.Backbone`; its state may be carried on."""

    config_class: ClassVar[type[Config]] = AwdLstmConfig
    head_class: ClassVar[type[ClassificationHead]] = PooledHead
    window: ClassVar[int] = 700  # words of each text that are read at a time to summarize it
    gradient_windows: ClassVar[int] = 2  # of the windows, the last ones, which gradients reach
    unbounded: ClassVar[bool] = True  # a text of any length is read whole, in constant memory

    def __init__(self, config: AwdLstmConfig) -> None:
        super().__init__()
        self.config = config
        self.embeddings = Embeddings(config)
        sizes = [config.d_model, *[config.d_cell] * (config.num_layers - 1), config.d_model]
        self.layers = nn.ModuleList(
            WeightDroppedLstm(size, after, config.weight_dropout) for size, after in pairwise(sizes)
        )
        self.dropout = LockedDropout(config.hidden_dropout)

    @property
    def num_features(self) -> int:
        """D."""
        return self.config.d_model

    @property
    def kept_words(self) -> int:
        """How many of a text's words a training step keeps something of, at the most."""
        return self.window * self.gradient_windows

    @property
    def word_table(self) -> None:
        """None: dropout takes whole words out of the table."""
        return None

    @property
    def num_pooled(self) -> int:
        """3 D: last, maximum and mean."""
        return 3 * self.config.d_model

    def features(self, batch: Tokens, state: State | None = None) -> Features:
        """Return the last layer's vectors [N, D], and the state to carry over to the batch that follows.

        None begins anew. Raises UsageError on a state of another number of layers or rows.
        """
        depths, after = self.depths(batch, state)
        return Features(depths[-1], after)

    def pooled(self, features: Features) -> Tensor:
        """Return last, maximum and mean of each text's vectors, [B, 3 D]."""
        x = features.tokens
        return torch.cat([last_tokens(x), max_pool(x), mean_pool(x)], dim=1)

    def summarize(self, batch: Ragged, first: int = 0) -> Tensor:
        """Return ``pooled(features(batch))``, [B, 3 D], of long texts window by window.

        A text's windows end with its end, so that its vector and gradients do not depend on the texts beside it.
        """
        if batch.lengths.longest <= self.window:
            depths, _ = self.depths(batch, first=first)
            return self.pooled(Features(depths[-1]))
        lengths, like = batch.lengths, self.embeddings.word.weight
        last = total = like.new_zeros(len(lengths), self.num_features)
        most = like.new_full((len(lengths), self.num_features), -torch.inf)
        for rows, depths in self._windows(batch, first):
            x = depths[-1]
            last = last.index_copy(0, rows, last_tokens(x))
            most = most.index_copy(0, rows, torch.maximum(most[rows], max_pool(x)))
            total = total.index_add(0, rows, mean_pool(x) * x.lengths.counts[:, None])
        return torch.cat([last, most, total / lengths.counts[:, None]], dim=1)

    def advance(self, batch: Ragged, first: int, last: int) -> Ragged:
        """Compute the layer groups ``first`` to ``last`` (not included), of whole texts."""
        return self.depths(batch, first=first, last=last)[0][-1]

    def mean_depths(self, batch: Tokens) -> list[Tensor]:
        """Return the mean over each text's words of each of the `intermediates`, in constant memory."""
        counts = batch.lengths.counts[:, None]
        totals: list[Tensor] = []
        for rows, depths in self._windows(batch):
            totals = totals or [x.values.new_zeros(len(batch.lengths), x.values.shape[1]) for x in depths]
            sums = [mean_pool(x) * x.lengths.counts[:, None] for x in depths]
            totals = [old.index_add(0, rows, new) for old, new in zip(totals, sums, strict=True)]
        return [total / counts for total in totals]

    def intermediates(self, batch: Tokens) -> list[Ragged]:
        """Return the embeddings' vectors and each layer's, each of its own size: num_layers + 1 of them."""
        return self.depths(batch)[0]

    def layer_groups(self) -> list[LayerGroup]:
        """Return embeddings, then each layer."""
        layers = {f"layers.{i}": layer for i, layer in enumerate(self.layers)}
        modules = {"embeddings": self.embeddings, **layers}
        return [LayerGroup(name, tuple(module.parameters())) for name, module in modules.items()]

    def depths(
        self, batch: Ragged, state: State | None = None, first: int = 0, last: int | None = None
    ) -> tuple[list[Ragged], State]:
        """Return what `intermediates` does, and the new state; of the layer groups ``first`` to ``last``, if given, on
        what comes out of those before. Dropout before a layer acts where that layer learns.
        """
        if state is not None and (not isinstance(state, tuple) or len(state) != len(self.layers)):
            raise UsageError(f"is not that of {len(self.layers)} layers", where="state")
        order = None if len(set(batch.lengths.sizes)) == 1 else TimeOrder.of(batch.lengths)
        x: Ragged = batch if first else self.embeddings(batch)
        depths, after = [x], list(state or ())[: max(first - 1, 0)]
        layers = list(enumerate(self.layers))
        for i, layer in layers[max(first, 1) - 1 : None if last is None else last - 1]:
            if i > 0 and layer.training:
                x = self.dropout(x)
            with own_numbers(x.values):
                x, layer_state = layer(x, None if state is None else state[i], order)
            depths.append(x)
            after.append(layer_state)
        return depths, tuple(after)

    def _windows(self, batch: Ragged, first: int = 0) -> Iterator[tuple[Tensor, list[Ragged]]]:
        """Read the texts window by window, the state carried on: which rows have words there, and their depths."""
        layers = cast("list[WeightDroppedLstm]", list(self.layers))
        state = tuple(layer.start(len(batch.lengths)) for layer in layers)
        for ahead in reversed(range(-(-batch.lengths.longest // self.window))):  # windows that come after it
            rows, part = self._part(batch, ahead)
            with torch.set_grad_enabled(torch.is_grad_enabled() and ahead < self.gradient_windows):
                depths, after = self.depths(part, tuple(layer.select(rows) for layer in state), first)
                state = tuple(_put(old, rows, new) for old, new in zip(state, after, strict=True))
            yield rows, depths

    def _part(self, batch: Ragged, ahead: int) -> tuple[Tensor, Ragged]:
        """Return which rows have words in the window that so many come after, and these words."""
        pieces, rows, sizes = [], [], []
        for row, (size, values) in enumerate(
            zip(batch.lengths.sizes, torch.split(batch.values, list(batch.lengths.sizes)), strict=True)
        ):
            end = size - ahead * self.window
            if end > 0:
                pieces.append(values[max(0, end - self.window) : end])
                rows.append(row)
                sizes.append(len(pieces[-1]))
        device = batch.lengths.device
        return torch.tensor(rows, device=device), Ragged(torch.cat(pieces), Lengths(tuple(sizes), device))


def _put(old: LstmState, rows: Tensor, new: LstmState) -> LstmState:
    return LstmState(old.h.index_copy(0, rows, new.h), old.c.index_copy(0, rows, new.c))


@dataclass(frozen=True)
class Carried(Cache):
    """The state of each row."""

    state: State = ()

    def select(self, rows: Sequence[int]) -> Carried:
        """Return a copy with these rows, in this order."""
        index = torch.tensor(list(rows), device=self.state[0].h.device)
        lengths = tuple(self.lengths[row] for row in rows)
        return Carried((), lengths, state=tuple(layer.select(index) for layer in self.state))


class AwdLstmLanguageModel(nn.Module):
    """The backbone, and the bias of the next word's logits. Implements `models.base.LanguageModel`."""

    context = None

    def __init__(self, backbone: AwdLstm) -> None:
        super().__init__()
        self.backbone = backbone
        self.dropout = LockedDropout(backbone.config.output_dropout)
        self.bias = nn.Parameter(torch.zeros(backbone.config.vocab_size))

    @property
    def config(self) -> AwdLstmConfig:
        """The backbone's."""
        return self.backbone.config

    @property
    def words(self) -> Tensor:
        """The word embeddings [V, D], which are the output matrix too."""
        return self.backbone.embeddings.word.weight

    def read(self, batch: Tokens, state: State | None = None) -> tuple[Ragged, Ragged, State]:
        """Return the last layer's vectors [N, D] before and after their dropout, and the new state.

        What training needs: `loss` reads those after dropout.
        """
        features = self.backbone.features(batch, state)
        return features.tokens, self.dropout(features.tokens), features.state

    def loss(self, x: Tensor, targets: Tensor) -> Tensor:
        """Return the mean cross-entropy, in nats, of the words [N] that follow vectors x [N, D] after their dropout."""
        return vocabulary_cross_entropy(x, self.words, self.bias, targets)

    def unembed(self, x: Tensor) -> Tensor:
        """Return the logits of vectors, [..., D] -> [..., V]."""
        return F.linear(x, self.words, self.bias)

    def logits(self, batch: Tokens) -> Tensor:
        """Return the next word's logits after each word, [N, V]."""
        return self.unembed(self.read(batch)[1].values)

    def start(self, rows: int, memory: Ragged | None = None) -> Cache:
        """Return the state before the first word; raises UsageError on memory: there is no encoder."""
        if memory is not None:
            raise UsageError(f"{type(self).__name__} has no encoder", where="memory")
        layers = cast("list[WeightDroppedLstm]", list(self.backbone.layers))
        return Carried((), (0,) * rows, state=tuple(layer.start(rows) for layer in layers))

    def step(self, batch: Tokens, cache: Cache) -> tuple[Tensor, Cache]:
        """Take in each row's new words; return its last one's logits [B, V] and the new state."""
        assert isinstance(cache, Carried)
        if len(batch.lengths) != len(cache):
            raise UsageError(
                f"{len(batch.lengths)} rows of new tokens, but the cache holds {len(cache)}", where="cache"
            )
        _, x, state = self.read(batch, cache.state)
        lengths = tuple(old + new for old, new in zip(cache.lengths, batch.lengths.sizes, strict=True))
        return self.unembed(last_tokens(x)), Carried((), lengths, state=state)
