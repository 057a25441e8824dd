"""`headway evaluate`: a run on labelled rows; a language model on a text, or on a table after a few examples."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headway.cli.options import LabelColumn, Quiet, TextColumns

if TYPE_CHECKING:
    from headway.ladder.fewshot import FewShotScore
    from headway.metrics.perplexity import Perplexity

Source = Annotated[
    str,
    typer.Argument(metavar="RUN|MODEL", help="A run, a folder with a language model, or a name of the zoo."),
]
Data = Annotated[
    Path | None,
    typer.Argument(help="Labelled rows for a run, and with --shots; for a language model a text file."),
]
Glue = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Score a run on the files of one of GLUE's tasks.")
]
Snli = Annotated[Path | None, typer.Option(metavar="FILE", help="Score a run on SNLI's own file.")]
Squad = Annotated[Path | None, typer.Option(metavar="FILE", help="Score a run on a file in SQuAD's form.")]
Out = Annotated[
    Path, typer.Option(metavar="DIR", help="Where the answers to GLUE's test files and to SQuAD are put.")
]
Stride = Annotated[
    int | None, typer.Option(metavar="N", help="Tokens between windows. [half of what the model reads]")
]
Baseline = Annotated[
    Path | None, typer.Option(metavar="CORPUS", help="Score 5-grams counted in this text beside the model.")
]
Shots = Annotated[
    int | None, typer.Option(metavar="K", help="Label each row after K examples, nothing trained.")
]
Template = Annotated[
    str | None, typer.Option(help="How an example is written, with {text}, ending with {label}.")
]
Normalize = Annotated[
    str, typer.Option(help="Compare the labels' likelihoods per token (mean) or whole (sum).")
]
RungName = Annotated[str | None, typer.Option(help="Of a run, another rung than the one that ships.")]
MaxRows = Annotated[int, typer.Option(metavar="N", min=100, help="Use at most so many rows.")]
Seed = Annotated[int, typer.Option(help="The examples follow from it.")]
Weights = Annotated[
    str | None,
    typer.Option(metavar="STORAGE", help="Hold them as int8, bfloat16 or float32, as generate can."),
]


def evaluate(
    source: Source,
    data: Data = None,
    glue: Glue = None,
    snli: Snli = None,
    squad: Squad = None,
    out: Out = Path("submission"),
    stride: Stride = None,
    baseline: Baseline = None,
    shots: Shots = None,
    template: Template = None,
    normalize: Normalize = "mean",
    text: TextColumns = None,
    label: LabelColumn = None,
    rung: RungName = None,
    max_rows: MaxRows = 2000,
    seed: Seed = 0,
    weights: Weights = None,
    quiet: Quiet = False,
) -> None:
    """Print a run's scores on labelled rows; of a language model perplexities, or with --shots its accuracy."""
    from headway import api
    from headway.cli import display

    if glue is not None or snli is not None or squad is not None:
        display.print_benchmark(
            api.score_benchmark(source, glue=glue, snli=snli, squad=squad, rung=rung, out=out)
        )
    elif data is None:
        raise typer.BadParameter("give a file, or with a run --glue, --snli or --squad", param_hint="DATA")
    elif api.is_run(source):
        display.print_scores(api.score_run(source, data, text=text, label=label, rung=rung))
    elif shots is None:
        _perplexities(source, data, baseline, quiet=quiet, stride=stride, weights=weights)
    elif baseline is not None:
        raise typer.BadParameter("the baseline belongs to perplexities: leave out --shots or --baseline")
    else:
        with display.watcher(quiet=quiet) as progress:
            score = api.few_shot(
                source,
                data,
                shots=shots,
                template=template,
                normalize=normalize,
                text=text[0] if text else None,
                label=label,
                max_rows=max_rows,
                seed=seed,
                weights=weights,
                progress=progress,
            )
        _print_few_shot(score)


def _perplexities(source: str, data: Path, baseline: Path | None, *, quiet: bool, **options: Any) -> None:
    """Print a language model's perplexities on a text file, and those of 5-grams that are counted in another."""
    from headway import api
    from headway.cli import display

    with display.watcher(quiet=quiet) as progress:
        found = api.perplexity(source, data, progress=progress, **options)
        counted = None if baseline is None else api.ngram_perplexity(source, baseline, data)
    _print_perplexity(found)
    if counted is not None:
        typer.echo(f"\n5-grams of the same tokens, counted in {baseline}:")
        _print_perplexity(counted)


def _print_perplexity(found: "Perplexity") -> None:
    typer.echo(f"perplexity per token      {found.per_token:,.2f}  ({found.tokens:,} tokens)")
    typer.echo(f"perplexity per word       {found.per_word:,.2f}  ({found.words:,} words)")
    typer.echo(f"perplexity per character  {found.per_character:,.3f}  ({found.characters:,} characters)")
    typer.echo(f"bits per character        {found.bits_per_character:.3f}")
    if found.unpredicted:
        typer.echo("The first token had nothing before it and was not predicted.")
    if found.unknown:
        share = found.unknown / found.tokens
        typer.echo(
            f"{found.unknown:,} tokens ({share:.1%}) are unknown to it. Their cost is that of any unknown one, "
            "so the figures flatter it."
        )


def _print_few_shot(score: "FewShotScore") -> None:
    from headway.core.times import human_seconds

    typer.echo(f"What the model reads, {score.shots} examples and the first text:\n")
    typer.echo("\n".join(f"  | {line}" for line in score.prompt.split("\n")))
    typer.echo(f"\nLabels: {', '.join(score.labels)} (likelihoods compared by {score.normalization})")
    for name, found in (("accuracy", score.accuracy), ("macro-F1", score.macro_f1)):
        low, high = 100 * found.low, 100 * found.high
        typer.echo(f"{name:9} {100 * found.value:.1f} %  ({low:.1f} to {high:.1f})")
    rows = f"{score.rows:,} held-out rows"
    typer.echo(f"majority  {100 * score.majority:.1f} %  ({rows}, {human_seconds(score.seconds)})")
    if score.cut:
        typer.echo(f"{score.cut:,} prompts were longer than the model reads and lost their beginning.")
