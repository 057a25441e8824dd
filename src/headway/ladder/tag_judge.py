"""The judge of tags: spans are right when their ends and their type are."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from headway.bundle.record import ClassScore, ErrorExample
from headway.core.tensors import own_lengths
from headway.data.examples import Examples
from headway.data.inputs import Sentence, shown
from headway.data.tags import best_tags, kind_of
from headway.ladder.judge import WORST_ERRORS, Details, asked_metric
from headway.metrics.metric import Metric, OfRows
from headway.metrics.row_bootstrap import mean
from headway.metrics.spans import counts, from_counts, spans


@dataclass(frozen=True)
class TagJudge:
    """Of tags: outputs are [B] arrays of the tags' shares [W, C], the likeliest sequence that BIO allows the answer."""

    names: Sequence[str]

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """F1 over all spans, and the share of the words whose tag is right; intervals resample sentences."""
        return (OfRows("span_f1", self._spans, from_counts), OfRows("tag_accuracy", _words_right, mean))

    def choose(self, examples: Examples, asked: str | None = None) -> tuple[str, str]:
        """Return what the user asked for, else span F1."""
        if asked is not None:
            return asked_metric(self, asked)
        return (
            "span_f1",
            "span F1 decides, because words are tagged (a span is right when its ends and type are)",
        )

    def temperature(self, outputs: np.ndarray, targets: np.ndarray) -> float | None:
        """Return None: what decides is the whole sequence, not a word's share."""
        return None

    def said(self, outputs: np.ndarray) -> np.ndarray:
        """Return each sentence's tags, [B] arrays [W]."""
        return own_lengths((best_tags(shares, self.names) for shares in outputs), len(outputs))

    def details(self, outputs: np.ndarray, temperature: float | None, held_out: Examples) -> Details:
        """Return each type's scores, and the sentences with wrong spans of whose tags it was surest."""
        said = self.said(outputs)
        true_tags, said_tags = self._named(held_out.targets), self._named(said)
        kinds = sorted({kind_of(name) for name in self.names} - {""})
        scores = []
        for kind in kinds:
            rows, found, both = counts(_only(true_tags, kind), _only(said_tags, kind)).sum(axis=0).tolist()
            scores.append(
                ClassScore(
                    name=kind,
                    rows=rows,
                    precision=both / max(found, 1),
                    recall=both / max(rows, 1),
                    f1=2 * both / max(rows + found, 1),
                )
            )
        sure = np.array([_surest_error(*row) for row in zip(outputs, said, held_out.targets, strict=True)])
        wrong = [row for row in range(len(said)) if spans(true_tags[row]) != spans(said_tags[row])]
        errors = tuple(
            ErrorExample(
                line=int(held_out.lines[row]),
                text=shown(held_out.inputs[row]),
                label=_spans_told(held_out.inputs[row], true_tags[row]),
                predicted=_spans_told(held_out.inputs[row], said_tags[row]),
                probability=float(sure[row]),
            )
            for row in sorted(wrong, key=lambda row: -sure[row])[:WORST_ERRORS]
        )
        return Details(classes=tuple(scores), errors=errors)

    def target_cell(self, target: Any) -> str:
        """Return the tags with spaces between."""
        return " ".join(self.names[tag] for tag in target)

    def header(self, rung: str) -> list[str]:
        """Return one column."""
        return [rung]

    def cells(self, outputs: np.ndarray, temperature: float | None, held_out: Examples) -> list[list[str]]:
        """Return the tags with spaces between."""
        return [[self.target_cell(tags)] for tags in self.said(outputs)]

    def _named(self, rows: np.ndarray) -> list[list[str]]:
        return [[self.names[tag] for tag in tags] for tags in rows]

    def _spans(self, true: np.ndarray, said: np.ndarray) -> np.ndarray:
        return counts(self._named(true), self._named(said))


def _words_right(true: np.ndarray, said: np.ndarray) -> np.ndarray:
    """Return each sentence's words, and how many of their tags are right, [B, 2]."""
    rows = [(len(wanted), int((wanted == told).sum())) for wanted, told in zip(true, said, strict=True)]
    return np.array(rows, dtype=np.int64)


def _only(tags: Sequence[Sequence[str]], kind: str) -> list[list[str]]:
    """Return the tags with those of other types made O."""
    return [[tag if kind_of(tag) == kind else "O" for tag in own] for own in tags]


def _surest_error(shares: np.ndarray, said: np.ndarray, true: np.ndarray) -> float:
    """Return the highest share that a wrong tag was given; 0 where none is."""
    wrong = np.flatnonzero(said != true)
    return float(shares[wrong, said[wrong]].max(initial=0))


def _spans_told(words: Sentence, tags: Sequence[str]) -> str:
    """Return a sentence's spans: 'location: Empire State Building; location: ESB'."""
    found = spans(tags)
    return "; ".join(f"{kind}: {' '.join(words[start:end])}" for start, end, kind in found) or "(no span)"
