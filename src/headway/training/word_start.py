"""Word embeddings that begin as skip-gram vectors of the same text (Mikolov et al. 2013), not as noise.

Masked tokens teach a table of word embeddings slowly: a step asks for 15 % of its pieces. Skip-grams ask every piece
for all its neighbours, at a thousandth of the cost. What the layers learn then begins from words that already know
their kin. It is this project's choice, not Devlin et al.'s.
"""

from collections.abc import Iterable

import numpy as np
import torch
from torch import nn

from headway.data.word_corpus import encode
from headway.models.word2vec import Word2VecConfig
from headway.training.word2vec.train import Training, train

EPOCHS = 8
DEVIATION = 0.08  # of the rows' numbers; of fresh ones 0.02, which the first steps would write over


def begin_as_skip_grams(table: nn.Embedding, lines: Iterable[np.ndarray], seed: int) -> None:
    """Put a vector into the table's row of each piece that the lines, arrays of ids, hold; leave the other rows.

    The vectors are centred, as the frequent pieces share a direction, and scaled to one deviation. One thread trains
    them: the same lines and seed give the same bytes. Raises TrainingError on lines of fewer than two different pieces.
    """
    corpus = encode((list(map(str, line.tolist())) for line in lines), min_count=1)
    config = Word2VecConfig(d_model=table.embedding_dim, min_count=1)
    found = train(corpus, config, Training(epochs=EPOCHS, threads=1), seed).finish()
    vectors = found.matrix - found.matrix.mean(axis=0)
    rows = torch.tensor([int(word) for word in found.words], device=table.weight.device)
    with torch.no_grad():
        table.weight[rows] = torch.from_numpy(vectors * (DEVIATION / vectors.std())).to(table.weight)
