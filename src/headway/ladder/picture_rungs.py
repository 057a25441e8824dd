"""The rungs of the ladder for pictures, cheapest first."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headway.core.device import choose_device
from headway.core.errors import UsageError
from headway.core.progress import Progress
from headway.data.examples import Examples
from headway.ladder.rungs import Estimate, MajorityRung, Rung, Scratch, Workload
from headway.weights import catalog

if TYPE_CHECKING:
    from headway.ladder.picture_training import FrozenPictureTraining, PictureTraining, PictureTrunk
    from headway.models.base import Predictor

DEFAULT_MODEL = "mobilenet-v2"
SECONDS_A_PICTURE = 0.01  # to read and describe one, for the pixels


class PixelsRung:
    """Colour histograms and oriented gradients, logistic regression."""

    name = "pixels"
    title = "Pixels"
    needs: tuple[str, ...] = ()

    def __init__(self) -> None:
        from headway.core.remembered import Remembered
        from headway.data.pictures import Picture
        from headway.tasks.pixels import described

        self._describe: Remembered[Picture] = Remembered(described, lambda one: one.sha256, "pixels")

    def estimate(self, work: Workload) -> Estimate:
        """Pictures are described once; the regressions go by rows and classes."""
        seconds = 1.0 + SECONDS_A_PICTURE * len(work.inputs) + 1e-4 * sum(work.training_rows) * work.classes
        return Estimate(seconds, memory=200_000_000 + 80_000 * len(work.inputs))

    def fit(
        self, examples: Examples, seed: int, progress: Progress, scratch: Scratch | None = None
    ) -> "Predictor":
        """Describe the pictures and fit the head; nothing is left to chance."""
        from headway.tasks.pixels import PixelClassifier

        if scratch is not None:
            self._describe.keep_in(scratch.rung / "features")
        progress.begin("describing", len(examples), "pictures")
        for start in range(0, len(examples), 256):
            part = examples.inputs[start : start + 256]
            self._describe(part)
            progress.advance(len(part))
        return PixelClassifier.fit(examples.names, examples.inputs, examples.targets, self._describe)


class Trunk:
    """The network that the other rungs share; torch and the weights are loaded when it is first asked for."""

    def __init__(self, model: str, device: str | None, side: int) -> None:
        self.needs: tuple[str, ...] = (model,) if model in catalog.PICTURES else ()
        self._model = model
        self._device = device
        self._side = side

    @cached_property
    def opened(self) -> "PictureTrunk":
        """The network as published."""
        from headway.ladder.picture_training import PictureTrunk

        return PictureTrunk(self._model, choose_device(self._device), self._side)


class NetworkRung:
    """A rung on the network: frozen, from scratch, or fine-tuned."""

    def __init__(self, name: str, title: str, trunk: Trunk, recipe: Mapping[str, Any]) -> None:
        self.name = name
        self.title = title
        self.needs = trunk.needs
        self._trunk = trunk
        self._recipe = recipe

    @cached_property
    def training(self) -> "FrozenPictureTraining | PictureTraining":
        """What does the work."""
        from headway.ladder.picture_training import FrozenPictureTraining, PictureTraining

        if self.name == "frozen":
            return FrozenPictureTraining(self._trunk.opened)
        return PictureTraining(self._trunk.opened, from_scratch=self.name == "scratch", recipe=self._recipe)

    def estimate(self, work: Workload) -> Estimate:
        """Time a sample."""
        return self.training.estimate(work)

    def fit(
        self, examples: Examples, seed: int, progress: Progress, scratch: Scratch | None = None
    ) -> "Predictor":
        """Train on the examples."""
        return self.training.fit(examples, seed, progress, scratch)


def picture_rungs(
    device: str | None, model: str | None = None, *, recipe: Mapping[str, Any] | None = None
) -> list[Rung]:
    """Return the ladder for pictures, cheapest first; its network is one of the zoo, or a folder's.

    ``recipe`` holds what of the training's settings is not to be chosen by the rows; its ``side`` is every network's.
    Raises UsageError on an unknown model.
    """
    model = model or DEFAULT_MODEL
    if model not in catalog.PICTURES and not Path(model).is_dir():
        raise UsageError(
            f"{model!r} is neither a network for pictures of the zoo nor a folder",
            where="--model",
            remedy=f"Known networks: {', '.join(sorted(catalog.PICTURES))}.",
        )
    recipe = dict(recipe or {})
    trunk = Trunk(model, device, recipe.get("side", 0))
    # Only the weights' statistics can be kept, and only a pretrained network's vectors are worth a head of their own.
    fresh = {name: value for name, value in recipe.items() if name not in {"statistics", "start"}}
    return [
        MajorityRung(),
        PixelsRung(),
        NetworkRung("frozen", "Frozen network", trunk, recipe),
        NetworkRung("scratch", "From scratch", trunk, fresh),
        NetworkRung("finetuned", "Fine-tuned network", trunk, recipe),
    ]
