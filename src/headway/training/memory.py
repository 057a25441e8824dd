"""The memory of a training: what a step keeps for its backward pass, and how many tokens it can therefore compute
at once.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from headway.core.errors import ResourceError
from headway.core.files import human_bytes

MOST_AT_ONCE = 4096  # tokens; more are no faster
SHARE = 0.8  # of the free memory is planned with, since other programs take some too
WORKING_SPACE = 1.5  # times what a step keeps is what it takes, with the gradients in passing
BASE = 500_000_000  # torch, the tokenizer, the texts
PER_WEIGHT = 16  # itself, its gradient and AdamW's two means, in float32
READ = 4  # of them are read from the file


@dataclass(frozen=True)
class Need:
    """The bytes that a training takes: those of its weights, and those of each token that is computed at once."""

    fixed: float
    per_token: float
    longest: int  # tokens of the longest row, which is computed whole
    batch: int  # tokens of the largest batch

    @classmethod
    def of(
        cls, model: nn.Module, kept: int, tokens: int, longest: int, batch_size: int, shares: int = 1
    ) -> "Need":
        """Go by what was kept (`kept_bytes`) of rows with so many tokens in all; the longest of the data has
        ``longest``. Of so many ``shares`` each process holds one, once it has read the weights.
        """
        weights = sum(parameter.numel() for parameter in model.parameters())
        return cls(
            fixed=(READ + (PER_WEIGHT - READ) / shares) * weights + BASE,
            per_token=WORKING_SPACE * kept / tokens,
            longest=longest,
            batch=longest * batch_size,
        )

    def memory(self, tokens_at_once: int) -> int:
        """Return the bytes at the most where at most so many tokens, or one row, are computed at once."""
        return int(self.fixed + self.per_token * min(max(tokens_at_once, self.longest), self.batch))

    def tokens_at_once(self, free: int) -> int:
        """Return how many tokens to compute at once so that memory holds: half, a quarter of the most, and so on, but
        no fewer than the longest row has, whether or not these fit.
        """
        tokens = max(MOST_AT_ONCE, self.longest)
        while tokens > self.longest and self.memory(tokens) > SHARE * free:
            tokens = max(self.longest, tokens // 2)
        return tokens

    def require(self, tokens_at_once: int, free: int) -> None:
        """Raise ResourceError where not even a part of so many tokens fits."""
        needed, tokens = self.memory(tokens_at_once), max(tokens_at_once, self.longest)
        if needed > free:
            what = "one text of" if tokens == self.longest else "texts of at most"
            raise ResourceError(
                f"{what} {tokens:,} tokens at a time would need about {human_bytes(needed)} of memory, "
                f"{human_bytes(free)} are free",
                remedy="Use a smaller model, shorter texts, or a machine with more memory.",
            )


def kept_bytes(model: nn.Module, loss: Callable[[], Tensor]) -> int:
    """Compute a loss and return the bytes that autograd keeps for its gradient, the weights not counted."""
    weights = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    kept: dict[int, tuple[int, Tensor]] = {}  # by address; the tensor is held so that no address comes twice

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes(), tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        loss()
    return sum(size for size, _ in kept.values())
