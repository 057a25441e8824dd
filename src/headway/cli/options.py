"""Options that several commands have."""

from typing import Annotated

import typer

TextColumns = Annotated[
    list[str] | None,
    typer.Option(metavar="COLUMN", help="The column of texts; twice for pairs of them. [inferred]"),
]
LabelColumn = Annotated[str | None, typer.Option(metavar="COLUMN", help="The column of labels. [inferred]")]
Seed = Annotated[int, typer.Option(help="Every random choice follows from it.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print the result only.")]
AsRecord = Annotated[bool, typer.Option("--json", help="Print the record of the run as JSON.")]
