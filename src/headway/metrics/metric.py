"""What a metric is to whoever compares predictions: a score of the rows, its interval, and a paired difference.

Of classes it is a function of the confusion matrix; of anything else, of sums over rows: `OfRows` takes what makes a
row's statistics, and the score of their sums.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from headway.metrics import bootstrap, classification
from headway.metrics.bootstrap import Interval, PairedDifference
from headway.metrics.row_bootstrap import Score, Statistics, row_interval, row_paired

RESAMPLES = 2000


class Metric(Protocol):
    """Scores what was said of rows against what is true of them, 1 being the best."""

    @property
    def name(self) -> str:
        """Its name in records and on the command line: ``macro_f1``."""

    def value(self, true: Any, said: Any) -> float:
        """Return the score."""

    def interval(self, true: Any, said: Any, seed: int, resamples: int = RESAMPLES) -> Interval:
        """Return the score and its 95 % interval, a pure function of the arguments."""

    def paired(
        self, true: Any, first: Any, second: Any, seed: int, resamples: int = RESAMPLES
    ) -> PairedDifference:
        """Return the first's score minus the second's on the same rows, its 95 % interval, and p."""


@dataclass(frozen=True)
class OfClasses:
    """A function of the confusion matrix of so many classes: a key of `classification.METRICS`."""

    name: str
    classes: int

    def value(self, true: Any, said: Any) -> float:
        """Return the score."""
        return classification.score(self.name, true, said, self.classes)

    def interval(self, true: Any, said: Any, seed: int, resamples: int = RESAMPLES) -> Interval:
        """Resample the matrix's cells."""
        return bootstrap.interval(self.name, true, said, self.classes, seed, resamples)

    def paired(
        self, true: Any, first: Any, second: Any, seed: int, resamples: int = RESAMPLES
    ) -> PairedDifference:
        """Resample the cells of both matrices together."""
        return bootstrap.paired(self.name, true, first, second, self.classes, seed, resamples)


@dataclass(frozen=True)
class OfRows:
    """``score`` of the sums of ``statistics(true, said)``, which are [B, k]."""

    name: str
    statistics: Callable[[Any, Any], Statistics]
    score: Score

    def value(self, true: Any, said: Any) -> float:
        """Return the score."""
        return float(self.score(self.statistics(true, said).sum(axis=0)))

    def interval(self, true: Any, said: Any, seed: int, resamples: int = RESAMPLES) -> Interval:
        """Resample the rows."""
        return row_interval(self.statistics(true, said), self.score, seed, resamples)

    def paired(
        self, true: Any, first: Any, second: Any, seed: int, resamples: int = RESAMPLES
    ) -> PairedDifference:
        """Resample the rows for both alike."""
        pair = self.statistics(true, first), self.statistics(true, second)
        return row_paired(*pair, self.score, seed, resamples)
