"""Words out of their characters: convolutions, highway layers, a projection (Kim et al. 2016; Peters et al. 2018)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from headway.blocks.feedforward import activation
from headway.core.errors import UsageError

_WORDS_AT_ONCE = 1024  # bounds the memory: a word's convolutions hold some hundred kilobytes


class Highway(nn.Module):
    """T(x) relu(H(x)) + (1 - T(x)) x, with T(x) = sigmoid(gate(x)) (Srivastava et al. 2015, equation 3)."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.transform = nn.Linear(d_model, d_model)
        self.gate = nn.Linear(d_model, d_model)
        for linear, bias in ((self.transform, 0.0), (self.gate, -2.0)):  # at first, mostly carry
            nn.init.normal_(linear.weight, std=d_model**-0.5)
            nn.init.constant_(linear.bias, bias)

    def forward(self, x: Tensor) -> Tensor:
        """Transform each vector by itself, [..., D] -> [..., D]."""
        return torch.lerp(x, torch.relu(self.transform(x)), self.gate(x).sigmoid())


class CharacterCnn(nn.Module):
    """A word's vector [P] from its character ids [L].

    Each of the filters (their width, their number) runs over the characters' embeddings; its maximum over all places,
    through the activation, is one number. All of them pass the highway layers and a linear projection.
    """

    def __init__(
        self,
        num_characters: int,
        d_character: int,
        filters: Sequence[tuple[int, int]],
        num_highways: int,
        d_projection: int,
        activation_name: str,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(num_characters, d_character)
        self.convolutions = nn.ModuleList(nn.Conv1d(d_character, number, width) for width, number in filters)
        numbers = sum(number for _, number in filters)
        self.highways = nn.ModuleList(Highway(numbers) for _ in range(num_highways))
        self.projection = nn.Linear(numbers, d_projection)
        self.activation = activation(activation_name)
        nn.init.uniform_(self.embedding.weight, -1.0, 1.0)
        for convolution in self.convolutions:
            assert isinstance(convolution, nn.Conv1d) and convolution.bias is not None
            nn.init.uniform_(convolution.weight, -0.05, 0.05)
            nn.init.zeros_(convolution.bias)
        nn.init.normal_(self.projection.weight, std=numbers**-0.5)
        nn.init.zeros_(self.projection.bias)

    def forward(self, characters: Tensor) -> Tensor:
        """Return the vectors of words, [N, L] -> [N, P]. Raises UsageError on an id that the table lacks."""
        rows = self.embedding.num_embeddings
        if characters.numel() and not 0 <= int(characters.min()) <= int(characters.max()) < rows:
            wrong = characters[(characters < 0) | (characters >= rows)][0]
            raise UsageError(
                f"character id {int(wrong)}, but the table has the ids 0 to {rows - 1}",
                where="batch",
                remedy="Turn words into ids with data.characters; ids counted from 1 are one too large.",
            )
        return torch.cat([self._embed(part) for part in torch.split(characters, _WORDS_AT_ONCE)])

    def _embed(self, characters: Tensor) -> Tensor:
        x = self.embedding(characters).transpose(1, 2)  # [N, L, D] -> [N, D, L]
        maxima = [self.activation(convolution(x).amax(dim=2)) for convolution in self.convolutions]
        vectors = torch.cat(maxima, dim=1)
        for highway in self.highways:
            vectors = highway(vectors)
        projected: Tensor = self.projection(vectors)
        return projected
