"""SNLI's own files (Bowman et al. 2015, https://nlp.stanford.edu/projects/snli): JSON lines, or cells between tabs."""

import json
from pathlib import Path

import numpy as np

from headway.core.errors import DataError
from headway.data.examples import Examples
from headway.data.inputs import TextPair, duplicate_groups
from headway.data.table import listed

LABELS = ("contradiction", "entailment", "neutral")
NO_GOLD = "-"  # where the annotators did not agree; by custom such pairs are not scored


def read_snli(path: Path) -> tuple[Examples, int]:
    """Read the pairs of a file (`snli_1.0_test.jsonl` or `.txt`) and how many have no gold label and are left out.

    Raises DataError on what is no such file, naming the line.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot be read: {error}", where=str(path)) from error
    rows = [(number, line.rstrip("\r")) for number, line in enumerate(lines, 1) if line.strip()]
    if not rows:
        raise DataError("holds no rows", where=str(path))
    parsed = _from_json(path, rows) if rows[0][1].startswith("{") else _from_tabs(path, rows)
    kept = []
    for number, row in parsed:
        missing = [
            name for name in ("gold_label", "sentence1", "sentence2") if not isinstance(row.get(name), str)
        ]
        if missing or row["gold_label"] not in (*LABELS, NO_GOLD):
            problem = (
                f"has no {missing[0]}"
                if missing
                else f"has the label {row['gold_label']!r}, none of {listed((*LABELS, NO_GOLD))}"
            )
            raise DataError(problem, where=f"{path}, line {number}")
        if row["gold_label"] != NO_GOLD:
            kept.append((number, row))
    if not kept:
        raise DataError("no pair has a gold label", where=str(path))
    inputs = tuple(TextPair(row["sentence1"], row["sentence2"]) for _, row in kept)
    examples = Examples(
        inputs=inputs,
        targets=np.array([LABELS.index(row["gold_label"]) for _, row in kept], dtype=np.int64),
        names=LABELS,
        groups=duplicate_groups(inputs),
        lines=np.array([number for number, _ in kept], dtype=np.int64),
        source=str(path),
    )
    return examples, len(parsed) - len(kept)


def _from_json(path: Path, rows: list[tuple[int, str]]) -> list[tuple[int, dict[str, str]]]:
    parsed = []
    for number, line in rows:
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise DataError(f"is not JSON: {error.msg}", where=f"{path}, line {number}") from error
        if not isinstance(row, dict):
            raise DataError("is no JSON object", where=f"{path}, line {number}")
        parsed.append((number, row))
    return parsed


def _from_tabs(path: Path, rows: list[tuple[int, str]]) -> list[tuple[int, dict[str, str]]]:
    names = rows[0][1].split("\t")
    return [(number, dict(zip(names, line.split("\t"), strict=False))) for number, line in rows[1:]]
