"""`headway predict`: label one text, or each row of a file."""

import csv
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from headway.bundle.run import Run

CHUNK_ROWS = 1000
_TABLE_SUFFIXES = {".csv", ".tsv", ".jsonl", ".ndjson", ".parquet", ".gz"}


def predict(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder made by `headway fit`.")],
    source: Annotated[
        str, typer.Argument(metavar="TEXT|FILE", help="A text, or a CSV, TSV, JSONL or Parquet file.")
    ],
    rung: Annotated[str | None, typer.Option(help="Another rung than the one that ships.")] = None,
    text: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="The file's column of texts. [as trained]")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Add each class's probability.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the input's columns before ours.")] = False,
) -> None:
    """Predict one text, or write CSV for a file: row, predicted, probability."""
    from headway.bundle.run import Run

    opened = Run.open(run)
    if _names_a_file(source):
        writer = csv.writer(sys.stdout, lineterminator="\n")
        for cells in _rows(opened, source, rung=rung, column=text, every=every, keep=keep):
            writer.writerow(cells)
        return
    prediction = opened.predict(source, rung)
    typer.echo(f"{prediction.label}  {100 * prediction.probability:.1f} %")
    if every:
        for label, probability in sorted(prediction.probabilities.items(), key=lambda item: -item[1]):
            typer.echo(f"  {label}  {100 * probability:.1f} %")


def _names_a_file(source: str) -> bool:
    """Say whether the argument is a file: it exists, or it is one word that ends like a table's name."""
    try:
        if Path(source).exists():
            return True
    except OSError:  # a text longer than the system allows for a name
        return False
    return Path(source).suffix.lower() in _TABLE_SUFFIXES and not any(map(str.isspace, source))


def _rows(
    run: "Run", source: str, *, rung: str | None, column: str | None, every: bool, keep: bool
) -> Iterator[list[str]]:
    """Yield the header and one row of cells for each row of the file, reading a chunk at a time."""
    from headway.core.errors import UsageError
    from headway.data.columns import choose_text
    from headway.data.readers import read_chunks

    predictor = run.predictor(rung)
    ours = ["row", "predicted", "probability", *(f"p({label})" for label in predictor.labels if every)]
    done, empty = 0, 0
    for table in read_chunks(source, CHUNK_ROWS):
        name = column = choose_text(table, column, known=run.record.data.text_column)
        kept = list(table.names) if keep else []
        if done == 0:
            clash = [cell for cell in kept if cell in ours]
            if clash:
                raise UsageError(
                    f"the column {clash[0]!r} would be overwritten",
                    where=source,
                    remedy="Rename it, or leave --keep out: `row` says which line each prediction belongs to.",
                )
            yield kept + ours
        texts = [text or "" for text in table.texts(name)]
        columns = [[cell or "" for cell in table.texts(name)] for name in kept]
        probabilities = predictor.predict(texts)
        best = probabilities.argmax(axis=1)
        for place, row in enumerate(probabilities):
            shares = [f"{share:.6f}" for share in row] if every else []
            label = predictor.labels[best[place]]
            yield [
                *(cells[place] for cells in columns),
                str(done + place + 1),
                label,
                f"{row.max():.6f}",
                *shares,
            ]
        done += len(texts)
        empty += sum(not text.strip() for text in texts)
    if empty:
        print(f"headway: {empty:,} rows had no text; they were predicted as an empty text", file=sys.stderr)
