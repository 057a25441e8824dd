"""Distillation before any task: a student of a pretrained masked language model (Sanh et al. 2019, section 3).

The teacher reads the same masked texts at each step, since what is masked is drawn anew in each epoch.
"""

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor

from headway.models.base import Backbone
from headway.models.bert import Encoder
from headway.models.pretraining_heads import MaskedLanguageModel
from headway.models.student import student_of
from headway.tasks.distillation import DistillationConfig, cosine_loss, soft_loss
from headway.tasks.masked_language import Batch

# Sanh et al. leave the weights to their published code: 5, 2 and 1 at a temperature of 2.
WEIGHTS = DistillationConfig(temperature=2.0, soft=5.0, hard=2.0, cosine=1.0)


def student(teacher: MaskedLanguageModel, num_layers: int | None = None) -> MaskedLanguageModel:
    """Return a model of some of the teacher's layers (half unless told) and a copy of its head.

    Raises UsageError when the teacher has not so many layers to leave out.
    """
    pupil = MaskedLanguageModel(cast("Encoder", student_of(cast("Backbone", teacher.backbone), num_layers)))
    pupil.masked.load_state_dict(teacher.masked.state_dict())
    return pupil.to(next(teacher.parameters()).device)


def loss(
    pupil: MaskedLanguageModel,
    teacher: MaskedLanguageModel,
    examples: Batch,
    config: DistillationConfig = WEIGHTS,
) -> Tensor:
    """Return the weighted sum of three means: soft targets and true tokens, both at the masked places, and the
    direction of the last vectors of all tokens.
    """
    with torch.no_grad():
        wanted, said = teacher.read(examples.tokens, examples.places)
    found, logits = pupil.read(examples.tokens, examples.places)
    total = config.soft * soft_loss(logits.float(), said.float(), config.temperature)
    total = total + config.hard * F.cross_entropy(logits.float(), examples.targets)
    return total + config.cosine * cosine_loss(found.float(), wanted.float())
