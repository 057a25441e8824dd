"""ELMo (Peters et al. 2018, "Deep contextualized word representations", arXiv:1802.05365).

A language model in both directions, read at all of its depths:

- a word is its characters: convolutions, highway layers, a projection (Kim et al. 2016; Jozefowicz et al. 2016);
- each layer is one LSTM from left to right and one from right to left, which do not see each other, each with a
  projection, cells and projections clipped (at 3 as published);
- from the second layer on, a layer adds its input to its output (``skip_connections``);
- a sentence stands between a begin and an end word, which the model adds itself and leaves out of its vectors;
- a word's vector is a learned mix of the depths, the word's own vector (twice, side by side) being the lowest;
- a text's vector is the mean over its words.

Words come as rows of 50 character ids (`core.characters`), a batch as [N, 50].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, cast

import torch
from torch import Tensor, nn

from headway.blocks.characters import CharacterCnn
from headway.blocks.dropout import Dropout
from headway.blocks.pooling import mean_pool
from headway.blocks.ragged import Lengths, Ragged, Tokens
from headway.blocks.recurrent import LstmState, ProjectedLstm, TimeOrder, own_numbers
from headway.blocks.scalar_mix import ScalarMix
from headway.core import characters
from headway.core.config import Config
from headway.core.errors import UsageError
from headway.models.base import Features, LayerGroup
from headway.models.heads import ClassificationHead

State = tuple[tuple[LstmState, LstmState], ...]  # of each layer: from left to right, from right to left


@dataclass(frozen=True, kw_only=True)
class ElmoConfig(Config):
    """The sizes of an ELMo; the defaults are those of the published original."""

    d_character: int = 16
    filters: tuple[tuple[int, int], ...] = (  # width in characters, number
        (1, 32),
        (2, 32),
        (3, 64),
        (4, 128),
        (5, 256),
        (6, 512),
        (7, 1024),
    )
    num_highways: int = 2
    max_characters: int = characters.WIDTH  # of a word, its two marks included
    activation: str = "relu"  # of the convolutions: a key of blocks.feedforward.ACTIVATIONS
    d_cell: int = 4096
    d_projection: int = 512  # of a direction: a word's vector has twice as many numbers
    num_layers: int = 2
    cell_clip: float | None = 3.0
    projection_clip: float | None = 3.0
    skip_connections: bool = True
    dropout: float = 0.1  # on what a layer reads
    mix_layer_norm: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "filters", tuple((width, number) for width, number in self.filters))

    @property
    def vocab_size(self) -> int:
        """How many character ids there are."""
        return characters.COUNT


class ElmoLayer(nn.Module):
    """One LSTM in each direction."""

    def __init__(self, config: ElmoConfig) -> None:
        super().__init__()

        def lstm(*, backwards: bool) -> ProjectedLstm:
            return ProjectedLstm(
                config.d_projection,
                config.d_cell,
                config.d_projection,
                cell_clip=config.cell_clip,
                projection_clip=config.projection_clip,
                backwards=backwards,
            )

        self.left_to_right = lstm(backwards=False)
        self.right_to_left = lstm(backwards=True)


class Elmo(nn.Module):
    """The bidirectional language model with its mix. Implements `models.base.Backbone`; its state may be carried on."""

    config_class: ClassVar[type[Config]] = ElmoConfig
    head_class: ClassVar[type[ClassificationHead]] = ClassificationHead

    def __init__(self, config: ElmoConfig) -> None:
        super().__init__()
        self.config = config
        self.characters = CharacterCnn(
            config.vocab_size,
            config.d_character,
            config.filters,
            config.num_highways,
            config.d_projection,
            config.activation,
        )
        self.layers = nn.ModuleList(ElmoLayer(config) for _ in range(config.num_layers))
        self.mix = ScalarMix(config.num_layers + 1, layer_norm=config.mix_layer_norm)
        self.dropout = Dropout(config.dropout)

    @property
    def num_features(self) -> int:
        """D: both directions side by side."""
        return 2 * self.config.d_projection

    @property
    def num_pooled(self) -> int:
        """The size of a text's vector."""
        return self.num_features

    @property
    def word_table(self) -> None:
        """None: words are read as characters, and two that no text holds stand around it."""
        return None

    def features(self, batch: Tokens, state: State | None = None) -> Features:
        """Return the mix of all depths for each word [N, D], and the state to carry over to the batch that follows.

        None begins anew. Raises UsageError on a state of another number of layers or rows.
        """
        depths, after = self.depths(batch, state)
        return Features(self.mix(depths), after)

    def pooled(self, features: Features) -> Tensor:
        """Return the mean over each text's words, [B, D]."""
        return mean_pool(features.tokens)

    def summarize(self, batch: Ragged, first: int = 0) -> Tensor:
        """Return ``pooled(features(batch))``, [B, D]."""
        with own_numbers(batch.values):
            depths, _ = self._climb(self._depths(batch, first))
        framed = batch.lengths if first else depths[0].lengths
        lengths = Lengths(tuple(size - 2 for size in framed.sizes), framed.device)
        words = _words(lengths)
        return mean_pool(self.mix([Ragged(x.values.index_select(0, words), lengths) for x in depths]))

    def advance(self, batch: Ragged, first: int, last: int) -> Ragged:
        """Compute the layer groups ``first`` to ``last`` (not included). Since the mix reads all depths, they stand
        side by side, begins and ends of sentences among the words: [N + 2 B, last D].
        """
        with own_numbers(batch.values):
            depths, _ = self._climb(self._depths(batch, first), last - 1)
        return depths[0].with_values(torch.cat([depth.values for depth in depths], dim=1))

    def intermediates(self, batch: Tokens) -> list[Ragged]:
        """Return the words' own vectors, twice side by side, and each layer's: num_layers + 1 times [N, D]."""
        return self.depths(batch)[0]

    def layer_groups(self) -> list[LayerGroup]:
        """Return characters, each layer, mix."""
        layers = {f"layers.{i}": layer for i, layer in enumerate(self.layers)}
        modules = {"characters": self.characters, **layers, "mix": self.mix}
        return [LayerGroup(name, tuple(module.parameters())) for name, module in modules.items()]

    def depths(self, batch: Tokens, state: State | None = None) -> tuple[list[Ragged], State]:
        """Return what `intermediates` does, and the new state."""
        with own_numbers(batch.values):
            framed, words = self.framed(batch)
            depths, after = self.run(framed, state)
        return [Ragged(depth.values.index_select(0, words), batch.lengths) for depth in depths], after

    def run(self, x: Ragged, state: State | None = None) -> tuple[list[Ragged], State]:
        """Return each depth of sentences whose words' vectors are given, begin and end included, and the new state."""
        if state is not None and (not isinstance(state, tuple) or len(state) != len(self.layers)):
            raise UsageError(f"is not that of {len(self.layers)} layers", where="state")
        return self._climb([_twice(x)], state=state)

    def _depths(self, batch: Ragged, first: int) -> list[Ragged]:
        """Return the depths before a layer group: the words' own at least."""
        if not first:
            return [_twice(self.framed(batch)[0])]
        return [batch.with_values(part) for part in torch.split(batch.values, self.num_features, dim=1)]

    def _climb(
        self, depths: list[Ragged], last: int | None = None, state: State | None = None
    ) -> tuple[list[Ragged], State]:
        """Return the depths with those of the layers that follow, up to the layer ``last``, and the new state."""
        x, depths = depths[-1], list(depths)
        orders = (TimeOrder.of(x.lengths), TimeOrder.of(x.lengths, backwards=True))
        ahead, back = (x.with_values(half) for half in x.values.chunk(2, dim=1))
        after = []
        layers = list(enumerate(cast("list[ElmoLayer]", list(self.layers))))
        for i, layer in layers[len(depths) - 1 : last]:
            before = (None, None) if state is None else state[i]
            lstms = (layer.left_to_right, layer.right_to_left)
            (ahead, ahead_state), (back, back_state) = (
                self._direction(lstm, side, side_state, order, skip=i > 0)
                for lstm, side, side_state, order in zip(lstms, (ahead, back), before, orders, strict=True)
            )
            depths.append(x.with_values(torch.cat([ahead.values, back.values], dim=1)))
            after.append((ahead_state, back_state))
        return depths, tuple(after)

    def word_vectors(self, words: Tensor) -> Tensor:
        """Return the words' own vectors, without context, [W, 50] -> [W, P]: what the first layer reads."""
        vectors: Tensor = self.characters(words)
        return vectors

    def _direction(
        self, lstm: ProjectedLstm, x: Ragged, state: LstmState | None, order: TimeOrder, *, skip: bool
    ) -> tuple[Ragged, LstmState]:
        read = x.with_values(self.dropout(x.values)) if lstm.training else x  # frozen: as in evaluation
        out, after = lstm(read, state, order)
        if skip and self.config.skip_connections:
            out = out.with_values(out.values + x.values)
        return out, after

    def framed(self, batch: Ragged) -> tuple[Ragged, Tensor]:
        """Return the vectors of words, begins and ends [N + 2 B, P], and where the words stand among them [N]."""
        L = self.config.max_characters
        if batch.values.ndim != 2 or batch.values.shape[1] != L:
            raise UsageError(
                f"words must be [N, {L}] character ids, found {list(batch.values.shape)}",
                where="batch",
                remedy="Turn words into ids with data.characters.",
            )
        lengths = batch.lengths
        marks = [characters.frame([mark], L) for mark in (characters.SENTENCE_BEGIN, characters.SENTENCE_END)]
        vectors = self.characters(torch.cat([batch.values, batch.values.new_tensor(marks)]))
        N = lengths.total
        framed = Lengths(tuple(size + 2 for size in lengths.sizes), lengths.device)
        words = _words(lengths)
        index = words.new_full((framed.total,), N + 1)  # the end, but for:
        index[words] = torch.arange(N, device=lengths.device)
        index[framed.offsets] = N  # the begin
        return Ragged(vectors.index_select(0, index), framed), words


def _words(lengths: Lengths) -> Tensor:
    """Return where words stand among words, begins and ends, [N]."""
    return torch.arange(lengths.total, device=lengths.device) + 2 * lengths.rows + 1


def _twice(x: Ragged) -> Ragged:
    """Return the words' own vectors for both directions, side by side."""
    return x.with_values(torch.cat([x.values, x.values], dim=1))
