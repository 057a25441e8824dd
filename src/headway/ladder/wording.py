"""Scores and differences in words, the same in the verdict, on the command line and in the report."""

from collections.abc import Sequence
from statistics import mean, stdev

from headway.bundle.record import Difference, Score

METRIC_TITLES = {
    "accuracy": "accuracy",
    "macro_f1": "macro-F1",
    "pearson": "Pearson correlation",
    "spearman": "Spearman correlation",
    "micro_f1": "micro-F1",
    "all_right": "all labels right",
    "span_f1": "span F1",
    "tag_accuracy": "tag accuracy",
    "exact_match": "exact match",
    "answer_f1": "F1",
    "f1": "F1",
    "matthews": "Matthews correlation",
}
CORRELATIONS = {"pearson", "spearman", "matthews"}  # said in hundredths, the others in percent


def percent(fraction: float) -> str:
    """0.9123 -> '91.2 %'."""
    return f"{_number(100 * fraction)} %"


def figure(value: float, metric: str) -> str:
    """0.9123 -> '91.2 %'; of a correlation '91.2'."""
    return _number(100 * value) if metric in CORRELATIONS else percent(value)


def score_words(score: Score, metric: str) -> str:
    """'91.2 % (88.3–93.9)': the score and its interval."""
    return f"{figure(score.value, metric)} ({span(score.low, score.high)})"


def span(low: float, high: float) -> str:
    """0.883, 0.939 -> '88.3–93.9'; with a negative end '−0.2 to 0.8'."""
    ends = [_number(100 * low), _number(100 * high)]
    return (" to " if "−" in "".join(ends) else "–").join(ends)


def points(fraction: float) -> str:
    """0.051 -> '5.1 points'."""
    number = _number(100 * fraction)
    return f"{number} point" if number == "1.0" else f"{number} points"


def signed_points(fraction: float) -> str:
    """0.051 -> '+5.1', −0.002 -> '−0.2', 0 -> '0.0'."""
    number = _number(100 * fraction)
    return number if number.startswith("−") or float(number) == 0 else f"+{number}"


def tolerance_words(tolerance: float) -> str:
    """0.01 -> '1 point', 0.005 -> '0.5 points'."""
    return "1 point" if abs(tolerance - 0.01) < 1e-12 else f"{100 * tolerance:g} points"


def difference_words(difference: Difference) -> str:
    """'5.1 points (3.6–6.6)'."""
    return f"{points(difference.value)} ({span(difference.low, difference.high)})"


def seeds_words(scores: Sequence[float]) -> str:
    """'3 seeds 91.0, 94.0, 92.5 % on the rows kept to choose by (mean 92.5, deviation 1.5)'."""
    each = ", ".join(_number(100 * score) for score in scores)
    middle, deviation = _number(100 * mean(scores)), _number(100 * stdev(scores))
    return (
        f"{len(scores)} seeds {each} % on the rows kept to choose by (mean {middle}, deviation {deviation})"
    )


def _number(value: float) -> str:
    text = f"{value:.1f}"
    return text.replace("-0.0", "0.0") if text == "-0.0" else text.replace("-", "−")
