"""The tasks of the recipe: the rows to learn from and to score, from the shared data folder, and the official metrics.

The labels of GLUE's test parts are hidden, so its development parts are scored. Not as in GLUE: of SST-2, 5,000 rows by
the seed are learned from; MRPC has its official split of 4,076 and 1,725 pairs (GLUE's parts are both cut from the
first); of SNLI, 4,000 rows of the development part by the seed are learned from, and the test part is scored.
Questions are those of a part of SQuAD's training file, and XQuAD's English ones: 1,190 of SQuAD's development part.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from recipes.text_ladder.rows import DATA

from headway.data.examples import Examples
from headway.data.glue import GLUE, GlueTask, glue_examples
from headway.data.readers import read_table
from headway.data.splits import stratified_sample
from headway.data.squad import check_questions, read_squad
from headway.ladder.answer_judge import AnswerJudge
from headway.ladder.benchmarks import official_metric
from headway.metrics.metric import OfRows
from headway.metrics.row_bootstrap import mean


@dataclass(frozen=True, kw_only=True)
class Task:
    """What is learned and how it is scored; ``load(seed)`` gives the rows to learn from, and those to score."""

    load: Callable[[int], tuple[Examples, Examples]]
    metrics: tuple[OfRows, ...]
    epochs: int
    rate: float = 1e-4
    batch: int = 32


def sample(examples: Examples, rows: int | None, seed: int) -> Examples:
    """Return so many of the rows, each class by its share; all of them without a number."""
    if rows is None:
        return examples
    return examples.take(stratified_sample(examples.strata, examples.groups, rows, seed))


def _table(file: str, task: GlueTask) -> Examples:
    found = glue_examples(read_table(DATA / file), task)
    assert found is not None
    return found


def _texts(task: GlueTask, training: str, *scored: str, epochs: int, rows: int | None = None) -> Task:
    def load(seed: int) -> tuple[Examples, Examples]:
        first, *others = (_table(file, task) for file in scored)
        for other in others:
            first = first.join(other)
        return sample(_table(training, task), rows, seed), first

    return Task(load=load, metrics=tuple(_of_rows(name, task) for name in task.metrics), epochs=epochs)


def _of_rows(name: str, task: GlueTask) -> OfRows:
    if name == "accuracy":
        return OfRows(name, lambda true, said: np.stack([np.ones(len(true)), true == said], axis=1), mean)
    found = official_metric(name, len(task.labels))
    assert isinstance(found, OfRows)
    return found


def _questions(seed: int) -> tuple[Examples, Examples]:
    del seed  # every question, whatever the seed
    training, scored = (
        check_questions(read_squad(DATA / file), 0.0).examples
        for file in ("squad_train_part/squad_part.json", "xquad/xquad.en.json")
    )
    return training, scored


_PAIR = {"texts": ("premise", "hypothesis"), "label": "label"}
_MRPC = replace(GLUE["MRPC"], texts=("sentence1", "sentence2"), label="label")
_SNLI = replace(GLUE["MNLI"], name="SNLI", **_PAIR)

TASKS = {
    "rte": _texts(replace(GLUE["RTE"], **_PAIR), "rte/train.tsv", "rte/validation.tsv", epochs=2),
    "mrpc": _texts(_MRPC, "mrpc/train.tsv", "mrpc/test.tsv", epochs=2),
    "stsb": _texts(GLUE["STS-B"], "stsb/train.tsv", "stsb/validation.tsv", epochs=2),
    "cola": _texts(
        GLUE["CoLA"], "cola/train.tsv", "cola/validation.tsv", "cola/validation_out_of_domain.tsv", epochs=2
    ),
    "sst2": _texts(GLUE["SST-2"], "sst2/train.tsv", "sst2/validation.tsv", epochs=2, rows=5000),
    "snli": _texts(_SNLI, "snli/validation.tsv", "snli/test.tsv", epochs=1, rows=4000),
    "squad": Task(load=_questions, metrics=AnswerJudge().metrics, epochs=1, rate=2e-4, batch=16),
}
