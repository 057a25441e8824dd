"""`headway pretrain`: train a network on plain text or line pairs, for `headway fit --model` to build on."""

from pathlib import Path
from typing import Annotated

import typer

from headway.cli.options import Quiet, Seed


def pretrain(
    corpus: Annotated[
        Path | None,
        typer.Argument(
            help="A text file, or a folder of .txt files; for a transformer, lines of source, tab, target."
        ),
    ] = None,
    arch: Annotated[
        str, typer.Option(help="What is built: awd-lstm, bert, elmo, gpt2, t5 or transformer.")
    ] = "bert",
    size: Annotated[str, typer.Option(help="tiny, mini or small.")] = "tiny",
    vocabulary: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A published vocabulary. [made from the corpus]")
    ] = None,
    cased: Annotated[
        bool,
        typer.Option(
            "--cased",
            help="Keep capital letters (and accents) in the vocabulary that is made for a bert or awd-lstm.",
        ),
    ] = False,
    backward: Annotated[
        bool, typer.Option("--backward", help="Train an awd-lstm to read texts from their end.")
    ] = False,
    optimizer: Annotated[str, typer.Option(help="adamw; of an awd-lstm nt-asgd, too.")] = "adamw",
    epochs: Annotated[int, typer.Option(metavar="N", help="Go through the corpus so many times.")] = 10,
    seed: Seed = 0,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The folder to make. [CORPUS-ARCH-SIZE]")
    ] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda or mps. [fastest]")] = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Go on with the pretraining that was to make this folder; nothing else is given.",
        ),
    ] = None,
    allow_inexact: Annotated[
        bool, typer.Option("--allow-inexact", help="Resume on another machine or with other versions too.")
    ] = False,
    quiet: Quiet = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print the record of the pretraining as JSON.")
    ] = False,
) -> None:
    """Pretrain a network on plain text or line pairs; the estimate of its time is said before the first step."""
    from headway import api
    from headway.cli import display
    from headway.core.files import read_json

    with display.watcher(quiet=quiet or json) as progress:
        folder = api.pretrain(
            corpus,
            arch=arch,
            size=size,
            vocabulary=vocabulary,
            cased=cased,
            backward=backward,
            optimizer=optimizer,
            epochs=epochs,
            seed=seed,
            out=out,
            device=device,
            resume=resume,
            allow_inexact=allow_inexact,
            progress=progress,
        )
    record = read_json(folder / "pretraining.json")
    if json:
        display.print_json(record)
        return
    for name, value in record["figures"].items():
        typer.echo(f"Held out: {name} {value:.3f}")
    typer.echo(f"Use it:   headway fit DATA --model {folder}")
