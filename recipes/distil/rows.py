"""The rows of the recipe: official training and test parts, from the shared data folder."""

import csv
import os
from pathlib import Path

DATA = Path(os.environ.get("HEADWAY_SHARED", Path(__file__).parents[3] / "shared")) / "data"

Rows = tuple[list[str], list[str]]  # texts, labels


def load(name: str) -> tuple[Rows, Rows]:
    """Return training and test rows of trec (coarse labels) or banking77."""
    if name == "trec":
        files, delimiter, columns = ("train.tsv", "test.tsv"), "\t", ("text", "coarse_label")
    else:
        files, delimiter, columns = ("train.csv", "test.csv"), ",", ("text", "category")
    quoting = csv.QUOTE_NONE if delimiter == "\t" else csv.QUOTE_MINIMAL
    parts = []
    for file in files:
        with (DATA / name / file).open(encoding="utf-8", newline="") as opened:
            rows = list(csv.DictReader(opened, delimiter=delimiter, quoting=quoting))
        parts.append(([row[columns[0]] for row in rows], [row[columns[1]] for row in rows]))
    return parts[0], parts[1]
