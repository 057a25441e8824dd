"""Scoring: a finished run on rows that it has not seen."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headway.bundle.run import RECORD_FILE, Run

if TYPE_CHECKING:
    from headway.ladder.benchmarks import BenchmarkResult
    from headway.ladder.scoring import TableScore


def score_run(
    run: str | Path | Run,
    data: Any,
    *,
    text: str | Sequence[str] | None = None,
    label: str | None = None,
    rung: str | None = None,
) -> "TableScore":
    """Score a run on a table of labelled rows, or on labelled pictures.

    Arguments:
        run: a run folder, or a run that is open.
        data: a path (CSV, TSV, JSONL, Parquet) or a data frame; for a run on pictures also a folder or a zip file.
        text, label: its columns; those of the training table, or inferred, when left out.
        rung: another rung than the one that ships.

    Raises RunError, DataError (a label that the run does not know), UsageError.
    """
    from headway.ladder.scoring import score_table

    opened = run if isinstance(run, Run) else Run.open(run)
    return score_table(opened, data, text=text, label=label, rung=rung)


def score_benchmark(
    run: str | Path | Run,
    *,
    glue: str | Path | None = None,
    snli: str | Path | None = None,
    squad: str | Path | None = None,
    rung: str | None = None,
    out: str | Path = "submission",
) -> "BenchmarkResult":
    """Score a run on a benchmark's own files, by its official figures.

    Arguments:
        glue: the folder of one of GLUE's tasks; what has no labels is answered in the server's form.
        snli: a file of SNLI's.
        squad: a file in SQuAD's form, 1.1 or 2.0; the answers are written as its official script takes them.
        out: the folder in which submission files are put.

    Raises RunError, DataError, UsageError (the run was not trained for it).
    """
    from headway.core.errors import UsageError
    from headway.ladder.benchmarks import score_glue, score_snli, score_squad

    opened = run if isinstance(run, Run) else Run.open(run)
    if sum(given is not None for given in (glue, snli, squad)) != 1:
        raise UsageError("give one of them", where="--glue, --snli, --squad")
    if glue is not None:
        return score_glue(opened, Path(glue), Path(out), rung)
    if squad is not None:
        return score_squad(opened, Path(squad), Path(out), rung)
    assert snli is not None
    return score_snli(opened, Path(snli), rung)


def is_run(source: str | Path) -> bool:
    """Return whether this is the folder of a run that `fit` made, finished or not."""
    folder = Path(source)
    return (folder / RECORD_FILE).is_file() or (folder / "plan.json").is_file()
