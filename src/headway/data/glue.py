"""The files of GLUE as its server publishes them, and what that server is answered with (Wang et al. 2019,
arXiv:1804.07461, https://gluebenchmark.com).

They are cells between tabs: quotation marks are text. The order of columns and the names differ from task to task,
CoLA's training files have no header, and test files have no labels; copies of them elsewhere have -1 in their place.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from headway.core.errors import DataError, UsageError
from headway.data.delimited import COLA, is_cola_row
from headway.data.examples import Examples
from headway.data.inputs import TextPair, duplicate_groups
from headway.data.recognition import read_numbers
from headway.data.table import Table, listed

HIDDEN = frozenset({"-1", "-1.0"})
_BINARY = ("0", "1")
_TWO_WAY = ("entailment", "not_entailment")
_THREE_WAY = ("contradiction", "entailment", "neutral")


@dataclass(frozen=True, kw_only=True)
class GlueTask:
    """One of the tasks: how its files are read, how it is scored, and how it is answered."""

    name: str  # of its folder
    texts: tuple[str, ...]
    label: str
    labels: tuple[str, ...]  # the server's names, sorted; none where it is answered with numbers
    metrics: tuple[str, ...]
    scored: Mapping[str, str]  # file -> what it is called in the table
    answered: Mapping[str, str]  # file -> the submission's file


def _task(name: str, texts: str, label: str, labels: tuple[str, ...], *metrics: str) -> GlueTask:
    return GlueTask(
        name=name,
        texts=tuple(texts.split(",")),
        label=label,
        labels=labels,
        metrics=metrics,
        scored={"dev.tsv": f"{name} dev"},
        answered={"test.tsv": f"{name}.tsv"},
    )


GLUE: Mapping[str, GlueTask] = MappingProxyType(
    {
        task.name: task
        for task in (
            _task("CoLA", "sentence", "label", _BINARY, "matthews"),
            _task("SST-2", "sentence", "label", _BINARY, "accuracy"),
            _task("MRPC", "#1 String,#2 String", "Quality", _BINARY, "f1", "accuracy"),
            _task("STS-B", "sentence1,sentence2", "score", (), "pearson", "spearman"),
            _task("QQP", "question1,question2", "is_duplicate", _BINARY, "f1", "accuracy"),
            _task("QNLI", "question,sentence", "label", _TWO_WAY, "accuracy"),
            _task("RTE", "sentence1,sentence2", "label", _TWO_WAY, "accuracy"),
            _task("WNLI", "sentence1,sentence2", "label", _BINARY, "accuracy"),
            GlueTask(
                name="MNLI",
                texts=("sentence1", "sentence2"),
                label="gold_label",
                labels=_THREE_WAY,
                metrics=("accuracy",),
                scored={"dev_matched.tsv": "MNLI-m dev", "dev_mismatched.tsv": "MNLI-mm dev"},
                answered={"test_matched.tsv": "MNLI-m.tsv", "test_mismatched.tsv": "MNLI-mm.tsv"},
            ),
            GlueTask(
                name="AX",
                texts=("sentence1", "sentence2"),
                label="label",
                labels=_THREE_WAY,
                metrics=("matthews",),
                scored={},
                answered={"diagnostic.tsv": "AX.tsv", "AX.tsv": "AX.tsv"},
            ),
        )
    }
)
_OTHER_NAMES = {"sst": "SST-2", "sst2": "SST-2", "stsb": "STS-B", "diagnostic": "AX", "mnli": "MNLI"}


def glue_task(folder: Path) -> GlueTask:
    """Return the task that a folder of GLUE's files belongs to, by the folder's name. Raises DataError, UsageError."""
    if not folder.is_dir():
        raise DataError(
            "there is no such folder", where=str(folder), remedy="Give a task's folder: glue_data/RTE."
        )
    plain = {name.lower().replace("-", ""): name for name in GLUE} | _OTHER_NAMES
    found = plain.get(folder.resolve().name.lower().replace("-", "").replace("_", ""))
    if found is not None:
        return GLUE[found]
    inside = sorted(path.name for path in folder.iterdir() if path.is_dir() and path.name in GLUE)
    remedy = (
        f"It holds {listed(tuple(inside))}: give the one that the run was trained for."
        if inside
        else f"Tasks: {', '.join(GLUE)}."
    )
    raise UsageError("is not named like one of GLUE's tasks", where=str(folder), remedy=remedy)


def read_glue(path: Path, task: GlueTask) -> Table:
    """Read one of the task's files. Raises DataError on what is no such file, naming the line."""
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot be read: {error}", where=str(path)) from error
    rows = [(number, line.rstrip("\r").split("\t")) for number, line in enumerate(lines, 1) if line.strip()]
    if not rows:
        raise DataError("holds no rows", where=str(path))
    headless = task.name == "CoLA" and is_cola_row(rows[0][1])
    names = list(COLA) if headless else rows.pop(0)[1]
    for number, cells in rows:
        if len(cells) != len(names):
            raise DataError(
                f"has {len(cells)} cells between tabs, {len(names)} are named: {listed(tuple(names))}",
                where=f"{path}, line {number}",
            )
    columns: dict[str, list[str | None]] = {
        name: [cells[place] for _, cells in rows] for place, name in enumerate(names)
    }
    table = Table(columns, np.array([number for number, _ in rows], dtype=np.int64), str(path))
    for name in task.texts:
        if name not in columns:
            raise DataError(
                f"has no column {name!r}, which {task.name}'s files have",
                where=str(path),
                remedy=f"Its columns: {listed(table.names)}.",
            )
    return table


def glue_examples(table: Table, task: GlueTask) -> Examples | None:
    """Return all rows of a table with their labels by the server's names; None where it has no labels.

    Raises DataError on a label that is none of the task's, and where all are hidden.
    """
    if task.label not in table.columns:
        return None
    labels = [(label or "").strip() for label in table.texts(task.label)]
    if is_hidden(labels):
        return None
    targets: Any
    if task.labels:
        for place, label in enumerate(labels):
            if label not in task.labels:
                raise DataError(
                    f"the label {label!r} is none of {task.name}'s: {listed(task.labels)}",
                    where=table.where(place),
                )
        targets = np.array([task.labels.index(label) for label in labels], dtype=np.int64)
    else:
        targets = read_numbers(labels, [table.where(place) for place in range(len(labels))])
    inputs = glue_inputs(table, task)
    return Examples(
        inputs=inputs,
        targets=targets,
        names=task.labels,
        groups=duplicate_groups(inputs),
        lines=table.lines,
        source=table.source,
        task="classes" if task.labels else "numbers",
    )


def glue_inputs(table: Table, task: GlueTask) -> tuple[Any, ...]:
    """Return all rows' texts or pairs of texts, empty ones too: the server wants an answer to each."""
    given = [[text or "" for text in table.texts(name)] for name in task.texts]
    return tuple(given[0]) if len(given) == 1 else tuple(map(TextPair, *given))


def is_hidden(labels: list[str]) -> bool:
    """Return whether the labels are kept back: -1 in every row."""
    return bool(labels) and set(labels) <= HIDDEN


def refuse_hidden(labels: list[str], where: str) -> None:
    """Raise DataError where the labels are kept back."""
    if is_hidden(labels):
        raise DataError(
            "every label is -1: they are hidden, and only the benchmark's server can score such a file",
            where=where,
            remedy="Score a file with labels, or write a submission: headway evaluate RUN --glue DIR",
        )
