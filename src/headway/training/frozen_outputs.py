"""What comes out of a backbone's frozen layer groups: computed once a text, and kept in memory-mapped files.

While the lower groups are frozen they make the same of a text in every epoch, since they compute as in evaluation. So
the vectors that come out of them are kept, and an epoch begins with these. Where groups thaw from epoch to epoch, the
vectors that each of the epochs will read are computed on the way up, and those of an epoch that is past are dropped.
The plain twin computes the frozen groups anew in each batch.
"""

import hashlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from headway.blocks.ragged import Lengths, Ragged
from headway.core.files import human_bytes, read_json, remove_folder, write_json
from headway.core.progress import Progress
from headway.core.remembered import Remembered
from headway.tasks.classification import Batch
from headway.tasks.encoder import TextEncoder

TEXTS_IN_A_FILE = 256
TOKENS_IN_A_BATCH = 4096
SHARE_OF_DISK = 0.5  # of what is free, at the most
_PLAN = "depths.json"


class FrozenOutputs:
    """The outputs of the layer groups below ``lowest(epoch)``, the lowest that learns in an epoch, for ``epochs``.

    ``ids`` are the texts, [length] each (or of ELMo's words, [length, 50]). The outputs are kept in ``folder``, found
    again by texts, weights and arithmetic. Where the disk has no room they are not kept; that is said, and decided once
    for a folder.
    """

    def __init__(
        self,
        encoder: TextEncoder,
        ids: Sequence[np.ndarray],
        lowest: Callable[[int], int],
        epochs: int,
        folder: Path,
        progress: Progress,
    ) -> None:
        self._encoder = encoder
        self._backbone = encoder.backbone
        self._ids = ids
        self._lowest = lowest
        self._folder = folder
        self._progress = progress
        above = [
            lowest(epoch) for epoch in range(epochs) if lowest(epoch) > 1
        ]  # embeddings are looked up as fast
        self._depths = self._decided(sorted(set(above)) if len(above) > 1 else [])
        self._known: dict[int, Remembered[np.ndarray]] = {}
        self._rows: dict[int, list[np.ndarray]] = {}

    def begin(self, epoch: int) -> int:
        """Have all outputs that an epoch reads; drop those that only epochs before it have read.

        Returns the layer group that the epoch's batches begin with: 0 where nothing is kept for it.
        """
        lowest = self._lowest(epoch)
        for past in [depth for depth in self._depths if depth > lowest]:
            self._known.pop(past, None)
            self._rows.pop(past, None)
            remove_folder(self._folder / f"{past}")
        if lowest not in self._depths:
            return 0
        if lowest not in self._rows:
            self._rows[lowest] = self._all(lowest)
        return lowest

    def advanced(self, batch: Batch, rows: Sequence[int], first: int) -> Batch:
        """Return a batch of the texts at ``rows`` as it comes out of the groups before ``first``, where this epoch
        begins.
        """
        return batch._replace(texts=self._laid([self._rows[first][row] for row in rows]), first=first)

    def _decided(self, depths: list[int]) -> list[int]:
        """Return the depths that are kept, by the room on the disk; the answer is written down."""
        path = self._folder / _PLAN
        if not path.is_file():
            texts = [min(self._ids, key=len)]
            with self._still():
                widths = sum(
                    self._advanced(self._encoder.pack(texts), 0, depth).values.numel() for depth in depths
                )
            needed = 4 * widths // len(texts[0]) * sum(map(len, self._ids))
            self._folder.mkdir(parents=True, exist_ok=True)
            if needed > SHARE_OF_DISK * shutil.disk_usage(self._folder).free:
                self._progress.say(
                    f"  {human_bytes(needed)} of frozen layers' outputs are more than half of the free disk: "
                    "they are computed anew in each epoch"
                )
                depths = []
            write_json(path, depths)
        kept: list[int] = read_json(path)
        return kept

    def _all(self, depth: int) -> list[np.ndarray]:
        """Return each text's outputs at a depth; what is not known yet is computed."""
        self._progress.begin("frozen layers", len(self._ids), "texts")
        order = np.argsort([len(ids) for ids in self._ids], kind="stable").tolist()
        rows: dict[int, np.ndarray] = {}
        for start in range(0, len(order), TEXTS_IN_A_FILE):
            some = order[start : start + TEXTS_IN_A_FILE]
            rows |= dict(zip(some, self._remembered(depth)([self._ids[row] for row in some]), strict=True))
            self._progress.advance(len(some))
        return [rows[row] for row in range(len(order))]

    def _remembered(self, depth: int) -> Remembered[np.ndarray]:
        if depth not in self._known:
            groups = self._backbone.layer_groups()[:depth]
            digest = hashlib.sha256(str(self._encoder.arithmetic).encode())
            for parameter in (parameter for group in groups for parameter in group.parameters):
                digest.update(parameter.detach().cpu().numpy().tobytes())
            identity = f"{depth}, {digest.hexdigest()}"
            self._known[depth] = Remembered(
                lambda ids: self._compute(ids, depth), _key, identity, self._folder / f"{depth}"
            )
        return self._known[depth]

    def _compute(self, ids: Sequence[np.ndarray], depth: int) -> Iterator[np.ndarray]:
        """Yield each text's vectors at a depth, from the depth below it that is kept too, or from the texts."""
        below = max((kept for kept in self._depths if kept < depth), default=0)
        read = self._remembered(below)(ids) if below else ids
        for rows in _of_bounded_tokens(read):
            with self._still():
                out = self._advanced(self._laid(rows) if below else self._encoder.pack(rows), below, depth)
            yield from np.split(out.values.float().cpu().numpy(), np.cumsum(out.lengths.sizes)[:-1])

    def _advanced(self, batch: Ragged, first: int, last: int) -> Ragged:
        """Advance a batch; where no group is left, to the vectors of whole texts [B, P], one a row."""
        if last < len(self._backbone.layer_groups()):
            return self._backbone.advance(batch, first, last)
        pooled = self._backbone.summarize(batch, first)
        return Ragged(pooled, Lengths((1,) * len(pooled), pooled.device))

    def _laid(self, arrays: Sequence[np.ndarray]) -> Ragged:
        values: Tensor = torch.from_numpy(np.concatenate(arrays))
        return Ragged(values, Lengths(tuple(map(len, arrays)))).to(self._encoder.device)

    @contextmanager
    def _still(self) -> Iterator[None]:
        """Compute as in evaluation, in the training's arithmetic; then each module is as it was."""
        modules = list(cast("nn.Module", self._backbone).modules())
        before = [module.training for module in modules]
        cast("nn.Module", self._backbone).eval()
        try:
            with torch.no_grad(), self._encoder.arithmetic.forward():
                yield
        finally:
            for module, training in zip(modules, before, strict=True):
                module.training = training


def _key(ids: np.ndarray) -> str:
    return hashlib.sha256(ids.tobytes()).hexdigest()


def _of_bounded_tokens(rows: Sequence[np.ndarray]) -> Iterator[list[np.ndarray]]:
    """Cut rows into stretches of at most so many tokens as a batch has, or of one that has more."""
    some: list[np.ndarray] = []
    for row in rows:
        if some and sum(map(len, some)) + len(row) > TOKENS_IN_A_BATCH:
            yield some
            some = []
        some.append(row)
    yield some
