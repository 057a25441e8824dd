"""`headway ngram`: count an n-gram language model in a text."""

from pathlib import Path
from typing import Annotated

import typer


def ngram(
    corpus: Annotated[Path, typer.Argument(help="A text file, or a folder of .txt files.")],
    order: Annotated[int, typer.Option(metavar="N", help="1 to 5: how many tokens an n-gram has.")] = 5,
    by: Annotated[
        str,
        typer.Option(
            metavar="UNIT",
            help="words (each line a sentence), characters, or a model whose tokenizer cuts the text: a folder, "
            "a name of the zoo, or a tokenizer.json.",
        ),
    ] = "words",
    out: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER|FILE.arpa", help="Where to write it. [CORPUS-ngrams]"),
    ] = None,
) -> None:
    """Count an n-gram language model (modified Kneser-Ney): the baseline for other language models.

    `headway evaluate` and `headway generate` take what it writes, or any ARPA file.
    """
    from headway import api
    from headway.core.files import folder_size, human_bytes

    target = api.ngram(corpus, order=order, by=by, out=out)
    typer.echo(f"{target}  ({human_bytes(folder_size(target))})")
    typer.echo(f"  How well it predicts a text:  headway evaluate {target} FILE")
    typer.echo(f'  Let it go on with a prompt:   headway generate {target} "..." --temperature 1')
