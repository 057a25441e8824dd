"""`headway evaluate`: a run on labelled rows; a language model on a text, or on a table after a few examples."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from headway.ladder.fewshot import FewShotScore
    from headway.metrics.perplexity import Perplexity


def evaluate(
    source: Annotated[
        str,
        typer.Argument(
            metavar="RUN|MODEL", help="A run, a folder with a language model, or a name of the zoo."
        ),
    ],
    data: Annotated[
        Path | None,
        typer.Argument(help="Labelled rows for a run, and with --shots; for a language model a text file."),
    ] = None,
    glue: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Score a run on the files of one of GLUE's tasks.")
    ] = None,
    snli: Annotated[Path | None, typer.Option(metavar="FILE", help="Score a run on SNLI's own file.")] = None,
    squad: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Score a run on a file in SQuAD's form.")
    ] = None,
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Where the answers to GLUE's test files and to SQuAD are put.")
    ] = Path("submission"),
    stride: Annotated[
        int | None, typer.Option(metavar="N", help="Tokens between windows. [half of what the model reads]")
    ] = None,
    baseline: Annotated[
        Path | None,
        typer.Option(metavar="CORPUS", help="Score 5-grams counted in this text beside the model."),
    ] = None,
    shots: Annotated[
        int | None, typer.Option(metavar="K", help="Label each row after K examples, nothing trained.")
    ] = None,
    template: Annotated[
        str | None, typer.Option(help="How an example is written, with {text}, ending with {label}.")
    ] = None,
    normalize: Annotated[
        str, typer.Option(help="Compare the labels' likelihoods per token (mean) or whole (sum).")
    ] = "mean",
    text: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN", help="The column of texts; twice for pairs. [inferred]"),
    ] = None,
    label: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="The column of labels. [inferred]")
    ] = None,
    rung: Annotated[str | None, typer.Option(help="Of a run, another rung than the one that ships.")] = None,
    max_rows: Annotated[int, typer.Option(metavar="N", min=100, help="Use at most so many rows.")] = 2000,
    seed: Annotated[int, typer.Option(help="The examples follow from it.")] = 0,
    weights: Annotated[
        str | None,
        typer.Option(metavar="STORAGE", help="Hold them as int8, bfloat16 or float32, as generate can."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the result only.")] = False,
) -> None:
    """Print a run's scores on labelled rows; of a language model perplexities, or with --shots its accuracy."""
    from headway import api
    from headway.cli import display

    if glue is not None or snli is not None or squad is not None:
        display.print_benchmark(
            api.score_benchmark(source, glue=glue, snli=snli, squad=squad, rung=rung, out=out)
        )
        return
    if data is None:
        raise typer.BadParameter("give a file, or with a run --glue, --snli or --squad", param_hint="DATA")
    if api.is_run(source):
        display.print_scores(api.score_run(source, data, text=text, label=label, rung=rung))
        return
    with display.watcher(quiet=quiet) as progress:
        if shots is None:
            found = api.perplexity(source, data, stride=stride, weights=weights, progress=progress)
            counted = None if baseline is None else api.ngram_perplexity(source, baseline, data)
        elif baseline is not None:
            raise typer.BadParameter("the baseline belongs to perplexities: leave out --shots or --baseline")
        else:
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
    if shots is None:
        _print_perplexity(found)
        if counted is not None:
            typer.echo(f"\n5-grams of the same tokens, counted in {baseline}:")
            _print_perplexity(counted)
    else:
        _print_few_shot(score)


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
