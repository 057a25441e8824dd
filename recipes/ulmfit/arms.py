"""The arms that are compared: the same network from fresh weights, and ULMFiT with and without further texts."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from recipes.ulmfit.rows import Part

from headway.core.progress import Progress, Silent
from headway.core.seeding import derive
from headway.data.examples import Examples
from headway.ladder.rungs import Scratch
from headway.ladder.ulmfit_training import TunedFineTuning
from headway.models.awd_lstm import AwdLstm
from headway.tasks.encoder import UNBOUNDED, TextEncoder
from headway.training.language_tuning import LanguageTuning

ARMS = ("scratch", "pretrained", "pretrained-unlabelled")
AT_ONCE = {"thaw": 0, "layer_decay": 1.0}  # all layers at one rate from the first step on
CANDIDATES: dict[str, tuple[dict[str, Any], ...]] = {  # the paper's way is the rung's own
    "scratch": tuple({"learning_rate": rate, **AT_ONCE} for rate in (3e-3, 1e-2, 3e-2)),
    "pretrained": ({"learning_rate": 1e-2}, *({"learning_rate": rate, **AT_ONCE} for rate in (3e-3, 1e-2))),
}
CPU = torch.device("cpu")


class FromScratch(TunedFineTuning):
    """The twin: the same words, sizes, batches and epochs, weights drawn anew."""

    def begin(
        self, examples: Examples, seed: int, progress: Progress, scratch: Scratch | None
    ) -> tuple[TextEncoder, dict[str, Any]]:
        work = LanguageTuning.of(self.general, [*examples.inputs, *self.unlabelled], seed)
        with torch.random.fork_rng():
            torch.manual_seed(derive(seed, "scratch"))
            backbone = AwdLstm(work.model.config)
        return TextEncoder(backbone, work.tokenizer, UNBOUNDED, CPU), {}


def learn(
    arm: str, model: Path, part: Part, settings: Mapping[str, Any], seed: int, tuned: Path
) -> np.ndarray:
    """Train an arm with these settings; return its probabilities [B, C] of the test part's classes, sorted by name."""
    kind = FromScratch if arm == "scratch" else TunedFineTuning
    unlabelled = part.texts if arm == "pretrained-unlabelled" else ()
    training = kind(str(model), CPU, unlabelled, settings, tuned)
    examples = Examples.of_texts(*part.labelled, "recipe")
    fitted = training.fit(examples, seed, Silent())
    found = fitted.predict(part.test[0])
    order = np.argsort(fitted.labels)
    return found[:, order]
