"""The rungs of the ladder for texts and labels, cheapest first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from headway.core.device import choose_device
from headway.core.errors import UsageError
from headway.core.progress import Progress
from headway.data.examples import Examples, Task
from headway.data.inputs import SYLLABIC, mean_characters, syllabic_share, texts_of
from headway.weights import catalog

if TYPE_CHECKING:
    from headway.ladder.distillation import Distillation
    from headway.ladder.encoder_training import FineTuning, FrozenTraining
    from headway.ladder.reader_training import ReaderTraining
    from headway.ladder.tag_training import FrozenTagging
    from headway.models.bag import BagConfig
    from headway.models.base import Predictor

DEFAULT_MODEL = "minilm"

# Below this many rows an n-gram seen once helps, above it only costs: 3-fold cross-validation on training rows
# of trec (5,452 and 500 rows), sst2 (2,000, two samples) and sms_spam.
FEW_ROWS = 3000

TEACHERS = {"distilled": "finetuned"}  # rung -> the rung before it that teaches it

# Measured before torch is loaded, and so before the others are estimated.
LIGHT = ("majority", "shares", "mean", "unanswered", "lexical", "lexicon", "ngrams", "pixels")

# Tried where the user names no rungs; the others are tried by name, or with "all".
USUAL = (*LIGHT, "frozen", "scratch", "distilled", "finetuned")


@dataclass(frozen=True)
class Workload:
    """What a rung would have to do in this run."""

    inputs: Sequence[Any]
    classes: int
    training_rows: tuple[int, ...]  # of each training: the parts', and the refit's on all rows
    predicted_rows: int


@dataclass(frozen=True)
class Estimate:
    """Seconds and bytes of memory, before anything is trained."""

    seconds: float
    memory: int
    tokens_at_once: int | None = None  # how much of a batch is computed at once, so that memory holds
    misfit: str | None = None  # what speaks against the rung on these inputs, whatever it costs


@dataclass(frozen=True)
class Scratch:
    """What an unfinished run has for a training: folders in which to keep what it would need again after a kill, and
    what was decided for it.
    """

    rung: Path  # shared by the rung's trainings, one after the other
    training: Path  # of this training alone
    teacher: Path | None = None  # the predictor of the rung that teaches it, trained on the same rows
    tokens_at_once: int | None = None  # the estimate's, as the plan has it


class Rung(Protocol):
    """One step of the ladder: an estimate, and a training that yields a predictor."""

    name: str
    title: str
    needs: tuple[str, ...]  # names of catalog rows

    def estimate(self, work: Workload) -> Estimate:
        """Return what the workload would cost."""

    def fit(
        self, examples: Examples, seed: int, progress: Progress, scratch: Scratch | None = None
    ) -> "Predictor":
        """Train on the examples; a pure function of examples and seed, also where it goes on from ``scratch``."""


class MajorityRung:
    """The class shares of the training rows."""

    name = "majority"
    title = "Majority class"
    needs: tuple[str, ...] = ()

    def estimate(self, work: Workload) -> Estimate:
        """Return next to nothing."""
        return Estimate(seconds=0.01, memory=0)

    def fit(
        self, examples: Examples, seed: int, progress: Progress, scratch: Scratch | None = None
    ) -> "Predictor":
        """Count the classes."""
        from headway.models.majority import Majority

        return Majority.fit(examples.names, examples.targets)


class SharesRung(MajorityRung):
    """Each label's share of the training rows, where a row may have several."""

    name = "shares"
    title = "Label shares"


class MeanRung(MajorityRung):
    """The mean of the training rows' numbers."""

    name = "mean"
    title = "Mean"

    def fit(
        self, examples: Examples, seed: int, progress: Progress, scratch: Scratch | None = None
    ) -> "Predictor":
        """Take the mean."""
        from headway.models.mean import Mean

        return Mean.fit(examples.targets)


class NgramRung:
    """TF-IDF over word and character n-grams; logistic regression, or ridge regression of numbers."""

    name = "ngrams"
    title = "N-grams"
    needs: tuple[str, ...] = ()

    def estimate(self, work: Workload) -> Estimate:
        """Counting costs by the character; each class is a regression of its own."""
        characters = mean_characters(work.inputs)
        regressions = 1 if work.classes <= 2 else work.classes
        per_row = characters * (6e-6 + 2e-7 * regressions)
        seconds = 1.0 + per_row * sum(work.training_rows) + 6e-6 * characters * work.predicted_rows
        return Estimate(seconds, memory=int(60 * characters * len(work.inputs)) + 200_000_000)

    def fit(
        self, examples: Examples, seed: int, progress: Progress, scratch: Scratch | None = None
    ) -> "Predictor":
        """Fit vocabulary and classifiers."""
        from headway.models.bag import Bag

        config = ngram_config(examples)
        return Bag.fit(examples.names, examples.inputs, examples.targets, config, seed, progress)


def ngram_config(examples: Examples) -> "BagConfig":
    """Return which n-grams are kept of the training rows.

    Where a character is a syllable or a word, single ones count too (on 4,082 rows held out from nsmc's training rows:
    82.2 for 81.8).
    """
    from headway.models.bag import BagConfig

    min_rows = 1 if len(examples) < FEW_ROWS else 2
    if syllabic_share(examples.inputs) > SYLLABIC:
        return BagConfig(min_rows=min_rows, character_ngrams=(1, 5), inverse_regularisation=3.0)
    return BagConfig(min_rows=min_rows)


class EncoderRung:
    """A rung on a pretrained encoder; torch and the weights are loaded when it is first estimated or trained.

    ``options`` are given to the training: a recipe.
    """

    def __init__(
        self, name: str, title: str, training: str, model: str, device: str | None, **options: Any
    ) -> None:
        self.name = name
        self.title = title
        self.needs: tuple[str, ...] = (model,) if model in catalog.CATALOG else ()
        self._model = model
        self._training = training  # "module:class", of this floor
        self._device = device
        self._options = options

    @cached_property
    def training(self) -> "FrozenTraining | FineTuning | FrozenTagging | ReaderTraining":
        """What does the work."""
        module, name = self._training.split(":")
        kind = getattr(import_module(f"headway.ladder.{module}"), name)
        training: FrozenTraining | FineTuning | FrozenTagging | ReaderTraining
        training = kind(self._model, choose_device(self._device), **self._options)
        return training

    def estimate(self, work: Workload) -> Estimate:
        """Time a sample, and see whether the tokenizer suits the texts."""
        from headway.tasks.tokenizer_files import reader_of
        from headway.tasks.tokenizer_fit import tokenizer_fit

        estimate = self.training.estimate(work)  # first: a folder that holds no model is told as that
        fit = tokenizer_fit(reader_of(self._model), texts_of(work.inputs))
        return replace(estimate, misfit=fit.problem)

    def fit(
        self, examples: Examples, seed: int, progress: Progress, scratch: Scratch | None = None
    ) -> "Predictor":
        """Train on the examples."""
        return self.training.fit(examples, seed, progress, scratch)


class DistilledRung:
    """A small student of the fine-tuned encoder: cheaper to use than its teacher, though trained after it."""

    name = "distilled"
    title = "Distilled encoder"

    def __init__(self, teacher: EncoderRung, student: str | int | None, unlabelled: Sequence[str]) -> None:
        own = (student,) if isinstance(student, str) and student in catalog.CATALOG else ()
        self.needs: tuple[str, ...] = teacher.needs + own
        self._teacher = teacher
        self._student = student
        self._unlabelled = unlabelled

    @cached_property
    def _training(self) -> "Distillation":
        from headway.ladder.distillation import Distillation
        from headway.ladder.encoder_training import FineTuning

        teaching = self._teacher.training
        assert isinstance(teaching, FineTuning)
        return Distillation(teaching, self._student, self._unlabelled)

    def estimate(self, work: Workload) -> Estimate:
        """Go by the teacher's estimate."""
        return replace(self._training.estimate(work), misfit=self._teacher.estimate(work).misfit)

    def fit(
        self, examples: Examples, seed: int, progress: Progress, scratch: Scratch | None = None
    ) -> "Predictor":
        """Teach a student on the examples and the texts without labels."""
        return self._training.fit(examples, seed, progress, scratch)


def text_rungs(
    device: str | None,
    model: str | None = None,
    *,
    task: Task = "classes",
    pairs: bool = False,
    student: str | int | None = None,
    unlabelled: Sequence[str] = (),
    vectors: str | None = None,
    language_models: Sequence[str] | None = None,
    recipe: Mapping[str, Any] | None = None,
) -> list[Rung]:
    """Return the ladder for texts, cheapest first; its encoder is one of the zoo, or a folder's.

    ``student`` is how many layers the distilled rung's student has (half of the teacher's when left out), or a model
    as ``model`` names one; ``unlabelled`` are texts that it learns from too; ``vectors`` are word vectors to average,
    of the zoo, or in a file or folder; ``language_models`` are those that ULMFiT tunes, of the zoo, or in folders;
    ``recipe`` holds what of the training's settings is not to be chosen by the rows. Where the rows are ``pairs``, or
    the ``task`` is not classes, the ladder has the rungs that serve that.
    Raises UsageError on an unknown model, or vectors that are not there.
    """
    from headway.ladder.answer_rungs import answer_rungs
    from headway.ladder.tag_rungs import tag_rungs
    from headway.ladder.ulmfit import LANGUAGE_MODELS, UlmfitRung
    from headway.ladder.vector_rungs import EmbeddingRung, StaticRung, VectorsRung

    model = model or DEFAULT_MODEL
    _require_model(model, "--model")
    if isinstance(student, str):
        _require_model(student, "--student")
    for language_model in language_models or ():
        _require_model(language_model, "--language-model")
    if vectors is not None and vectors not in catalog.VECTORS and not Path(vectors).exists():
        raise UsageError(
            f"{vectors!r} is neither word vectors of the zoo nor a file or folder",
            where="--vectors",
            remedy=f"Known vectors: {', '.join(sorted(catalog.VECTORS))}.",
        )
    if task == "tags":
        return tag_rungs(device, model, unlabelled=unlabelled, vectors=vectors, recipe=recipe)
    if task == "answers":
        return answer_rungs(device, model, recipe)
    finetuned = EncoderRung(
        "finetuned", "Fine-tuned encoder", "encoder_training:FineTuning", model, device, recipe=recipe
    )
    blind: dict[Task, Rung] = {"classes": MajorityRung(), "numbers": MeanRung(), "labels": SharesRung()}
    tuned = language_models or [model for model in LANGUAGE_MODELS if model in catalog.CATALOG]
    ulmfit = [UlmfitRung(tuned, unlabelled, device, recipe)] if tuned and not pairs else []
    alone = task == "classes" and not pairs  # what the rungs beside the vectors' serve
    learned: list[Rung] = [EmbeddingRung()] if alone else []
    distilled: list[Rung] = [StaticRung(model, device)] if alone else []
    return [
        blind[task],
        NgramRung(),
        *learned,
        VectorsRung(unlabelled, vectors),
        *distilled,
        *ulmfit,
        EncoderRung("frozen", "Frozen encoder", "encoder_training:FrozenTraining", model, device),
        EncoderRung("mixed", "Mixed depths", "mixed_training:MixedTraining", model, device),
        DistilledRung(finetuned, student, unlabelled),
        finetuned,
    ]


def _require_model(name: str, option: str) -> None:
    if name not in catalog.CATALOG and not Path(name).is_dir():
        raise UsageError(
            f"{name!r} is neither a model of the zoo nor a folder",
            where=option,
            remedy=f"Known models: {', '.join(sorted(catalog.CATALOG))}.",
        )
