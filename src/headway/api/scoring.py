"""Scoring: a finished run on rows that it has not seen."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headway.bundle.run import RECORD_FILE, Run

if TYPE_CHECKING:
    from headway.ladder.scoring import TableScore


def score_run(
    run: str | Path | Run,
    data: Any,
    *,
    text: str | Sequence[str] | None = None,
    label: str | None = None,
    rung: str | None = None,
) -> "TableScore":
    """Score a run on a table of labelled rows.

    Arguments:
        run: a run folder, or a run that is open.
        data: a path (CSV, TSV, JSONL, Parquet) or a data frame.
        text, label: its columns; those of the training table, or inferred, when left out.
        rung: another rung than the one that ships.

    Raises RunError, DataError (a label that the run does not know), UsageError.
    """
    from headway.ladder.scoring import score_table

    opened = run if isinstance(run, Run) else Run.open(run)
    return score_table(opened, data, text=text, label=label, rung=rung)


def is_run(source: str | Path) -> bool:
    """Return whether this is the folder of a run that `fit` made, finished or not."""
    folder = Path(source)
    return (folder / RECORD_FILE).is_file() or (folder / "plan.json").is_file()
