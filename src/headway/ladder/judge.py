"""A judge: how what was said of the held-out rows is measured and told."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from headway.bundle.record import ClassScore, ErrorExample
from headway.core.errors import UsageError
from headway.data.examples import Examples
from headway.ladder.wording import METRIC_TITLES
from headway.metrics.metric import Metric

WORST_ERRORS = 50

Outputs = np.ndarray  # [B, ...]: what a predictor gives for B rows


@dataclass(frozen=True, kw_only=True)
class Details:
    """What is known of the shipped rung's answers beyond its scores; what a task does not have stays empty."""

    confusion: tuple[tuple[int, ...], ...] = ()
    classes: tuple[ClassScore, ...] = ()
    errors: tuple[ErrorExample, ...] = ()
    calibration_error: float | None = None
    mean_error: float | None = None


class Judge(Protocol):
    """What the climb, the comparison and the record ask of a task."""

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """All that each rung is scored by."""

    def choose(self, examples: Examples, asked: str | None = None) -> tuple[str, str]:
        """Return the name of the metric that decides, and why, in words. Raises UsageError on another task's metric."""

    def temperature(self, outputs: Outputs, targets: np.ndarray) -> float | None:
        """Return what makes the outputs' probabilities mean what they say; None where they are none."""

    def said(self, outputs: Outputs) -> np.ndarray:
        """Return the answers that the outputs come to, [B, ...]: what `metrics` score."""

    def details(self, outputs: Outputs, temperature: float | None, held_out: Examples) -> Details:
        """Return what else is to be told of the outputs for the held-out rows."""

    def target_cell(self, target: Any) -> str:
        """Write a target for `predictions.csv`."""

    def header(self, rung: str) -> list[str]:
        """Return a rung's columns of `predictions.csv`."""

    def cells(self, outputs: Outputs, temperature: float | None, held_out: Examples) -> list[list[str]]:
        """Return what stands in these columns for the held-out rows, [B][column]."""


def metric_named(judge: Judge, name: str) -> Metric:
    """Return the judge's metric of this name."""
    return next(metric for metric in judge.metrics if metric.name == name)


def asked_metric(judge: Judge, asked: str) -> tuple[str, str]:
    """Return the metric that the user asked for; raises UsageError when the judge has no such one."""
    known = [metric.name for metric in judge.metrics]
    if asked not in known:
        raise UsageError(
            f"there is no metric {asked!r}", where="--metric", remedy=f"Choose one of {', '.join(known)}."
        )
    return asked, f"{METRIC_TITLES[asked]} decides, as asked"
