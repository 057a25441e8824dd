"""The rungs of tagging, cheapest first: a tag for each word of a sentence."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from headway.core.progress import Progress
from headway.data.examples import Examples
from headway.ladder.rungs import Estimate, Rung, Scratch, Workload

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


def _words(work: Workload) -> int:
    return sum(map(len, work.inputs))


def tag_rungs(device: str | None, model: str, recipe: Mapping[str, Any] | None) -> list[Rung]:
    """Return the ladder for sentences of words."""
    return [LexiconRung(), LinearTaggerRung()]
