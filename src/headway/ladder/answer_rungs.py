"""The rungs of the ladder for questions that a passage of a context answers, cheapest first."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from headway.core.progress import Progress
from headway.data.examples import Examples
from headway.data.inputs import mean_characters
from headway.ladder.answer_threshold import choose_threshold
from headway.ladder.rows import keep_a_tenth
from headway.ladder.rungs import EncoderRung, Estimate, MajorityRung, Rung, Scratch, Workload

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


class LexicalRung:
    """A linear model of the question's words around a passage and the look of its own."""

    name = "lexical"
    title = "Lexical features"
    needs: tuple[str, ...] = ()

    def estimate(self, work: Workload) -> Estimate:
        """Go by the characters of the contexts."""
        characters = mean_characters(work.inputs)
        seconds = characters * (2e-6 * sum(work.training_rows) + 1.5e-6 * work.predicted_rows)
        return Estimate(1.0 + seconds, memory=40_000 * max(work.training_rows) + 200_000_000)

    def fit(
        self, examples: Examples, seed: int, progress: Progress, scratch: Scratch | None = None
    ) -> "Predictor":
        """Fit the weights; where some question has no answer, on nine tenths, and the threshold on the other one."""
        from headway.models.lexical_reader import LexicalReader

        unanswerable = not examples.strata.all()
        kept_from = None
        if unanswerable:
            examples, kept_from = keep_a_tenth(examples, seed)
        first = [question.answers[0] if question.answers else None for question in examples.targets]
        answers = [None if span is None else (span.start, span.start + len(span.text)) for span in first]
        reader = LexicalReader.fit(examples.inputs, answers, seed, progress)
        if kept_from is not None:
            found = reader.find(kept_from.inputs)
            reader.threshold, _ = choose_threshold(found, kept_from.targets, unanswerable=unanswerable)
        return reader


def answer_rungs(device: str | None, model: str, recipe: Mapping[str, Any] | None = None) -> list[Rung]:
    """Return the ladder; its encoder is one of the zoo, or a folder's, and ``recipe`` as in `rungs.text_rungs`."""
    return [
        UnansweredRung(),
        LexicalRung(),
        EncoderRung(
            "finetuned",
            "Fine-tuned encoder",
            "reader_training:ReaderTraining",
            model,
            device,
            recipe=recipe,
        ),
    ]
