"""`headway show`: print what a run folder holds."""

from pathlib import Path
from typing import Annotated

import typer

from headway.cli.options import AsRecord


def show(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder made by `headway fit`.")],
    json: AsRecord = False,
) -> None:
    """Print a run's ladder, verdict, data and files."""
    from headway.bundle.run import Run
    from headway.cli import display

    opened = Run.open(run)
    if json:
        display.print_json(opened.record.to_dict())
        return
    display.print_ladder(opened.record)
    display.print_verdict(opened.record)
    display.print_facts(opened)
