"""What is known of the user's data once they are read, checked and parted: the part of the record that tells it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from headway.bundle.record import DataFacts, LabelFacts, NumberFacts, PictureFacts
from headway.core.files import sha256_file
from headway.data.columns import Columns
from headway.data.examples import Examples
from headway.data.inputs import characters
from headway.data.tags import span_counts
from headway.ladder.rows import Rows


def data_facts(
    data: Any,
    rows: Rows,
    columns: Columns,
    *,
    read: int,
    dropped: Mapping[str, int],
    duplicates: int,
    conflicting: int = 0,
    notes: Sequence[str],
    test_source: str | None,
    pictures: PictureFacts | None = None,
) -> DataFacts:
    """Return the facts of ``rows``, of which so many were ``read`` from ``data``, a path or a data frame."""
    examples = rows.examples
    lengths = np.array([0] if pictures else _lengths(examples))
    is_file = isinstance(data, str | Path) and Path(data).is_file()
    return DataFacts(
        source=examples.source,
        sha256=sha256_file(Path(data)) if is_file else None,
        test_source=test_source,
        task=examples.task,
        text_column=columns.texts[0],
        second_text_column=columns.texts[1] if len(columns.texts) > 1 else None,
        label_column=columns.label,
        rows_read=read,
        rows_used=len(examples),
        dropped=dict(dropped),
        duplicate_rows=duplicates,
        conflicting_rows=conflicting,
        labels=_label_facts(examples),
        numbers=_number_facts(examples),
        pictures=pictures,
        characters_median=int(np.median(lengths)),
        characters_p95=int(np.quantile(lengths, 0.95)),
        characters_max=int(lengths.max()),
        split=rows.words,
        training_rows=len(rows.parts[0].train),
        held_out_rows=len(rows.held_out),
        notes=tuple(notes),
    )


def _lengths(examples: Examples) -> list[int]:
    """Return each row's characters; of questions those of the context."""
    if examples.task == "answers":
        return [len(pair.second) for pair in examples.inputs]
    return [characters(one) for one in examples.inputs]


def _label_facts(examples: Examples) -> tuple[LabelFacts, ...]:
    """Return the rows of each class or label, of tags the spans of each type; nothing of numbers."""
    if examples.task == "numbers":
        return ()
    if examples.task == "tags":
        begun = span_counts([examples.names[tag] for tag in tags] for tags in examples.targets)
        return tuple(LabelFacts(name=kind, rows=count) for kind, count in sorted(begun.items()))
    if examples.task == "answers":
        answered = int(examples.strata.sum())
        counts = {"with an answer": answered, "without an answer": len(examples) - answered}
        return tuple(LabelFacts(name=name, rows=count) for name, count in counts.items() if count)
    return tuple(
        LabelFacts(name=name, rows=int(count))
        for name, count in zip(examples.names, examples.rows_of_names(), strict=True)
    )


def _number_facts(examples: Examples) -> NumberFacts | None:
    """Return how the numbers lie; None of classes."""
    if examples.task != "numbers":
        return None
    numbers = examples.targets
    return NumberFacts(
        lowest=float(numbers.min()),
        highest=float(numbers.max()),
        mean=float(numbers.mean()),
        deviation=float(numbers.std()),
    )
