"""How a linear head is trained on a learned mix of a frozen encoder's depths, of texts and of words. Loads torch.

This is how ELMo was published to be used (Peters et al. 2018, section 3.3), without fine-tuning; any encoder serves
whose depths are of one size.
"""

from dataclasses import replace

import numpy as np
import torch

from headway.core.errors import WeightsError
from headway.ladder.encoder_training import FrozenTraining
from headway.ladder.rungs import Estimate, Workload
from headway.ladder.tag_training import FrozenTagging
from headway.tasks import layer_mix
from headway.tasks.encoder import TextEncoder
from headway.tasks.tagging import EncoderTagger

SECONDS_A_NUMBER = 1e-6  # of a row at one depth, in all steps of learning a mix


class MixedTraining(FrozenTraining):
    """A linear head on a mix of all depths; the features of each are computed once a text."""

    mixed = True

    def __init__(self, model: str, device: torch.device) -> None:
        super().__init__(model, device)
        self.config = replace(self.config, depths=depths_to_mix(self.encoder))

    def estimate(self, work: Workload) -> Estimate:
        """Add to the frozen encoder's estimate what learning the mix takes, by rows and numbers."""
        return _with_mix(super().estimate(work), self.encoder, sum(work.training_rows))


class MixedTagging(FrozenTagging):
    """A linear head on a mix of all depths of each word, which are computed once a sentence."""

    def __init__(self, model: str, device: torch.device) -> None:
        super().__init__(model, device)
        self.depths = depths_to_mix(self.words.encoder)

    @property
    def features(self) -> int:
        """How many numbers of a word the head reads: those of one depth."""
        return self.words.encoder.backbone.num_features

    def estimate(self, work: Workload) -> Estimate:
        """Add to the frozen encoder's estimate what learning the mix takes, by words and numbers."""
        words = sum(map(len, work.inputs)) / max(len(work.inputs), 1) * sum(work.training_rows)
        return _with_mix(super().estimate(work), self.words.encoder, words)

    def tagger(self, names: tuple[str, ...], features: np.ndarray, tags: np.ndarray) -> EncoderTagger:
        """Fit mix and head on words' features [W, F] and tags [W]."""
        penalty = 1 / self.inverse_regularisation
        mix, head = layer_mix.learn([features], self.depths, tags, len(names), penalty)
        settings = self.settings | layer_mix.mix_settings(mix)
        return EncoderTagger(names, self.words, head, self.depths, settings, self.vectors, mix=mix)


def depths_to_mix(encoder: TextEncoder) -> int:
    """Return how many depths an encoder has; raises WeightsError where they are of several sizes."""
    sizes = encoder.depth_sizes
    if len(set(sizes)) > 1:
        raise WeightsError(
            f"the encoder's depths have {', '.join(map(str, sizes))} numbers: only depths of one size can be mixed",
            where="rung mixed",
            remedy="Use the rung frozen, which sets them side by side, or an encoder such as ELMo or BERT.",
        )
    return len(sizes)


def _with_mix(estimate: Estimate, encoder: TextEncoder, rows: float) -> Estimate:
    learning = SECONDS_A_NUMBER * sum(encoder.depth_sizes) * rows
    return replace(estimate, seconds=estimate.seconds + learning, memory=2 * estimate.memory)
