"""`headway fit`: climb the ladder on a table of texts and labels."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from headway.bundle.run import Run
    from headway.weights.published import Published


def fit(
    data: Annotated[
        Path | None,
        typer.Argument(
            help="CSV, TSV, JSONL, Parquet: one row an example; CoNLL; SQuAD's JSON; a folder or zip of pictures."
        ),
    ] = None,
    text: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN", help="The column of texts; twice for pairs of them. [inferred]"),
    ] = None,
    label: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="The column of labels. [inferred]")
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(
            help="What the labels are: classes, numbers, labels (several a row), tags (of words) or answers (SQuAD). "
            "[recognised]"
        ),
    ] = None,
    test: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Hold out these rows instead of a fifth.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|DIR",
            help="The pretrained encoder: of the zoo, or a folder. [minilm; for pictures mobilenet-v2]",
        ),
    ] = None,
    student: Annotated[
        str | None,
        typer.Option(metavar="LAYERS|NAME|DIR", help="What the distilled rung teaches. [half the layers]"),
    ] = None,
    unlabelled: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Texts without labels, for the rungs distilled, vectors and ulmfit."
        ),
    ] = None,
    vectors: Annotated[
        str | None,
        typer.Option(metavar="NAME|FILE|DIR", help="Word vectors for the rung vectors. [glove-6b-50d]"),
    ] = None,
    language_model: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME|DIR",
            help="What the rung ulmfit tunes; twice for the ensemble of a forward and a backward one. [awd-tiny]",
        ),
    ] = None,
    recipe: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="NAME=VALUE", help="A setting of fine-tuning: epochs=5, layer_decay=0.9."
        ),
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option(
            help="The deciding metric: accuracy or macro-f1, pearson or spearman, answer-f1 or exact-match. "
            "[by the labels]"
        ),
    ] = None,
    rungs: Annotated[
        str | None,
        typer.Option(
            help="majority,ngrams,embeddings,vectors,static,ulmfit,frozen,mixed,distilled,finetuned or all, "
            "whatever they cost; of pictures majority,pixels,frozen,scratch,finetuned; of questions "
            "unanswered,lexical,finetuned. [without embeddings, vectors, static and ulmfit, as far as they fit]"
        ),
    ] = None,
    budget: Annotated[
        str, typer.Option(metavar="TIME", help="Time for all rungs together: 90s, 5m, 1h.")
    ] = "10m",
    tolerance: Annotated[
        float,
        typer.Option(metavar="POINTS", help="A cheaper rung ships if surely less than this much worse."),
    ] = 1.0,
    seed: Annotated[int, typer.Option(help="Every random choice follows from it.")] = 0,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="The run folder. [DATA-run]")] = None,
    fetch: Annotated[
        bool | None, typer.Option("--fetch/--offline", help="Fetch missing weights, or never. [ask]")
    ] = None,
    refit: Annotated[
        bool, typer.Option("--refit/--no-refit", help="Train what ships again on all rows.")
    ] = True,
    device: Annotated[str | None, typer.Option(help="cpu, cuda or mps. [fastest]")] = None,
    max_rows: Annotated[
        int, typer.Option(metavar="N", min=100, help="Learn from at most this many rows; the rest is said.")
    ] = 100_000,
    drop_limit: Annotated[
        float, typer.Option(metavar="PERCENT", help="Stop when more rows than this have no text or label.")
    ] = 5.0,
    drop_rare: Annotated[
        bool, typer.Option("--drop-rare", help="Leave out labels that are seen once.")
    ] = False,
    resume: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Go on with a run that did not finish; give no DATA.")
    ] = None,
    allow_inexact: Annotated[
        bool, typer.Option("--allow-inexact", help="Go on although the machine is not as it was.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the result only.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the record of the run as JSON.")] = False,
) -> None:
    """Try the ladder on labelled texts and keep the smallest model that is really good."""
    from headway import api
    from headway.cli import display

    others = os.environ.get("RANK", "0") != "0"  # under torchrun only the first process shows anything
    with display.watcher(quiet=quiet or json or others) as progress:
        run = api.fit(
            data,
            text=text[0] if text and len(text) == 1 else text or None,
            label=label,
            task=task,
            test=test,
            model=model,
            student=int(student) if student is not None and student.isdigit() else student,
            unlabelled=unlabelled,
            vectors=vectors,
            language_model=language_model or None,
            recipe=_settings(recipe),
            metric=metric,
            rungs=rungs,
            budget=budget,
            tolerance=tolerance,
            seed=seed,
            out=out,
            fetch=_asker() if fetch is None else fetch,
            refit=refit,
            device=device,
            max_rows=max_rows,
            drop_limit=drop_limit,
            drop_rare=drop_rare,
            resume=resume,
            allow_inexact=allow_inexact,
            progress=progress,
        )
    if not others:
        print_run(run, json=json)


def print_run(run: "Run", *, json: bool) -> None:
    """Print what a run came to; raises Exit where it was interrupted."""
    from headway.cli import display

    if json:
        display.print_json(run.record.to_dict())
    else:
        _print_result(run)
    if any(rung.status == "interrupted" for rung in run.record.rungs):
        typer.echo(f"Interrupted; go on with: headway fit --resume {run.folder}", err=True)
        raise typer.Exit(130)


def _settings(words: list[str] | None) -> dict[str, Any] | None:
    """Read NAME=VALUE words; a value is a whole number, a number or a word."""
    from headway.core.errors import UsageError

    settings: dict[str, Any] = {}
    for word in words or ():
        name, equals, value = word.partition("=")
        if not equals or not name or not value:
            raise UsageError(f"expected NAME=VALUE, found {word!r}", where="--set")
        settings[name.replace("-", "_")] = _plain(value)
    return settings or None


def _plain(value: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(value)
        except ValueError:
            continue
    return value


def _asker() -> "Callable[[Published], bool] | None":
    """Return a question for the terminal, or None where nobody can answer."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None

    def ask(entry: "Published") -> bool:
        from headway.core.files import human_bytes

        question = f"Fetch {entry.title} ({human_bytes(entry.size)}, {entry.licence})?"
        return typer.confirm(question, default=True, err=True)

    return ask


def _print_result(run: "Run") -> None:
    from headway.cli import display

    display.print_ladder(run.record)
    display.print_verdict(run.record)
    typer.echo(f"\nReport:  {run.report}")
    example = '"one text" "another"' if run.reads_pairs else '"some text"'
    example = '"a sentence"' if run.reads_words else example
    example = '"a question" "its context"' if run.answers_questions else example
    example = "photo.jpg" if run.reads_pictures else example
    typer.echo(f"Use it:  headway predict {run.folder} {example}")
