"""LSTMs (Hochreiter and Schmidhuber 1997) over ragged batches, with their state passed in and returned.

    i, f, o = sigmoid(W x + U h + b)    input, forget and output gate
    g       = tanh(W x + U h + b)       what may be written
    c'      = f c + i g                 the cell, [H]
    h'      = o tanh(c')                what is read, [H]

The rows of W and U are the gates' blocks in torch's order i, f, g, o.

Letters: B rows, N packed tokens, D size of the input, H of the cell, P of the projection.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from headway.blocks.dropout import check_probability, keep_mask
from headway.blocks.ragged import Lengths, Ragged
from headway.core.errors import UsageError

_TOKENS_AT_ONCE = 4096  # whose gates are held at a time: the memory of a text of any length is bounded


class LstmState(NamedTuple):
    """What a layer keeps of B rows: ``h`` [B, P], what it returned last, and its cells ``c`` [B, H]."""

    h: Tensor
    c: Tensor

    @classmethod
    def zeros(cls, rows: int, d_hidden: int, d_cell: int, like: Tensor) -> LstmState:
        """Return the state before the first token, of the type and on the device of ``like``."""
        return cls(like.new_zeros(rows, d_hidden), like.new_zeros(rows, d_cell))

    def select(self, rows: Tensor) -> LstmState:
        """Return a copy with these rows, in this order."""
        return LstmState(self.h.index_select(0, rows), self.c.index_select(0, rows))

    def detach(self) -> LstmState:
        """Return the same values without what they were computed from: backpropagation ends here."""
        return LstmState(self.h.detach(), self.c.detach())

    def check(self, rows: int) -> LstmState:
        """Return itself; raises UsageError unless it is of so many rows."""
        if len(self.h) != rows:
            raise UsageError(f"is of {len(self.h)} rows, the batch has {rows}", where="state")
        return self


@dataclass(frozen=True)
class TimeOrder:
    """A batch read step by step: rows longest first, and at step t those that have a token there.

    ``index`` [N] is the packed token at each place of that order, ``inverse`` [N] its inverse, ``steps`` [T] how many
    rows each step has, ``rows`` [B] the order of the rows and ``places`` [B] its inverse.
    """

    index: Tensor
    inverse: Tensor
    steps: tuple[int, ...]
    rows: Tensor
    places: Tensor

    @classmethod
    def of(cls, lengths: Lengths, *, backwards: bool = False) -> TimeOrder:
        """Order a batch; backwards: each row is read from its own last token to its first."""
        sizes = np.array(lengths.sizes)
        rows = np.argsort(-sizes, kind="stable")
        T = lengths.longest
        step = np.arange(T)[:, None]  # [T, 1]
        there = step < sizes[rows]  # [T, B]
        starts = (np.cumsum(sizes) - sizes)[rows]
        index = (starts + (sizes[rows] - 1 - step if backwards else step))[there]  # [N]
        inverse = np.empty_like(index)
        inverse[index] = np.arange(len(index))
        places = np.empty_like(rows)
        places[rows] = np.arange(len(rows))

        def tensor(array: np.ndarray) -> Tensor:
            return torch.from_numpy(array).to(lengths.device)

        return cls(
            tensor(index), tensor(inverse), tuple(there.sum(axis=1).tolist()), tensor(rows), tensor(places)
        )


class ProjectedLstm(nn.Module):
    """An LSTM whose output is a projection of its cell's, both clipped (Sak et al. 2014; Peters et al. 2018).

    After c' is computed it is clipped to +-cell_clip; then h' = clip(R (o tanh(c')), +-projection_clip), [P], is both
    what is returned and what the next step reads. None: not clipped.
    """

    def __init__(
        self,
        d_input: int,
        d_cell: int,
        d_projection: int,
        *,
        cell_clip: float | None = None,
        projection_clip: float | None = None,
        backwards: bool = False,
    ) -> None:
        super().__init__()
        self.cell_clip = cell_clip
        self.projection_clip = projection_clip
        self.backwards = backwards
        self.weight_ih = nn.Parameter(torch.empty(4 * d_cell, d_input))
        self.weight_hh = nn.Parameter(torch.empty(4 * d_cell, d_projection))
        self.bias = nn.Parameter(torch.empty(4 * d_cell))
        self.weight_hr = nn.Parameter(torch.empty(d_projection, d_cell))
        for weight in (self.weight_ih, self.weight_hh, self.weight_hr):
            nn.init.xavier_uniform_(weight)
        nn.init.zeros_(self.bias)
        with torch.no_grad():  # remember, at first (Jozefowicz et al. 2015)
            self.bias[d_cell : 2 * d_cell].fill_(1.0)

    def start(self, rows: int) -> LstmState:
        """Return the state before the first token."""
        P, H = self.weight_hr.shape
        return LstmState.zeros(rows, P, H, like=self.bias)

    def forward(
        self, x: Ragged, state: LstmState | None = None, order: TimeOrder | None = None
    ) -> tuple[Ragged, LstmState]:
        """Return what it reads of each token, [N, D] -> [N, P], and the state after each row's last one.

        order: the batch's, in this layer's direction, where the caller has it.
        """
        B = len(x.lengths)
        state = self.start(B) if state is None else state.check(B)
        order = order or TimeOrder.of(x.lengths, backwards=self.backwards)
        h, c = state.select(order.rows)
        values = x.values.index_select(0, order.index)
        outputs: list[Tensor] = []
        ended: list[LstmState] = []
        begin = 0
        for steps in _blocks(order.steps):
            tokens = sum(steps)
            gates = F.linear(values[begin : begin + tokens], self.weight_ih, self.bias)
            begin += tokens
            for of_step in torch.split(gates, steps):
                n = len(of_step)
                if n < len(h):  # the shorter rows end
                    ended.append(LstmState(h[n:], c[n:]))
                    h, c = h[:n], c[:n]
                h, c = self._step(of_step, h, c)
                outputs.append(h)
        last = [LstmState(h, c), *reversed(ended)]
        after = LstmState(torch.cat([part.h for part in last]), torch.cat([part.c for part in last]))
        return x.with_values(torch.cat(outputs).index_select(0, order.inverse)), after.select(order.places)

    def _step(self, gates: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        i, f, g, o = torch.addmm(gates, h, self.weight_hh.T).chunk(4, dim=1)
        c = torch.addcmul(f.sigmoid() * c, i.sigmoid(), g.tanh())
        if self.cell_clip is not None:
            c = c.clamp(-self.cell_clip, self.cell_clip)
        h = F.linear(o.sigmoid() * c.tanh(), self.weight_hr)
        if self.projection_clip is not None:
            h = h.clamp(-self.projection_clip, self.projection_clip)
        return h, c


class WeightDroppedLstm(nn.Module):
    """An LSTM in torch's own kernels, with dropout on its recurrent matrix U (DropConnect; Merity et al. 2018).

    In training each call draws one mask for U, the same at every step; the raw U is what is trained, and is never
    changed by a call. Two biases, as torch and the published weights have them.
    """

    def __init__(self, d_input: int, d_cell: int, weight_dropout: float) -> None:
        super().__init__()
        self.weight_dropout = check_probability(weight_dropout)
        self.weight_ih = nn.Parameter(torch.empty(4 * d_cell, d_input))
        self.weight_hh = nn.Parameter(torch.empty(4 * d_cell, d_cell))
        self.bias_ih = nn.Parameter(torch.empty(4 * d_cell))
        self.bias_hh = nn.Parameter(torch.empty(4 * d_cell))
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -(d_cell**-0.5), d_cell**-0.5)

    def start(self, rows: int) -> LstmState:
        """Return the state before the first token."""
        H = self.weight_hh.shape[1]
        return LstmState.zeros(rows, H, H, like=self.bias_ih)

    def forward(
        self, x: Ragged, state: LstmState | None = None, order: TimeOrder | None = None
    ) -> tuple[Ragged, LstmState]:
        """Return h of each token, [N, D] -> [N, H], and the state after each row's last one.

        order: the batch's, where the caller has it; rows of one length need none.
        """
        B = len(x.lengths)
        state = self.start(B) if state is None else state.check(B)
        weights = [self.weight_ih, self._recurrent(), self.bias_ih, self.bias_hh]
        if len(set(x.lengths.sizes)) == 1:  # a rectangle, time first
            rectangle = x.values.view(B, x.lengths.longest, -1).transpose(0, 1)
            before = [state.h[None], state.c[None]]
            out, h, c = torch.lstm(rectangle, before, weights, True, 1, 0.0, self.training, False, False)
            return x.with_values(out.transpose(0, 1).flatten(0, 1)), LstmState(h[0], c[0])
        order = order or TimeOrder.of(x.lengths)
        sorted_state = state.select(order.rows)
        before = [sorted_state.h[None], sorted_state.c[None]]
        values = x.values.index_select(0, order.index)
        steps = torch.tensor(order.steps)
        out, h, c = torch.lstm(values, steps, before, weights, True, 1, 0.0, self.training, False)
        return x.with_values(out.index_select(0, order.inverse)), LstmState(h[0], c[0]).select(order.places)

    def _recurrent(self) -> Tensor:
        if not self.training or self.weight_dropout == 0:
            return self.weight_hh
        weight = self.weight_hh
        return weight * keep_mask(weight.shape, self.weight_dropout, weight.dtype, weight.device)


def own_numbers(x: Tensor) -> torch.autocast:
    """Return a context in which an LSTM computes in its weights' numbers, whatever training multiplies in.

    Rounded at each of many steps, the error would grow with the text.
    """
    return torch.autocast(x.device.type, enabled=False)


def _blocks(steps: Sequence[int]) -> Iterator[list[int]]:
    """Cut the steps' sizes into parts of at most `_TOKENS_AT_ONCE` tokens, at least one step each."""
    block: list[int] = []
    tokens = 0
    for size in steps:
        if block and tokens + size > _TOKENS_AT_ONCE:
            yield block
            block, tokens = [], 0
        block.append(size)
        tokens += size
    yield block
