"""What goes along with a training: it looks at each step or epoch, may end the training, and has a state of its own."""

from torch import Tensor


class Companion:
    """Does nothing; subclasses override what they need. The state is part of each checkpoint."""

    def before_epoch(self, epoch: int) -> None:
        """Prepare what an epoch trains."""

    def after_step(self, step: int) -> None:
        """Look at the model after a step, counted from 0."""

    def after_epoch(self, epoch: int) -> bool:
        """Look at the model after an epoch; return True to end the training here."""
        return False

    def state(self) -> dict[str, Tensor]:
        """Return what must be kept to go on after a kill."""
        return {}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Take back what `state` gave."""
