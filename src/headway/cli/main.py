"""The `headway` command and what all its commands share: how errors and interruptions end."""

import sys
from typing import Annotated

import typer

import headway
from headway.cli.distill import distill
from headway.cli.doctor import doctor
from headway.cli.evaluate import evaluate
from headway.cli.fit import fit
from headway.cli.generate import generate
from headway.cli.ngram import ngram
from headway.cli.predict import predict
from headway.cli.pretrain import pretrain
from headway.cli.rates import rates
from headway.cli.show import show
from headway.cli.vectors import app as vectors
from headway.cli.zoo import app as zoo
from headway.core.errors import HeadwayError

app = typer.Typer(
    name="headway",
    help="The smallest model that is really good on your labelled texts, with the proof.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command("fit")(fit)
app.command("distill")(distill)
app.command("predict")(predict)
app.command("show")(show)
app.command("rates")(rates)
app.command("pretrain")(pretrain)
app.command("ngram")(ngram)
app.command("generate")(generate)
app.command("evaluate")(evaluate)
app.add_typer(vectors, name="vectors")
app.add_typer(zoo, name="zoo")
app.command("doctor")(doctor)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"headway {headway.__version__}")
        raise typer.Exit


@app.callback()
def _shared(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Hold the options that stand before a command."""


def main() -> None:
    """Run the command line. Exit status: 0 done, 1 a Headway error, 2 wrong usage, 130 interrupted."""
    try:
        app()
    except HeadwayError as error:
        sys.stdout.flush()
        print(f"headway: {error}", file=sys.stderr)
        _print_notes(error)
        sys.exit(1)
    except BrokenPipeError:  # the reader of our output went away, as `| head` does
        sys.stderr.close()
        sys.exit(141)
    except SystemExit as end:  # typer turns an interruption into one
        interruption = end.__context__.__cause__ if end.__context__ else None
        if isinstance(interruption, KeyboardInterrupt):
            print("headway: interrupted", file=sys.stderr)
            _print_notes(interruption)
        raise


def _print_notes(error: BaseException) -> None:
    for note in getattr(error, "__notes__", ()):
        print(note, file=sys.stderr)
