"""`headway generate`: let a model go on with a prompt, or answer it."""

from typing import Annotated, Any

import typer


def generate(
    source: Annotated[
        str, typer.Argument(metavar="RUN|MODEL", help="A folder with a language model, or a name of the zoo.")
    ],
    prompt: Annotated[str, typer.Argument(help="The text to go on with.")],
    stream: Annotated[bool, typer.Option("--stream", help="Print each piece as it is written.")] = False,
    max_tokens: Annotated[
        int | None, typer.Option(metavar="N", help="At most so many new tokens. [100, or what fits]")
    ] = None,
    temperature: Annotated[
        float | None, typer.Option(help="Draw instead of taking the likeliest; higher is wilder.")
    ] = None,
    top_k: Annotated[int | None, typer.Option(metavar="K", help="Draw from the K likeliest tokens.")] = None,
    top_p: Annotated[
        float | None,
        typer.Option(metavar="P", help="Draw from the likeliest tokens of probability P together."),
    ] = None,
    beams: Annotated[int | None, typer.Option(metavar="N", help="Search with so many beams.")] = None,
    seed: Annotated[int, typer.Option(help="What is drawn follows from it.")] = 0,
    weights: Annotated[
        str | None,
        typer.Option(
            metavar="STORAGE",
            help="Hold them as int8, bfloat16 or float32 and write faster, on the CPU. int8 and bfloat16 round.",
        ),
    ] = None,
) -> None:
    """Print how a language model goes on with a prompt, or what a T5 answers."""
    from headway import api

    options: dict[str, Any] = {
        "max_tokens": max_tokens,
        "temperature": temperature,
        "top_k": top_k,
        "top_p": top_p,
        "seed": seed,
        "weights": weights,
    }
    if not stream:
        typer.echo(api.generate(source, prompt, beams=beams, **options))
        return
    if beams is not None:
        raise typer.BadParameter("a beam is not known before its end: leave out --stream or --beams")
    pieces = api.stream(source, prompt, **options)
    for piece in pieces:
        typer.echo(piece, nl=False)
    typer.echo()
