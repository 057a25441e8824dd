"""Language-model training, tokens a second: AWD-LSTM in Headway's loop against a plain loop over nn.LSTM.

The same words, rows, windows, layers and tied output on both sides, AdamW and clipped gradients. Headway computes as
`headway pretrain` does here, every dropout and both penalties on. The plain loop stands there three times: without any
dropout, with nn.Dropout in three of ours' five places, and with that under bfloat16 autocast.

Usage: language_model.py [tiny|mini|small] [rounds] [windows in a round]
"""

import sys
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from texts import DATA
from timing import alternate, report
from torch import Tensor, nn

from headway.core.progress import Silent
from headway.data.word_vocabulary import train_words
from headway.models.awd_lstm import AwdLstm, AwdLstmConfig, AwdLstmLanguageModel
from headway.tasks import running_text
from headway.tasks.running_text import Penalties, Window
from headway.training.groups import parameter_groups
from headway.training.loop import train
from headway.training.pretrain_awd_lstm import ROWS, WINDOW, AwdLstmOnText, Size
from headway.training.pretraining import arithmetic_on
from headway.training.settings import TrainingSettings

State = tuple[Tensor, Tensor]
SETTINGS = TrainingSettings(epochs=1, learning_rate=3e-3, batch_size=ROWS)


class Plain(nn.Module):
    """Embedding, nn.LSTM layers, and a linear layer that shares the embedding's weights."""

    def __init__(self, size: Size, words: int, dropout: float) -> None:
        super().__init__()
        self.words = nn.Embedding(words, size.d_model)
        sizes = [size.d_model, *[size.d_cell] * (size.num_layers - 1), size.d_model]
        self.layers = nn.ModuleList(nn.LSTM(a, b, batch_first=True) for a, b in pairwise(sizes))
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(size.d_model, words)
        self.output.weight = self.words.weight

    def forward(self, ids: Tensor, states: Sequence[State | None]) -> tuple[Tensor, list[State]]:
        x, after = self.words(ids), []
        for layer, state in zip(self.layers, states, strict=True):
            x, (h, c) = layer(self.dropout(x), state)
            after.append((h.detach(), c.detach()))
        return self.output(self.dropout(x)), after


def plain(
    size: Size, words: int, dropout: float, windows: Sequence[Window], *, bfloat16: bool = False
) -> Callable[[], None]:
    """Return an epoch of the plain loop."""
    torch.manual_seed(0)
    model = Plain(size, words, dropout).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=SETTINGS.learning_rate, fused=True)

    def epoch() -> None:
        states: list[State | None] = [None] * size.num_layers
        for window in windows:
            with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
                logits, after = model(window.stream.ids, states)
                loss = F.cross_entropy(logits.flatten(0, 1), window.targets.flatten())
            states = list(after)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), SETTINGS.clip)
            optimizer.step()
            optimizer.zero_grad()

    return epoch


def ours(size: Size, words: int, windows: Sequence[Window]) -> Callable[[], None]:
    """Return an epoch of Headway's loop."""
    torch.manual_seed(0)
    config = AwdLstmConfig(
        vocab_size=words, d_model=size.d_model, d_cell=size.d_cell, num_layers=size.num_layers
    )
    model = AwdLstmLanguageModel(AwdLstm(config))
    groups = parameter_groups(model.parameters(), (), SETTINGS)
    arithmetic = arithmetic_on(torch.device("cpu"))
    state = None

    def loss(window: Window) -> Tensor:
        nonlocal state
        with arithmetic.forward():
            value, state = running_text.loss(model, window, state, WINDOW, Penalties())
        return value

    def epoch() -> None:
        with arithmetic.training():
            train(model, groups, loss, lambda _: windows, SETTINGS, 0, Silent())

    return epoch


def main(name: str = "small", rounds: int = 3, count: int = 4) -> None:
    size = AwdLstmOnText.sizes[name]
    lines = (DATA / "lm_wikitext2/valid.txt").read_text(encoding="utf-8").splitlines()
    tokenizer = train_words(lines, size.vocab_size, lowercase=True, least=1)
    words = size.vocab_size  # rows of the output, whether or not a small corpus fills them
    (ids,) = tokenizer.pieces(["\n".join(lines)])
    windows = running_text.windows(np.asarray(ids), ROWS, WINDOW, 0, 0, torch.device("cpu"))[:count]
    tokens = sum(window.targets.numel() for window in windows)
    contenders = {
        "Headway": ours(size, words, windows),
        "nn.LSTM without dropout": plain(size, words, 0.0, windows),
        "nn.LSTM with nn.Dropout": plain(size, words, 0.25, windows),
        "the same under bfloat16 autocast": plain(size, words, 0.25, windows, bfloat16=True),
    }
    title = f"{name}: {size.num_layers} layers of {size.d_cell}, {words:,} words, {torch.get_num_threads()} threads"
    report(title, alternate(contenders, rounds), "Headway", tokens, "tokens/s")


if __name__ == "__main__":
    main(*sys.argv[1:2], *map(int, sys.argv[2:4]))
