"""`headway rates`: which learning rates train the encoder on these texts."""

from pathlib import Path
from typing import Annotated

import typer

from headway.cli.options import LabelColumn, Quiet, Seed


def rates(
    data: Annotated[Path, typer.Argument(help="CSV, TSV, JSONL or Parquet: one row an example.")],
    text: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="The column of texts. [inferred]")
    ] = None,
    label: LabelColumn = None,
    model: Annotated[
        str, typer.Option(metavar="NAME|DIR", help="The pretrained encoder: of the zoo, or a folder.")
    ] = "minilm",
    seed: Seed = 0,
    quiet: Quiet = False,
) -> None:
    """Try rising learning rates in one short run: print each with its loss, and the one with the steepest fall."""
    from headway import api
    from headway.cli import display

    with display.watcher(quiet=quiet) as progress:
        found = api.learning_rates(data, text=text, label=label, model=model, seed=seed, progress=progress)
    for rate, loss in zip(found.rates, found.losses, strict=True):
        typer.echo(f"{rate:.2e}  {loss:.4f}")
    typer.echo(f"Steepest fall: headway fit {data} --set learning_rate={found.suggested:.1e}")
