"""A recipe made from its settings: which parameters learn how fast, and what goes along with the training."""

from collections.abc import Callable, Sequence
from typing import Any, cast

from headway.core.errors import UsageError
from headway.models.base import Backbone
from headway.models.heads import Classifier, TokenClassifier
from headway.training.averaging import ExponentialMean, StochasticMean
from headway.training.companions import Companion, DropoutFactor, EarlyStop, Thaw
from headway.training.groups import layered_groups
from headway.training.settings import TrainingSettings

SWA_SHARE = (
    0.75  # of the epochs pass before those whose weights are averaged (Izmailov et al. 2018, section 4)
)


def compose(
    model: Classifier | TokenClassifier, settings: TrainingSettings, score: Callable[[], float] | None = None
) -> tuple[list[dict[str, Any]], Sequence[Companion]]:
    """Return AdamW's groups and the companions of a training; ``score`` is the model's on rows kept from it.

    Raises UsageError where the backbone has not the layers that the settings speak of.
    """
    if settings.optimizer != "adamw":
        raise UsageError(
            f"{settings.optimizer} needs running text to validate on",
            where="optimizer",
            remedy="Use it with `headway pretrain --arch awd-lstm --optimizer nt-asgd`.",
        )
    layers = cast("Backbone", model.backbone).layer_groups()
    companions: list[Companion] = []
    if settings.dropout_factor != 1:
        companions.append(DropoutFactor(model, settings.dropout_factor))
    if settings.thaw or settings.frozen_groups:
        companions.append(Thaw(layers, settings.thaw, settings.frozen_groups, model))
    if settings.average == "ema":
        companions.append(ExponentialMean(model))
    if settings.average == "swa":
        companions.append(StochasticMean(model, int(SWA_SHARE * settings.epochs)))
    if settings.patience and score is not None:
        companions.append(EarlyStop(model, score, settings.patience))
    return layered_groups(layers, model.head.parameters(), settings), companions
