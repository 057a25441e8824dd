"""The rungs of the ladder for questions that a passage of a context answers, cheapest first."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from headway.core.progress import Progress
from headway.data.examples import Examples
from headway.ladder.rungs import EncoderRung, MajorityRung, Rung, Scratch

if TYPE_CHECKING:
    from headway.models.base import Predictor


class UnansweredRung(MajorityRung):
    """No question is answered."""

    name = "unanswered"
    title = "No answer"

    def fit(
        self, examples: Examples, seed: int, progress: Progress, scratch: Scratch | None = None
    ) -> "Predictor":
        """Learn nothing."""
        from headway.models.unanswered import Unanswered

        return Unanswered()


def answer_rungs(device: str | None, model: str, recipe: Mapping[str, Any] | None = None) -> list[Rung]:
    """Return the ladder; its encoder is one of the zoo, or a folder's, and ``recipe`` as in `rungs.text_rungs`."""
    return [
        UnansweredRung(),
        EncoderRung(
            "finetuned",
            "Fine-tuned encoder",
            "reader_training:ReaderTraining",
            model,
            device,
            recipe=recipe,
        ),
    ]
