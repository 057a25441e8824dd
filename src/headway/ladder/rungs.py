"""The rungs of the ladder for texts and labels, cheapest first."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from headway.core.device import choose_device
from headway.core.errors import UsageError
from headway.core.progress import Progress
from headway.data.examples import Examples
from headway.weights import catalog

if TYPE_CHECKING:
    from headway.ladder.encoder_training import FineTuning, FrozenTraining
    from headway.models.base import Predictor

# Below this many rows an n-gram seen once helps, above it only costs: 3-fold cross-validation on training rows
# of trec (5,452 and 500 rows), sst2 (2,000, two samples) and sms_spam.
FEW_ROWS = 3000


@dataclass(frozen=True)
class Workload:
    """What a rung would have to do in this run."""

    texts: Sequence[str]
    classes: int
    training_rows: tuple[int, ...]  # of each training: the parts', and the refit's on all rows
    predicted_rows: int


@dataclass(frozen=True)
class Estimate:
    """Seconds and bytes of memory, before anything is trained."""

    seconds: float
    memory: int


class Rung(Protocol):
    """One step of the ladder: an estimate, and a training that yields a predictor."""

    name: str
    title: str
    needs: tuple[str, ...]  # names of catalog rows

    def estimate(self, work: Workload) -> Estimate:
        """Return what the workload would cost."""

    def fit(self, examples: Examples, seed: int, progress: Progress) -> "Predictor":
        """Train on the examples; a pure function of examples and seed."""


class MajorityRung:
    """The class shares of the training rows."""

    name = "majority"
    title = "Majority class"
    needs: tuple[str, ...] = ()

    def estimate(self, work: Workload) -> Estimate:
        """Return next to nothing."""
        return Estimate(seconds=0.01, memory=0)

    def fit(self, examples: Examples, seed: int, progress: Progress) -> "Predictor":
        """Count the classes."""
        from headway.models.majority import Majority

        return Majority.fit(examples.names, examples.labels)


class NgramRung:
    """TF-IDF over word and character n-grams, logistic regression."""

    name = "ngrams"
    title = "N-grams"
    needs: tuple[str, ...] = ()

    def estimate(self, work: Workload) -> Estimate:
        """Counting costs by the character; each class is a regression of its own."""
        characters = sum(map(len, work.texts)) / max(len(work.texts), 1)
        regressions = 1 if work.classes == 2 else work.classes
        per_row = characters * (6e-6 + 2e-7 * regressions)
        seconds = 1.0 + per_row * sum(work.training_rows) + 6e-6 * characters * work.predicted_rows
        return Estimate(seconds, memory=int(60 * characters * len(work.texts)) + 200_000_000)

    def fit(self, examples: Examples, seed: int, progress: Progress) -> "Predictor":
        """Fit vocabulary and classifiers."""
        from headway.models.bag import Bag, BagConfig

        config = BagConfig(min_rows=1 if len(examples) < FEW_ROWS else 2)
        return Bag.fit(examples.names, examples.texts, examples.labels, config, seed, progress)


class EncoderRung:
    """A rung on a pretrained encoder; torch and the weights are loaded when it is first estimated or trained."""

    def __init__(self, name: str, title: str, training: str, model: str, device: str | None) -> None:
        self.name = name
        self.title = title
        self.needs: tuple[str, ...] = (model,) if model in catalog.CATALOG else ()
        self._model = model
        self._class = training  # in ladder.encoder_training
        self._device = device

    @cached_property
    def _training(self) -> "FrozenTraining | FineTuning":
        from headway.ladder import encoder_training

        training: FrozenTraining | FineTuning
        training = getattr(encoder_training, self._class)(self._model, choose_device(self._device))
        return training

    def estimate(self, work: Workload) -> Estimate:
        """Time a sample."""
        return self._training.estimate(work)

    def fit(self, examples: Examples, seed: int, progress: Progress) -> "Predictor":
        """Train on the examples."""
        return self._training.fit(examples, seed, progress)


def text_rungs(device: str | None, model: str = "minilm") -> list[Rung]:
    """Return the ladder for texts, cheapest first; its encoder is one of the zoo, or a folder's.

    Raises UsageError when ``model`` is neither.
    """
    if model not in catalog.CATALOG and not Path(model).is_dir():
        raise UsageError(
            f"{model!r} is neither a model of the zoo nor a folder",
            where="--model",
            remedy=f"Known models: {', '.join(sorted(catalog.CATALOG))}.",
        )
    return [
        MajorityRung(),
        NgramRung(),
        EncoderRung("frozen", "Frozen encoder", "FrozenTraining", model, device),
        EncoderRung("finetuned", "Fine-tuned encoder", "FineTuning", model, device),
    ]
