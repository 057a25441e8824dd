"""`headway distill`: teach a small student what a run's fine-tuned encoder knows."""

from pathlib import Path
from typing import Annotated

import typer

from headway.cli.options import AsRecord, Quiet


def distill(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder made by `headway fit`.")],
    layers: Annotated[
        int | None, typer.Option(metavar="N", help="The student's layers. [half of the model's]")
    ] = None,
    student: Annotated[
        str | None,
        typer.Option(metavar="NAME|DIR", help="Another model as the student: of the zoo, or a folder."),
    ] = None,
    unlabelled: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Texts without labels, to teach on as well.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The new run folder. [RUN-distilled]")
    ] = None,
    quiet: Quiet = False,
    json: AsRecord = False,
) -> None:
    """Teach a small student what a run's fine-tuned encoder knows, and compare the two on the same held-out rows."""
    from headway import api
    from headway.cli import display
    from headway.cli.fit import print_run

    with display.watcher(quiet=quiet or json) as progress:
        found = api.distill(
            run, layers=layers, student=student, unlabelled=unlabelled, out=out, progress=progress
        )
    print_run(found, json=json)
