"""The rungs of tagging, cheapest first: a tag for each word of a sentence."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from headway.core.progress import Progress
from headway.data.examples import Examples
from headway.ladder.rungs import EncoderRung, Estimate, Rung, Scratch, Workload
from headway.ladder.vector_rungs import VectorsRung

if TYPE_CHECKING:
    from headway.models.base import Predictor


class LexiconRung:
    """The tags that each word had in training."""

    name = "lexicon"
    title = "Most frequent tag"
    needs: tuple[str, ...] = ()

    def estimate(self, work: Workload) -> Estimate:
        """Return next to nothing."""
        return Estimate(seconds=0.1, memory=8 * work.classes * _words(work))

    def fit(
        self, examples: Examples, seed: int, progress: Progress, scratch: Scratch | None = None
    ) -> "Predictor":
        """Count the words' tags."""
        from headway.models.tag_lexicon import TagLexicon

        return TagLexicon.fit(examples.names, examples.inputs, examples.targets)


class LinearTaggerRung:
    """Logistic regression on words, affixes, shapes and neighbours."""

    name = "ngrams"
    title = "Linear tagger"
    needs: tuple[str, ...] = ()

    def estimate(self, work: Workload) -> Estimate:
        """Go by the words: each has some 30 features, each tag a score of its own in some 50 steps."""
        a_word = 2e-5 + 2e-6 * work.classes
        share = (sum(work.training_rows) + work.predicted_rows) / max(len(work.inputs), 1)
        return Estimate(1.0 + a_word * _words(work) * share, memory=4000 * _words(work) + 300_000_000)

    def fit(
        self, examples: Examples, seed: int, progress: Progress, scratch: Scratch | None = None
    ) -> "Predictor":
        """Fit the weights."""
        from headway.models.linear_tagger import LinearTagger, LinearTaggerConfig

        return LinearTagger.fit(examples.names, examples.inputs, examples.targets, LinearTaggerConfig())


class VectorTaggerRung(VectorsRung):
    """Logistic regression on the vectors of a word and its neighbours."""

    title = "Word vectors"

    def estimate(self, work: Workload) -> Estimate:
        """Add to what the vectors take the head's part, which goes by words, numbers and tags."""
        opening = super().estimate(replace(work, classes=0))
        share = sum(work.training_rows) / max(len(work.inputs), 1)
        head = 1e-5 * _words(work) * share * work.classes
        return replace(opening, seconds=opening.seconds + head, memory=opening.memory + 4000 * _words(work))

    def fit(
        self, examples: Examples, seed: int, progress: Progress, scratch: Scratch | None = None
    ) -> "Predictor":
        """Fit the head, and say so where the vectors know few of the words."""
        from headway.models.vector_tagger import VectorTagger, VectorTaggerConfig

        fitted = VectorTagger.fit(
            examples.names, examples.inputs, examples.targets, self.opened(progress), VectorTaggerConfig()
        )
        self.say_if_few(fitted.known_words, progress)
        return fitted


def _words(work: Workload) -> int:
    return sum(map(len, work.inputs))


def tag_rungs(
    device: str | None,
    model: str,
    *,
    unlabelled: Sequence[str] = (),
    vectors: str | None = None,
    recipe: Mapping[str, Any] | None = None,
) -> list[Rung]:
    """Return the ladder for sentences of words; the arguments are those of `rungs.text_rungs`."""
    return [
        LexiconRung(),
        LinearTaggerRung(),
        VectorTaggerRung(unlabelled, vectors),
        EncoderRung("frozen", "Frozen encoder", "tag_training:FrozenTagging", model, device),
        EncoderRung("mixed", "Mixed depths", "mixed_training:MixedTagging", model, device),
        EncoderRung(
            "finetuned", "Fine-tuned encoder", "tag_training:TaggerTuning", model, device, recipe=recipe
        ),
    ]
